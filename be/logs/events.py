"""Lines in the log of what people did: who, what and to which row, by ids.

Never a secret, a password, a token or an account number: tests look for them.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from django.db import transaction

logger = logging.getLogger("brokerpro.events")
access = logging.getLogger("brokerpro.access")


def log_on_commit(what: str, **fields: object) -> None:
    """Log at INFO what has happened, after the commit; nothing is logged after a rollback."""
    if logger.isEnabledFor(logging.INFO):
        transaction.on_commit(partial(log, what, **fields))


def log(what: str, **fields: object) -> None:
    """Log at INFO what has happened, at once."""
    logger.info(what, extra={"fields": {name: str(value) for name, value in fields.items()}})


@contextmanager
def silenced() -> Iterator[None]:
    """Log no events of this process meanwhile, as when a made-up history is seeded."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def log_request(*, method: str, path: str, status: int, client: str, milliseconds: float) -> None:
    """Log at INFO that a request was answered. The line has the request id, as all lines have."""
    access.info(
        "%s %s %d",
        method,
        path,
        status,
        extra={"fields": {"client": client, "milliseconds": round(milliseconds, 1)}},
    )
