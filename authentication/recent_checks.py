"""Sessions and API keys that this process has found live within the last second.

That is for public market data alone: what is the same for everybody may trust a check of a moment
ago (docs/decisions/ready-answers.md). Every request for what is a customer's own asks the database.
Whatever ends a session or revokes an API key in this process takes it out at once.
"""

import threading
import time
import uuid
from collections.abc import Hashable
from datetime import datetime
from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS

from authentication.models import User
from authentication.rules.scopes import EVERY_SCOPE, Scope

SECONDS = 1.0
MAX_CHECKS = 4096


class Live(NamedTuple):
    """What was found live: whose session, or whose API key with these scopes and this end."""

    user_id: uuid.UUID
    api_key_id: uuid.UUID | None = None
    scopes: frozenset[Scope] = EVERY_SCOPE
    expires_at: datetime | None = None


class RecentChecks:
    """When each credential was last found live, by a monotonic clock; safe to use from any thread.

    A check is named by all that it depends on: a session and its user; an API key, its secret's
    hash, and the address that it came from.
    """

    def __init__(self) -> None:
        self._checked: dict[Hashable, tuple[float, Live]] = {}
        self._endings = 0
        self._lock = threading.Lock()

    def begin(self) -> tuple[int, float]:
        """Call before the database is asked; `note` needs it."""
        return self._endings, time.monotonic()

    def note(self, began: tuple[int, float], check: Hashable, live: Live) -> None:
        """It was live. Nothing is noted if any session or key has ended since `began`."""
        endings, at = began
        with self._lock:
            if endings != self._endings:
                return
            if len(self._checked) >= MAX_CHECKS:
                self._checked.clear()  # none of them would be good for longer than a second
            self._checked[check] = (at, live)

    def find(self, check: Hashable) -> Live | None:
        """What was found live a second ago or later; None if it has to be looked up."""
        noted = self._checked.get(check)
        if noted is None or time.monotonic() - noted[0] > SECONDS:
            return None
        return noted[1]

    def forget(self, user_id: uuid.UUID) -> None:
        """A session or key of this user has ended, or may have: all of them are checked anew."""
        with self._lock:
            self._endings += 1
            for check in [c for c, (_, live) in self._checked.items() if live.user_id == user_id]:
                del self._checked[check]


def reader(user_id: uuid.UUID) -> User:
    """A user with an id alone; whatever else is asked of it is read at first use."""
    return User.from_db(DEFAULT_DB_ALIAS, ["id"], [user_id])


recent_checks = RecentChecks()
