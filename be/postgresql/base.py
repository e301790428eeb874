"""Django's backend for PostgreSQL, with connections that a thread may keep between requests."""

import select
import time
from typing import Any

from django.db.backends.postgresql import base

# As long as that; then the pool may have it, and give another.
KEPT_SECONDS = 600


class DatabaseWrapper(base.DatabaseWrapper):
    """As Django's, which gives a connection back to the pool at the end of each request.

    The pool then tries it, by a trip to the server, before it gives it out again. A thread that
    answers one request after the other sets `keeps` and has the same one for all of them: that the
    server has closed it can be told from its socket, without a trip.
    """

    keeps = False

    def close_if_unusable_or_obsolete(self) -> None:
        """At both ends of a request, as Django calls it: give the connection back, or keep it."""
        if not (self.keeps and self._is_good()):
            super().close_if_unusable_or_obsolete()

    def _is_good(self) -> bool:
        return (
            self.connection is not None
            and self.autocommit
            and not self.errors_occurred
            # With a pool, that is when it was taken out of it.
            and self.close_at is not None
            and time.monotonic() < self.close_at + KEPT_SECONDS
            and not _has_news(self.connection)
        )


def _has_news(connection: Any) -> bool:
    """Whether the server has said something unasked; mostly that it is gone."""
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return bool(poll.poll(0))
