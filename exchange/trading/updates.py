"""Telling the owners of orders what changed: numbered in the transaction, sent after its commit."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from uuid import UUID

from django.db import transaction

from exchange.models import Order, OrderFeed, OrderStatus
from exchange.streaming import publish
from exchange.trading import documents
from exchange.trading.execution import Working

ENDINGS = {
    OrderStatus.CANCELED: "canceled",
    OrderStatus.EXPIRED: "expired",
    OrderStatus.REJECTED: "rejected",
    OrderStatus.REPLACED: "replaced",
}


def send(changed: Sequence[Working], *, created: Order | None = None) -> None:
    """Queue an update for each thing that happened to these orders, after they were saved.

    The numbering locks each owner's feed, last in the lock order and by owner.
    """
    by_owner: dict[UUID, list[publish.Document]] = defaultdict(list)
    for working in changed:
        document = documents.order(working.order)
        by_owner[working.order.owner_id] += [
            {"event": event, "order": document, "execution": execution}
            for event, execution in _events(working, created=working.order is created)
        ]
    for owner_id in sorted(by_owner):
        _number_and_queue(owner_id, by_owner[owner_id])


def _events(working: Working, *, created: bool) -> Iterator[tuple[str, publish.Document | None]]:
    order = working.order
    if created:
        yield ("accepted" if order.status == OrderStatus.ACCEPTED else "new"), None
    elif working.status_before == OrderStatus.ACCEPTED and order.status not in ENDINGS:
        yield "new", None
    units = order.filled_quantity - sum(fill.quantity for fill in working.new_executions)
    for fill in working.new_executions:
        units += fill.quantity
        event = "fill" if units == order.quantity else "partial_fill"
        yield event, documents.execution(fill, order.instrument)
    if (ending := ENDINGS.get(OrderStatus(order.status))) is not None:
        yield ending, None


def _number_and_queue(owner_id: UUID, updates: list[publish.Document]) -> None:
    feed, _ = OrderFeed.objects.select_for_update().get_or_create(owner_id=owner_id)
    for number, update in enumerate(updates, start=feed.sequence + 1):
        update["sequence"] = number
    feed.sequence += len(updates)
    feed.save(update_fields=["sequence"])
    transaction.on_commit(partial(publish.order_updates, owner_id=owner_id, updates=updates))
