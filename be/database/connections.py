"""A database connection as a server needs it: kept between requests, and not taking notes."""

import logging
import time

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

# A request that comes later than that has another: from the pool, or the file is opened anew.
KEPT_SECONDS = 60

_sql_log = logging.getLogger("django.db.backends")


class ServerConnection(BaseDatabaseWrapper):
    """Django's wrapper of a connection, which ends or gives it back at the end of each request.

    A thread that answers one request after the other sets `keeps`, and has the same one for all of
    them: to open a file anew costs more than most requests, and a pool tries each connection by a
    trip to the server before it gives it out.
    """

    keeps = False

    @property
    def queries_logged(self) -> bool:
        """Whether statements are remembered and logged: where somebody wants to see them.

        Django does it whenever DEBUG is on, which nearly doubles the cost of an order, and
        remembers the last 9,000 of a simulator that never answers a request.
        """
        wanted = _sql_log.isEnabledFor(logging.DEBUG) and settings.DEBUG
        return bool(self.force_debug_cursor or wanted)

    @property
    def has_listeners(self) -> bool:
        """Whether somebody wants to see each statement: those that Django's cursors send."""
        return bool(self.execute_wrappers) or self.queries_logged

    def close_if_unusable_or_obsolete(self) -> None:
        """At both ends of a request, as Django calls it: give the connection back, or keep it."""
        if not (self.keeps and self._is_good()):
            super().close_if_unusable_or_obsolete()

    def _is_good(self) -> bool:
        return (
            self.connection is not None
            and self.autocommit
            and not self.errors_occurred
            # With an age of 0, that is when it was taken or opened.
            and self.close_at is not None
            and time.monotonic() < self.close_at + KEPT_SECONDS
            and self.is_still_there()
        )

    def is_still_there(self) -> bool:
        """Whether the other end has not gone; to be told without asking it."""
        return True
