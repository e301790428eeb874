"""A database connection that a thread keeps from one request to the next."""

import time

from django.db.backends.base.base import BaseDatabaseWrapper

# As long as that; then a pool may have it and give another, and a file is opened anew.
KEPT_SECONDS = 60


class KeptConnection(BaseDatabaseWrapper):
    """Django's wrapper of a connection, which ends or gives it back at the end of each request.

    A thread that answers one request after the other sets `keeps`, and has the same one for all of
    them: to open a file anew costs more than most requests, and a pool tries each connection by a
    trip to the server before it gives it out.
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
            # With an age of 0, that is when it was taken or opened.
            and self.close_at is not None
            and time.monotonic() < self.close_at + KEPT_SECONDS
            and self.is_still_there()
        )

    def is_still_there(self) -> bool:
        """Whether the other end has not gone; to be told without asking it."""
        return True
