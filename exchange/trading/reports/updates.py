"""Order updates for the owners: numbered in the transaction, sent after its commit."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from uuid import UUID

from django.db import transaction

from be.database.statements import Row
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
WAITING = (OrderStatus.ACCEPTED, OrderStatus.HELD)

Update = publish.Document


def by_owner(changed: Iterable[WorkingOrder]) -> dict[UUID, list[Update]]:
    """The updates for each owner of these orders, in their order, without numbers.

    An order has one update for each thing that happened to it, or one when only its terms changed.
    """
    found: dict[UUID, list[Update]] = defaultdict(list)
    for working_order in changed:
        order = working_order.order
        order.loaded_fills = working_order.fills
        order.document = documents.order(order, with_legs=False)
        found[order.owner_id] += [
            {"event": event, "order": order.document, "execution": execution}
            for event, execution in _events(working_order, order.document["executions"])
        ]
    return found


def of_new_terms(changed: Iterable[Order]) -> dict[UUID, list[Update]]:
    """The updates for each owner of these orders, of which only the terms changed."""
    found: dict[UUID, list[Update]] = defaultdict(list)
    for order in changed:
        document = documents.order(order, with_legs=False)
        update = {"event": _state(order), "order": document, "execution": None}
        found[order.owner_id].append(update)
    return found


def counts(updates: Mapping[UUID, list[Update]]) -> list[Row]:
    """Rows of `order_rows.COUNT_UPDATES` for these updates, in the order of the owners' locks."""
    return [(owner_id, len(updates[owner_id])) for owner_id in sorted(updates)]


def _events(
    working_order: WorkingOrder, executions: Sequence[publish.Document]
) -> list[tuple[str, publish.Document | None]]:
    order, before = working_order.order, working_order.status_before
    has_ended = order.status in ENDINGS
    found: list[tuple[str, publish.Document | None]] = []
    has_started = before in WAITING and before != order.status and not has_ended
    if working_order.is_new or has_started:
        found.append((_state(order), None))
    units = order.filled_quantity - sum(fill.quantity for fill in working_order.new_fills)
    new_executions = executions[working_order.fills_before :]
    for fill, document in zip(working_order.new_fills, new_executions, strict=True):
        units += fill.quantity
        found.append(("fill" if units == order.quantity else "partial_fill", document))
    if has_ended:
        found.append((ENDINGS[OrderStatus(order.status)], None))
    # Only its terms changed, as when the other exit of its pair was filled in part.
    return found or [(_state(order), None)]


def _state(order: Order) -> str:
    return "accepted" if order.status in WAITING else "new"


def send_on_commit(
    updates: Mapping[UUID, list[Update]], last_numbers: Sequence[tuple[str, int]]
) -> None:
    """Number each owner's updates up to the new count, and send them after the commit."""
    last = {UUID(str(owner)): number for owner, number in last_numbers}
    for owner_id, own in updates.items():
        for number, update in enumerate(own, start=last[owner_id] - len(own) + 1):
            update["sequence"] = number
        transaction.on_commit(partial(_send, owner_id, own))


def _send(owner_id: UUID, updates: Sequence[Update]) -> None:
    publish.order_updates(owner_id=owner_id, updates=updates)
    if not events.logger.isEnabledFor(logging.INFO):
        return
    for update in updates:
        order = update["order"]
        events.log(
            f"order {update['event']}",
            user_id=owner_id,
            order_id=order["id"],
            symbol=order["symbol"],
            side=order["side"],
            filled_quantity=order["filled_quantity"],
        )
