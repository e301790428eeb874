"""What must be true of orders and money at any time, read from the database alone.

Nothing here relies on the code under test: prices, cents and limits are computed independently,
with fractions.
"""

from collections import defaultdict
from collections.abc import Iterator
from copy import copy
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from uuid import UUID

from django.db.models import Sum

from banking import integrity
from banking.models import Posting
from exchange.market.book import street_levels
from exchange.models import (
    Order,
    OrderStatus,
    Quote,
    Side,
    TimeInForce,
)
from exchange.tests.market_state import State
from exchange.trading.rules.states import LEGAL_MOVES, Status
from exchange.trading.settlement import reconciliation

ENTRY_CLASSES = ("bracket", "oto")


def violations(before: State, after: State) -> Iterator[str]:
    """One sentence for each rule that is broken, in `after` itself or by the step from `before`."""
    yield from integrity.check()
    yield from reconciliation.check()
    yield from _nothing_is_overdrawn(after)
    yield from _every_asset_sums_to_zero(after)
    yield from _moves_are_legal(before, after)
    yield from _sequences_never_fall(before, after)
    for order in after.orders.values():
        yield from _status_agrees_with_fills(order)
        yield from _does_not_wait_longer(order)
        yield from _fills_keep_to_the_order(after, order)
        yield from _cents_are_rounded_once(after, order)
        yield from _is_held_for(after, order)
        yield from _exits_agree(after, order)
    yield from _legs_sell_what_was_bought(before, after)
    yield from _nobody_trades_with_himself(after)
    yield from _the_street_sells_once(after)
    yield from _the_book_is_not_crossed(after)
    yield from _better_comes_first(before, after)
    yield from _cash_comes_from_somewhere(before, after)
    yield from _the_house_has_its_share(after)


def _nothing_is_overdrawn(state: State) -> Iterator[str]:
    for account in state.accounts:
        if account.owner_id is not None and (account.available < 0 or account.held < 0):
            yield f"{account.asset}: {account.available} available, {account.held} held"
    for hold in state.ended_holds:
        if hold.remaining:
            yield f"hold {hold.pk} has ended and reserves {hold.remaining}"


def _every_asset_sums_to_zero(state: State) -> Iterator[str]:
    """Over all accounts, including those of the house."""
    sums = Posting.objects.values("account__asset").annotate(total=Sum("units"))
    for row in sums:
        if row["total"]:
            yield f"{row['account__asset']} sums to {row['total']}"


def _reachable(status: str) -> set[str]:
    """The states that a chain of legal moves leads to, this one included."""
    found, ahead = {Status(status)}, [Status(status)]
    while ahead:
        new = LEGAL_MOVES[ahead.pop()] - found
        found |= new
        ahead += new
    return {str(each) for each in found}


REACHABLE = {str(status): _reachable(status) for status in Status}


def _moves_are_legal(before: State, after: State) -> Iterator[str]:
    for key, old in before.orders.items():
        new = after.orders.get(key)
        if new is None:
            yield f"order {key} is gone"
        elif new.status not in REACHABLE[old.status]:
            yield f"order {key} went from {old.status} to {new.status}"
        elif new.filled_quantity < old.filled_quantity:
            yield f"order {key} has lost a fill"


def _sequences_never_fall(before: State, after: State) -> Iterator[str]:
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
            yield f"{_name(order)} has changed and its owner was not told"


def _status_agrees_with_fills(order: Order) -> Iterator[str]:
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
        yield f"{_name(order)} has {filled} of {quantity}"
    if order.armed and filled:
        yield f"{_name(order)} was filled before its stop price was reached"


def _does_not_wait_longer(order: Order) -> Iterator[str]:
    """An `ioc` or `fok` order never rests, and a `fok` order is filled completely or not at all."""
    at_once = order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
    if at_once and order.status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED):
        yield f"{_name(order)} rests, and was to trade at once"
    if order.time_in_force == TimeInForce.FOK and order.filled_quantity not in (0, order.quantity):
        yield f"{_name(order)} was to be filled as a whole"


def _fills_keep_to_the_order(state: State, order: Order) -> Iterator[str]:
    fills = state.fills[order.pk]
    buys = order.side == Side.BUY
    worst = order.limit_price or order.collar_price
    for fill in fills:
        if worst is None or (fill.price > worst if buys else fill.price < worst):
            yield f"{_name(order)} was filled at {fill.price}, beyond {worst}"
        if order.expires_at is not None and fill.executed_at >= order.expires_at:
            yield f"{_name(order)} was filled at {fill.executed_at}, after {order.expires_at}"
    if buys and order.notional_cents is not None:
        spent = sum(fill.cents + fill.fee_cents for fill in fills)
        if spent > order.notional_cents:
            yield f"{_name(order)} has spent {spent} of {order.notional_cents} cents"


def _value(state: State, order: Order, units: int, price: Decimal) -> Fraction:
    instrument = state.instruments[order.instrument_id]
    quantity = Fraction(units, 10**instrument.scale)
    return quantity * Fraction(price) / Fraction(instrument.price_divisor)


def _exact(state: State, order: Order) -> tuple[Fraction, Fraction]:
    """Cents of the order's fills and of the fees on them, before any rounding."""
    value = fee = Fraction(0)
    for fill in state.fills[order.pk]:
        one = 100 * _value(state, order, fill.quantity, fill.price + fill.accrued_interest)
        maker = fill.liquidity == "maker"
        value += one
        fee += one * Fraction(order.maker_fee_bps if maker else order.taker_fee_bps, 10_000)
    return value, fee


def _cents_are_rounded_once(state: State, order: Order) -> Iterator[str]:
    """For the order as a whole: up when its owner pays, down when the owner receives."""
    fills = state.fills[order.pk]
    if not fills:
        return
    value, fee = _exact(state, order)
    cents, fee_cents = sum(fill.cents for fill in fills), sum(fill.fee_cents for fill in fills)
    due = ceil(value) if order.side == Side.BUY else floor(value - fee) + ceil(fee)
    if (cents, fee_cents) != (due, ceil(fee)):
        yield f"{_name(order)} moved {cents} and {fee_cents} cents, not {due} and {ceil(fee)}"


def _is_held_for(state: State, order: Order) -> Iterator[str]:
    """An open order (or pair) has one hold, of what the rest of it needs in the worst case."""
    held = state.live_holds.get(order.pair_id or order.pk, [])
    if not order.is_open or order.status == OrderStatus.HELD:
        if held and (order.pair_id is None or order.status == OrderStatus.HELD):
            yield f"{_name(order)} has a hold"
        return
    if len(held) != 1:
        yield f"{_name(order)} has {len(held)} holds"
        return
    (hold,) = held
    if order.side == Side.SELL:
        if hold.remaining != order.remaining_quantity:
            yield f"{_name(order)} holds {hold.remaining} for {order.remaining_quantity} units"
        return
    if order.notional_cents is not None:
        if hold.remaining != order.notional_cents:
            yield f"{_name(order)} holds {hold.remaining} of {order.notional_cents} cents"
        return
    yield from _covers_the_worst(state, order, hold.remaining)


def _covers_the_worst(state: State, order: Order, held: int) -> Iterator[str]:
    """What was paid and what is held cover the worst case of the whole order, and hardly more."""
    worst = order.limit_price or order.collar_price
    if worst is None:
        yield f"{_name(order)} has no worst price"
        return
    value, fee = _exact(state, order)
    rest = 100 * _value(state, order, order.remaining_quantity, worst)
    needed = value + fee + rest
    needed += rest * Fraction(max(order.maker_fee_bps, order.taker_fee_bps), 10_000)
    paid = sum(fill.cents + fill.fee_cents for fill in state.fills[order.pk])
    bond = state.instruments[order.instrument_id].is_bond  # holds a coupon on top
    if paid + held < needed or (paid + held >= needed + 2 and not bond):
        yield f"{_name(order)} paid {paid} and holds {held} cents for {float(needed)}"


def _exits_agree(state: State, order: Order) -> Iterator[str]:
    """Legs wait while their entry is open; two open exits of a pair have the same quantity left."""
    if order.status == OrderStatus.HELD:
        parent = state.orders.get(order.parent_id or order.pk)
        if parent is None or not parent.is_open:
            yield f"{_name(order)} waits for an entry that has ended"
        return
    if order.pair_id is None or not order.is_open:
        return
    for other in state.orders.values():
        if other.pair_id != order.pair_id or other.status == OrderStatus.REPLACED:
            continue
        if not other.is_open or other.remaining_quantity != order.remaining_quantity:
            yield f"{_name(order)} goes on, and its other exit is {_name(other)}"


def _legs_sell_what_was_bought(before: State, after: State) -> Iterator[str]:
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
            yield f"{_name(order)} sells {-left} more than was bought"
        old = before.orders.get(order.pk)
        if left > 0 and (old is None or old.status == OrderStatus.HELD):
            there = _available(after, order) - _became_available(before, after, order)
            if there > 0:
                yield f"{_name(order)} leaves {left} of {bought}, and {there} are there"


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


def _nobody_trades_with_himself(state: State) -> Iterator[str]:
    for key, fills in state.trades.items():
        sides = {state.orders[fill.order_id].side for fill in fills}
        owners = {state.orders[fill.order_id].owner_id for fill in fills}
        terms = {(fill.price, fill.quantity) for fill in fills}
        if not len(fills) == len(sides) == len(owners) or len(terms) != 1:
            yield f"trade {key} has {len(fills)} fills of {len(owners)} owners: {terms}"


def _the_street_sells_once(state: State) -> Iterator[str]:
    """What was traded with the street since the quote is counted on it, and had been displayed."""
    taken: dict[tuple[UUID, str], int] = defaultdict(int)
    for fill in (fills[0] for fills in state.trades.values() if len(fills) == 1):
        order = state.orders[fill.order_id]
        if fill.executed_at >= state.quotes[order.instrument_id].timestamp:
            taken[order.instrument_id, order.side] += fill.quantity
    for quote in state.quotes.values():
        noted = {Side.BUY: quote.ask_taken, Side.SELL: quote.bid_taken}
        for side, units in noted.items():
            if units != taken[quote.pk, side]:
                yield f"{taken[quote.pk, side]} were taken by {side}, and {units} are noted"
            fresh = copy(quote)
            fresh.ask_taken = fresh.bid_taken = 0
            levels = street_levels(state.instruments[quote.pk], fresh, side)
            if units > sum(level.units for level in levels):
                yield f"{units} were taken by {side}: more than was displayed"


def _the_book_is_not_crossed(state: State) -> Iterator[str]:
    """No two resting orders could trade with each other."""
    now = max((order.updated_at for order in state.orders.values()), default=None)
    for instrument in state.quotes:
        resting = [order for order in _resting(state, instrument) if not _is_due(order, now)]
        bids = [order.limit_price or 0 for order in resting if order.side == Side.BUY]
        asks = [order.limit_price or 0 for order in resting if order.side == Side.SELL]
        if bids and asks and max(bids) >= min(asks):
            yield f"the book is crossed: {max(bids)} bid, {min(asks)} asked"


def _resting(state: State, instrument: UUID) -> list[Order]:
    return [
        order
        for order in state.orders.values()
        if order.instrument_id == instrument
        and order.status in ("new", "partially_filled")
        and not order.armed
    ]


def _is_due(order: Order, now: datetime | None) -> bool:
    return order.expires_at is not None and now is not None and order.expires_at <= now


def _better_comes_first(before: State, after: State) -> Iterator[str]:
    """No resting order is filled while one with a better price, or an older one, still rests.

    An order whose time is up does not count, even before a round has ended it.
    """
    now = max((order.updated_at for order in after.orders.values()), default=None)
    for instrument in after.quotes:
        rested = {order.pk for order in _resting(before, instrument)}
        there = [order for order in _resting(after, instrument) if not _is_due(order, now)]
        waiting = [order for order in there if order.pk in rested]
        for key in rested:
            order, old = after.orders[key], before.orders[key]
            if order.filled_quantity == old.filled_quantity:
                continue
            for other in waiting:
                if other.side == order.side and _priority(other) < _priority(order):
                    yield f"{_name(order)} was filled before {_name(other)}"


def _priority(order: Order) -> tuple[Decimal, UUID]:
    """The sort key of price-time priority: smaller comes first."""
    price = order.limit_price or Decimal(0)
    return (-price if order.side == Side.BUY else price, order.pk)


def _cash_comes_from_somewhere(before: State, after: State) -> Iterator[str]:
    """A customer's cash, less what banks and trades brought, never changes."""
    for owner in {account.owner_id for account in before.accounts if account.owner_id is not None}:
        given = [state.cash(owner) - _flow(state, owner) for state in (before, after)]
        if given[0] != given[1]:
            yield f"the cash of {owner} is off by {given[1] - given[0]} cents"


def _flow(state: State, owner: UUID) -> int:
    """Cents that banks and trades have brought to this customer, less what they took."""
    cents = 0
    for transfer in state.transfers:
        if transfer.owner_id == owner and transfer.status == "completed":
            cents += transfer.cents if transfer.type == "deposit" else -transfer.cents
    for key, fills in state.fills.items():
        order = state.orders[key]
        if order.owner_id == owner:
            sign = -1 if order.side == Side.BUY else 1
            cents += sum(sign * fill.cents - fill.fee_cents for fill in fills)
    return cents


def _the_house_has_its_share(state: State) -> Iterator[str]:
    """Fees, odd cents and the street's cash are in the house account of each."""
    due = {"fees": 0, "rounding": 0, "market": 0}
    for fills in state.trades.values():
        role = "market" if len(fills) == 1 else "rounding"
        for fill in fills:
            due["fees"] += fill.fee_cents
            due[role] += fill.cents if state.orders[fill.order_id].side == Side.BUY else -fill.cents
    house = Posting.objects.filter(account__owner=None, account__asset="USD")
    has = dict(house.values_list("account__house").annotate(Sum("units")))
    for role, cents in due.items():
        if has.get(role, 0) != cents:
            yield f"the house has {has.get(role, 0)} cents of {role}, not {cents}"


def left_behind(state: State, instrument: UUID) -> Iterator[str]:
    """What a round should have worked: stops and limits that its price has reached."""
    quote, listed = state.quotes[instrument], state.instruments[instrument]
    if quote.unworked:
        yield f"{listed.symbol} is unworked"
    for order in state.orders.values():
        if order.instrument_id == instrument and order.is_open:
            yield from _left_out(order, quote)
    for order in _resting(state, instrument):
        best = next(street_levels(listed, quote, order.side), None)
        if best is not None and _reaches(order.side, best.price, order.limit_price):
            yield f"{_name(order)} rests, and the street is at {best.price}"


def _left_out(order: Order, quote: Quote) -> Iterator[str]:
    """Signs that the round left this order out; legs that went to work in it wait for the next."""
    if order.status == OrderStatus.ACCEPTED and order.parent_id is None:
        yield f"{_name(order)} still waits"
    opposite = Side.SELL if order.side == Side.BUY else Side.BUY
    triggered = order.armed and _reaches(opposite, quote.price, order.stop_price)
    if triggered and order.status == OrderStatus.NEW:
        yield f"{_name(order)} was not triggered at {quote.price}"
    if order.armed and order.peak_price is not None and order.status == OrderStatus.NEW:
        followed = _reaches(opposite, quote.price, order.peak_price)
        distance = abs(order.peak_price - (order.stop_price or Decimal(0)))
        if not followed or order.trail_amount not in (None, distance):
            yield f"{_name(order)} stands at {order.stop_price}, {quote.price} is the price"


def _reaches(side: str, price: Decimal, limit: Decimal | None) -> bool:
    """Whether `price` is as good as `limit`, or better, for an order of this side."""
    return limit is not None and (price <= limit if side == Side.BUY else price >= limit)


def _name(order: Order) -> str:
    return f"order {order.pk} ({order.side} {order.order_class} {order.order_type} {order.status})"
