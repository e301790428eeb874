"""The thread of a server process that sends mails, so that no request waits for a mail server."""

import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings
from django.db import Error, connections
from django.utils import timezone

from authentication import mailing, outbox

Application = Callable[[Any, Any, Any], Awaitable[None]]

logger = logging.getLogger(__name__)

# Mails that another process has posted, or that failed before, are found so late at most.
LOOK_EVERY_SECONDS = 5.0


def started_by(application: Application) -> Application:
    """The application; its first request begins to send, for as long as the process lives.

    Whoever imports it for another reason sends nothing. Any number of processes may send. The
    thread ends with the process, even in the middle of a mail: another one sends that again.
    """
    if not settings.SENDS_MAIL:
        return application
    has_started = False

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        nonlocal has_started
        if not has_started:
            has_started = True
            threading.Thread(target=_run, name="mail", daemon=True).start()
        await application(scope, receive, send)

    return answer


def _run() -> None:
    while True:
        outbox.posted.wait(LOOK_EVERY_SECONDS)
        outbox.posted.clear()
        look()


def look() -> None:
    """Send what is due now. What goes wrong is logged, and tried again with the next look."""
    try:
        mailing.send_due(timezone.now)
    except Error as error:  # the database is away, or not migrated yet
        logger.warning("the outbox could not be read: %s", type(error).__name__)
    except Exception:
        logger.exception("mails could not be sent")
    finally:
        connections.close_all()  # back to the pool, which others wait for
