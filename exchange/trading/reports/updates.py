"""Telling the owners of orders what changed: numbered in the transaction, sent after its commit."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from uuid import UUID

from django.db import transaction

from be.logs import events
from exchange.models import Order, OrderStatus
from exchange.streaming import publish
from exchange.trading.reports import documents
from exchange.trading.rows.working_order import WorkingOrder

ENDINGS = {
    OrderStatus.CANCELED: "canceled",
    OrderStatus.EXPIRED: "expired",
    OrderStatus.REJECTED: "rejected",
    OrderStatus.REPLACED: "replaced",
}


def events_of(working: WorkingOrder) -> list[publish.Document]:
    """An update for each thing that happened to the order, without its number."""
    order = working.order
    order.loaded_fills = working.fills
    order.document = documents.order(order, with_legs=False)
    happened = [*_events(working, order.document["executions"])] or [_goes_on(order)]
    return [
        {"event": event, "order": order.document, "execution": execution}
        for event, execution in happened
    ]


def _goes_on(order: Order) -> tuple[str, None]:
    """Only its terms are others, as when the other exit of its pair was filled in part."""
    return ("accepted" if _waits(order.status) else "new"), None


def _events(
    working: WorkingOrder, executions: Sequence[publish.Document]
) -> Iterator[tuple[str, publish.Document | None]]:
    order = working.order
    waited = working.status_before in (OrderStatus.ACCEPTED, OrderStatus.HELD)
    if working.is_new:
        yield ("accepted" if _waits(order.status) else "new"), None
    elif waited and order.status not in ENDINGS and not _waits(order.status):
        yield "new", None
    elif working.status_before == OrderStatus.HELD and order.status == OrderStatus.ACCEPTED:
        yield "accepted", None
    units = order.filled_quantity - sum(fill.quantity for fill in working.new_fills)
    for fill, document in zip(working.new_fills, executions[working.fills_before :], strict=True):
        units += fill.quantity
        yield ("fill" if units == order.quantity else "partial_fill"), document
    if (ending := ENDINGS.get(OrderStatus(order.status))) is not None:
        yield ending, None


def _waits(status: str) -> bool:
    return status in (OrderStatus.ACCEPTED, OrderStatus.HELD)


def send(
    events_by_order: Sequence[tuple[UUID, list[publish.Document]]],
    counts: Sequence[tuple[str, int]],
) -> None:
    """Number the updates of each owner up to his new count, and send them after the commit."""
    by_owner: dict[UUID, list[publish.Document]] = defaultdict(list)
    for owner_id, changes in events_by_order:
        by_owner[owner_id] += changes
    last = {UUID(str(owner)): count for owner, count in counts}
    for owner_id, changes in by_owner.items():
        if not changes:
            continue
        for number, update in enumerate(changes, start=last[owner_id] - len(changes) + 1):
            update["sequence"] = number
        transaction.on_commit(partial(_tell, owner_id, changes))


def _tell(owner_id: UUID, updates: Sequence[publish.Document]) -> None:
    publish.order_updates(owner_id=owner_id, updates=updates)
    if not events.logger.isEnabledFor(logging.INFO):
        return
    for update in updates:
        order = update["order"]
        events.record(
            f"order {update['event']}",
            user_id=owner_id,
            order_id=order["id"],
            symbol=order["symbol"],
            side=order["side"],
            filled_quantity=order["filled_quantity"],
        )
