"""How the domain sends anything to sockets: quotes, order updates and alerts.

Call it after the commit. A message is queued and sent by a thread
(exchange/streaming/publisher.py), so these functions never wait and never fail.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from exchange.streaming import publisher

Document = dict[str, Any]


def quotes(*, sequence: int, documents: Sequence[Document]) -> None:
    """One message for a whole round of quotes, numbered by the round."""
    publisher.send({"type": "stream.quotes", "sequence": sequence, "quotes": list(documents)})


def order_updates(*, owner_id: UUID, updates: Sequence[Document]) -> None:
    """What happened to one user's orders, oldest first; each update has its own sequence."""
    publisher.send({"type": publisher.ORDERS, "owner": str(owner_id), "updates": list(updates)})


def alert(document: Document) -> None:
    """A market alert for everybody: halt, resume, a large move."""
    publisher.send({"type": "stream.alert", "alert": document})
