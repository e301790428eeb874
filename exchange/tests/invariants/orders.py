"""An order moves through legal states, agrees with its fills, and keeps to its own terms."""

from collections.abc import Iterator

from exchange.models import Order, OrderStatus, Side, TimeInForce
from exchange.tests.invariants.state import State, name_of
from exchange.trading.rules.states import LEGAL_MOVES, Status


def _reachable(status: str) -> set[str]:
    """The states that a chain of legal moves leads to, this one included."""
    found, ahead = {Status(status)}, [Status(status)]
    while ahead:
        new = LEGAL_MOVES[ahead.pop()] - found
        found |= new
        ahead += new
    return {str(each) for each in found}


REACHABLE = {str(status): _reachable(status) for status in Status}


def moves_are_legal(before: State, after: State) -> Iterator[str]:
    for key, old in before.orders.items():
        new = after.orders.get(key)
        if new is None:
            yield f"order {key} is gone"
        elif new.status not in REACHABLE[old.status]:
            yield f"order {key} went from {old.status} to {new.status}"
        elif new.filled_quantity < old.filled_quantity:
            yield f"order {key} has lost a fill"


def sequences_never_fall(before: State, after: State) -> Iterator[str]:
    """And each order that has changed has had an update."""
    for owner, sequence in before.sequences.items():
        if after.sequences[owner] < sequence:
            yield f"the feed of {owner} fell from {sequence} to {after.sequences[owner]}"
    for key, order in after.orders.items():
        old = before.orders.get(key)
        moved = old is None or (old.status, old.filled_quantity, old.quantity) != (
            order.status,
            order.filled_quantity,
            order.quantity,
        )
        owner = order.owner_id
        if moved and after.sequences[owner] == before.sequences.get(owner, 0):
            yield f"{name_of(order)} has changed and its owner was not told"


def status_agrees_with_fills(order: Order) -> Iterator[str]:
    filled, quantity = order.filled_quantity, order.quantity
    if quantity is None:
        agrees = filled == 0 and order.status not in ("filled", "partially_filled")
    elif order.status == OrderStatus.FILLED:
        agrees = filled == quantity
    elif order.status == OrderStatus.PARTIALLY_FILLED:
        agrees = 0 < filled < quantity
    elif order.is_open:
        agrees = filled == 0
    else:
        agrees = 0 <= filled < quantity
    if not agrees:
        yield f"{name_of(order)} has {filled} of {quantity}"
    if order.armed and filled:
        yield f"{name_of(order)} was filled before its stop price was reached"


def does_not_wait_longer(order: Order) -> Iterator[str]:
    """An `ioc` or `fok` order never rests, and a `fok` order is filled completely or not at all."""
    at_once = order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
    if at_once and order.status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED):
        yield f"{name_of(order)} rests, and was to trade at once"
    if order.time_in_force == TimeInForce.FOK and order.filled_quantity not in (0, order.quantity):
        yield f"{name_of(order)} was to be filled as a whole"


def fills_keep_to_the_order(state: State, order: Order) -> Iterator[str]:
    fills = state.fills[order.pk]
    buys = order.side == Side.BUY
    worst = order.limit_price or order.collar_price
    for fill in fills:
        if worst is None or (fill.price > worst if buys else fill.price < worst):
            yield f"{name_of(order)} was filled at {fill.price}, beyond {worst}"
        if order.expires_at is not None and fill.executed_at >= order.expires_at:
            yield f"{name_of(order)} was filled at {fill.executed_at}, after {order.expires_at}"
    if buys and order.notional_cents is not None:
        spent = sum(fill.cents + fill.fee_cents for fill in fills)
        if spent > order.notional_cents:
            yield f"{name_of(order)} has spent {spent} of {order.notional_cents} cents"
