"""Exit orders: the legs of an entry, and the two orders of a pair."""

from collections.abc import Iterator
from uuid import UUID

from exchange.models import Order, OrderStatus, Side
from exchange.tests.invariants.state import State, name_of

ENTRY_CLASSES = ("bracket", "oto")


def exits_agree(state: State, order: Order) -> Iterator[str]:
    """Legs wait while their entry is open; two open exits of a pair have the same quantity left."""
    if order.status == OrderStatus.HELD:
        parent = state.orders.get(order.parent_id or order.pk)
        if parent is None or not parent.is_open:
            yield f"{name_of(order)} waits for an entry that has ended"
        return
    if order.pair_id is None or not order.is_open:
        return
    for other in state.orders.values():
        if other.pair_id != order.pair_id or other.status == OrderStatus.REPLACED:
            continue
        if not other.is_open or other.remaining_quantity != order.remaining_quantity:
            yield f"{name_of(order)} goes on, and its other exit is {name_of(other)}"


def legs_sell_what_was_bought(before: State, after: State) -> Iterator[str]:
    """Legs sell all that the entry bought, unless the owner has less when they go to work."""
    for order in after.orders.values():
        if order.parent_id is None or order.order_class not in ENTRY_CLASSES:
            continue
        if not order.is_open or order.status == OrderStatus.HELD:
            continue
        bought = sum(entry.filled_quantity for entry in _chain(after, order.parent_id))
        sold = sum(
            each.filled_quantity
            for each in after.orders.values()
            if each.parent_id == order.parent_id
        )
        left = bought - sold - order.remaining_quantity
        if left < 0:
            yield f"{name_of(order)} sells {-left} more than was bought"
        old = before.orders.get(order.pk)
        if left > 0 and (old is None or old.status == OrderStatus.HELD):
            there = _available(after, order) - _became_available(before, after, order)
            if there > 0:
                yield f"{name_of(order)} leaves {left} of {bought}, and {there} are there"


def _available(state: State, order: Order) -> int:
    return state.available(order.owner_id, state.instruments[order.instrument_id].symbol)


def _became_available(before: State, after: State, leg: Order) -> int:
    """At most so many units became available to the owner in this step after the leg was sized.

    Other orders bought them, or have ended and no longer sell them.
    """
    entries = {entry.pk for entry in _chain(after, leg.parent_id or leg.pk)}
    units = 0
    for key, order in after.orders.items():
        same = (order.owner_id, order.instrument_id) == (leg.owner_id, leg.instrument_id)
        old = before.orders.get(key)
        if not same or key in entries or (old is not None and not old.is_open):
            continue
        if order.side == Side.BUY:
            units += order.filled_quantity - (0 if old is None else old.filled_quantity)
        elif not order.is_open:
            units += order.remaining_quantity
    return units


def _chain(state: State, key: UUID) -> Iterator[Order]:
    """The order, the one that it replaced, the one that that replaced, and so on."""
    order: Order | None = state.orders[key]
    while order is not None:
        yield order
        order = state.orders.get(order.replaces_id) if order.replaces_id else None
