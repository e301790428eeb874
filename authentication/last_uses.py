"""When API keys were last used: noted by requests, and written behind them, once a minute at most.

Noting costs no query; `write` is called when answers have been sent. A use that was noted and not
written is lost with the process, which costs a minute of precision and nothing else.
"""

import threading
import uuid
from datetime import datetime, timedelta

from django.db.models import Q

from authentication.models import ApiKey

EVERY = timedelta(minutes=1)


class LastUses:
    """Uses that wait to be written; safe to use from any thread."""

    def __init__(self) -> None:
        self._waiting: dict[uuid.UUID, datetime] = {}
        self._lock = threading.Lock()

    def note(self, api_key_id: uuid.UUID, now: datetime, *, last: datetime | None) -> None:
        """The key is used now; `last` is what is stored of its last use."""
        if last is None or now - last >= EVERY:
            with self._lock:
                self._waiting[api_key_id] = now

    def are_waiting(self) -> bool:
        return bool(self._waiting)

    def write(self) -> None:
        """Store what was noted. Of servers that note the same minute one writes."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for api_key_id, used_at in waiting.items():
            outdated = Q(last_used_at=None) | Q(last_used_at__lte=used_at - EVERY)
            ApiKey.objects.filter(outdated, pk=api_key_id).update(last_used_at=used_at)


last_uses = LastUses()
