"""Sessions that this process has found live within the last second; for public market data alone.

Every request for what is a customer's own asks the database. What is the same for everybody may
trust a check of a moment ago (docs/decisions/ready-answers.md). Whatever ends a session in this
process takes it out at once.
"""

import threading
import time
import uuid

SECONDS = 1.0
MAX_SESSIONS = 4096


class RecentChecks:
    """When each session was last found live, by a monotonic clock; safe to use from any thread."""

    def __init__(self) -> None:
        self._checked: dict[tuple[uuid.UUID, uuid.UUID], float] = {}
        self._endings = 0
        self._lock = threading.Lock()

    def begin(self) -> tuple[int, float]:
        """Call before the database is asked; `note` needs it."""
        return self._endings, time.monotonic()

    def note(self, began: tuple[int, float], *, session_id: uuid.UUID, user_id: uuid.UUID) -> None:
        """The session was live. Nothing is noted if any session was ended since `began`."""
        endings, at = began
        with self._lock:
            if endings != self._endings:
                return
            if len(self._checked) >= MAX_SESSIONS:
                self._checked.clear()  # none of them would be good for longer than a second
            self._checked[session_id, user_id] = at

    def is_live(self, *, session_id: uuid.UUID, user_id: uuid.UUID) -> bool:
        """Whether it was live a second ago, or later."""
        at = self._checked.get((session_id, user_id))
        return at is not None and time.monotonic() - at <= SECONDS

    def forget(self, user_id: uuid.UUID) -> None:
        """A session of this user has ended, or may have: all of them are checked anew."""
        with self._lock:
            self._endings += 1
            for key in [key for key in self._checked if key[1] == user_id]:
                del self._checked[key]


recent_checks = RecentChecks()
