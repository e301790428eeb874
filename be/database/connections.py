"""A database connection for servers: kept between requests, and without a log of queries."""

import logging
import time

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

# An older connection is given back or closed, and the next request gets another one.
MAX_AGE_SECONDS = 60

_sql_log = logging.getLogger("django.db.backends")


class ServerConnection(BaseDatabaseWrapper):
    """Django's wrapper of a connection, which can stay open from one request to the next.

    Django closes it, or gives it back to the pool, at the end of each request. A thread that only
    answers requests sets `stays_open`. That saves opening SQLite's file, which costs more than most
    requests, and the round trip by which the pool checks each connection that it hands out.
    """

    stays_open = False

    @property
    def queries_logged(self) -> bool:
        """Whether statements are logged and kept in `queries`: only where the log shows them.

        Django does it whenever DEBUG is on. That nearly doubles the cost of an order, and in the
        simulator, which answers no requests, it keeps the last 9,000 statements in memory.
        """
        is_logged = _sql_log.isEnabledFor(logging.DEBUG) and settings.DEBUG
        return bool(self.force_debug_cursor or is_logged)

    @property
    def has_listeners(self) -> bool:
        """Whether each statement must go through Django's cursors, which count and log it."""
        return bool(self.execute_wrappers) or self.queries_logged

    def close_if_unusable_or_obsolete(self) -> None:
        """Django calls it at both ends of a request: close the connection, or keep it."""
        if not (self._may_be_kept() and self.is_alive()):
            super().close_if_unusable_or_obsolete()

    def end_request(self) -> None:
        """Close the connection, or keep it; whether it is alive the next request asks."""
        self.queries_log.clear()
        if not self._may_be_kept():
            super().close_if_unusable_or_obsolete()

    def _may_be_kept(self) -> bool:
        return (
            self.stays_open
            and self.connection is not None
            and self.autocommit
            and not self.errors_occurred
            # CONN_MAX_AGE is 0, so this is the time when it was opened or taken from the pool.
            and self.close_at is not None
            and time.monotonic() < self.close_at + MAX_AGE_SECONDS
        )

    def is_alive(self) -> bool:
        """Whether the server has not closed the connection; answered without a round trip."""
        return True
