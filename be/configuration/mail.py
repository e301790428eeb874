"""How mail is sent: EMAIL_URL, read into Django's settings of a mail backend."""

from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

REMEDY = (
    "Write smtp+tls://user:password@host:587 (smtps:// for port 465), with %40 for an @ in the "
    "password; console:// or file:///folder to try."
)
SECONDS_TO_SEND = 10  # a mail that takes longer is tried again later
BACKENDS = "django.core.mail.backends"


def _smtp(parts: SplitResult, *, port: int, **tls: bool) -> dict[str, Any]:
    if not parts.hostname:
        raise ValueError("It names no mail server")
    return {
        "EMAIL_BACKEND": f"{BACKENDS}.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or port,
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_TIMEOUT": SECONDS_TO_SEND,
        **tls,
    }


def _console(parts: SplitResult) -> dict[str, Any]:
    return {"EMAIL_BACKEND": f"{BACKENDS}.console.EmailBackend"}


def _folder(parts: SplitResult) -> dict[str, Any]:
    if parts.netloc or not parts.path.strip("/"):
        raise ValueError("It names no folder")
    return {
        "EMAIL_BACKEND": f"{BACKENDS}.filebased.EmailBackend",
        "EMAIL_FILE_PATH": unquote(parts.path),
    }


SCHEMES: dict[str, Callable[[SplitResult], dict[str, Any]]] = {
    "smtp": lambda parts: _smtp(parts, port=25),
    "smtp+tls": lambda parts: _smtp(parts, port=587, EMAIL_USE_TLS=True),
    "smtps": lambda parts: _smtp(parts, port=465, EMAIL_USE_SSL=True),
    "console": _console,
    "file": _folder,
}


def parse(url: str) -> dict[str, Any]:
    """Django's settings for this URL; an empty one sends nothing.

    Raises ValueError, whose text has nothing of the URL.
    """
    if not url:
        return {"EMAIL_BACKEND": f"{BACKENDS}.dummy.EmailBackend"}
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("Its host or port can't be read") from None
    if parts.scheme not in SCHEMES:
        raise ValueError("It has none of the known schemes")
    return SCHEMES[parts.scheme](parts)
