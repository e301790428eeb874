"""Where log lines go and how they look, as Python's `logging` takes it."""

from typing import Any


def configured(*, level: str, format: str) -> dict[str, Any]:
    """All lines of this level to the standard error, in a format of `be.logs.formatters`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": "be.api.request_id.RequestIdFilter"}},
        "formatters": {
            "text": {"()": "be.logs.formatters.TextFormatter"},
            "json": {"()": "be.logs.formatters.JSONFormatter"},
        },
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": format,
                "filters": ["request_id"],
            }
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Django's own lines for requests would come in another format beside the handler's.
            "django": {"handlers": []},
            "django.request": {"level": "ERROR"},
            # Requests with a foreign Host header would fill the log; each has its own line anyway.
            "django.security.DisallowedHost": {"handlers": [], "level": "CRITICAL"},
            "daphne.http_protocol": {"level": "WARNING"},
        },
    }
