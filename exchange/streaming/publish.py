"""The one door through which the domain sends anything to sockets."""

import logging
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

logger = logging.getLogger(__name__)

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
    """Hand a message to the channel layer, after the commit of what it tells.

    A lost bus must not turn what is committed into an error: clients see the gap in the sequence
    and ask REST. Each layer has errors of its own, so all are caught, here and nowhere else.
    """
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async_to_sync(layer.group_send)(GROUP, message)
    except Exception as error:  # noqa: BLE001
        logger.warning("the channel layer did not take %s: %s", message["type"], error)
