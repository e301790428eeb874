"""The one door through which the domain sends anything to sockets."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

Document = dict[str, Any]

GROUP = "brokerpro.stream"


def quotes(*, sequence: int, documents: Sequence[Document]) -> None:
    """One message for a whole round of quotes, numbered by the round."""
    _send({"type": "stream.quotes", "sequence": sequence, "quotes": list(documents)})


def order_updates(*, owner_id: UUID, updates: Sequence[Document]) -> None:
    """What happened to one user's orders, oldest first; each update has its own sequence."""
    _send({"type": "stream.orders", "owner": str(owner_id), "updates": list(updates)})


def alert(document: Document) -> None:
    """A market alert for everybody: halt, resume, a large move."""
    _send({"type": "stream.alert", "alert": document})


def _send(message: Document) -> None:
    layer = get_channel_layer()
    if layer is not None:
        async_to_sync(layer.group_send)(GROUP, message)
