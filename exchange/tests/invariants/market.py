"""Trades and the book: who trades with whom, in which order, and what is left to trade."""

from collections import defaultdict
from collections.abc import Iterator
from copy import copy
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from exchange.market.book import street_levels
from exchange.models import Order, OrderStatus, Quote, Side
from exchange.tests.invariants.state import State, name_of


def nobody_trades_with_himself(state: State) -> Iterator[str]:
    for key, fills in state.trades.items():
        sides = {state.orders[fill.order_id].side for fill in fills}
        owners = {state.orders[fill.order_id].owner_id for fill in fills}
        terms = {(fill.price, fill.quantity) for fill in fills}
        if not len(fills) == len(sides) == len(owners) or len(terms) != 1:
            yield f"trade {key} has {len(fills)} fills of {len(owners)} owners: {terms}"


def the_street_sells_once(state: State) -> Iterator[str]:
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


def the_book_is_not_crossed(state: State) -> Iterator[str]:
    """No two resting orders could trade with each other."""
    now = max((order.updated_at for order in state.orders.values()), default=None)
    for instrument in state.quotes:
        resting = [order for order in _resting(state, instrument) if not _is_due(order, now)]
        bids = [order.limit_price or 0 for order in resting if order.side == Side.BUY]
        asks = [order.limit_price or 0 for order in resting if order.side == Side.SELL]
        if bids and asks and max(bids) >= min(asks):
            yield f"the book is crossed: {max(bids)} bid, {min(asks)} asked"


def better_comes_first(before: State, after: State) -> Iterator[str]:
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
                    yield f"{name_of(order)} was filled before {name_of(other)}"


def _priority(order: Order) -> tuple[Decimal, UUID]:
    """The sort key of price-time priority: smaller comes first."""
    price = order.limit_price or Decimal(0)
    return (-price if order.side == Side.BUY else price, order.pk)


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
            yield f"{name_of(order)} rests, and the street is at {best.price}"


def _left_out(order: Order, quote: Quote) -> Iterator[str]:
    """Signs that the round left this order out; legs that went to work in it wait for the next."""
    if order.status == OrderStatus.ACCEPTED and order.parent_id is None:
        yield f"{name_of(order)} still waits"
    opposite = Side.SELL if order.side == Side.BUY else Side.BUY
    triggered = order.armed and _reaches(opposite, quote.price, order.stop_price)
    if triggered and order.status == OrderStatus.NEW:
        yield f"{name_of(order)} was not triggered at {quote.price}"
    if order.armed and order.peak_price is not None and order.status == OrderStatus.NEW:
        followed = _reaches(opposite, quote.price, order.peak_price)
        distance = abs(order.peak_price - (order.stop_price or Decimal(0)))
        if not followed or order.trail_amount not in (None, distance):
            yield f"{name_of(order)} stands at {order.stop_price}, {quote.price} is the price"


def _reaches(side: str, price: Decimal, limit: Decimal | None) -> bool:
    """Whether `price` is as good as `limit`, or better, for an order of this side."""
    return limit is not None and (price <= limit if side == Side.BUY else price >= limit)


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
