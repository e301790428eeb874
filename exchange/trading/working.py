"""Working one order: it is matched with the book, trades, and what is left rests or is canceled.

Locks are always taken in this order: the quote row, orders by id, ledger accounts by id, the
owners' update counters. Everything that a call changes is locked before the first change.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from banking.rules.assets import EXACT, USD
from exchange.market import book, quotes
from exchange.market.rules.levels import Level
from exchange.models import Order, OrderStatus, Side, TimeInForce
from exchange.trading.rows import order_rows
from exchange.trading.rows.markets import Market
from exchange.trading.rows.working_order import WorkingOrder
from exchange.trading.rules import fees, matching
from exchange.trading.rules.amounts import CENT
from exchange.trading.settlement import execution, lifecycle, reservations
from exchange.trading.settlement.blotter import Blotter

# How many resting orders are locked at first for an incoming one; more if it trades with them all.
FIRST_LOCKED = 16


@dataclass(frozen=True, slots=True)
class Matches:
    """What an order trades: the outcome of matching, and the resting orders in it, locked."""

    makers: tuple[Order, ...]
    outcome: matching.Outcome


def find_matches(
    order: Order, market: Market, now: datetime, *, levels: Sequence[Level] | None = None
) -> Matches:
    """Match the order with the book as it is now, and lock the resting orders that it trades with.

    `levels` replace the street's displayed levels, for an order that waited and trades at prices
    on the way to the quote.
    """
    at_most = FIRST_LOCKED
    while True:
        found, may_be_more = order_rows.lock_makers(
            market, side=order.side, worst=order.worst_price, at_most=at_most, now=now
        )
        resting = _one_of_each_pair(found)
        street = (
            book.street_levels(market.instrument, market.quote, order.side)
            if levels is None
            else levels
        )
        outcome = match(order, resting, street, now)
        matched = {each.order_id for each in outcome.matches}
        if not may_be_more or not {maker.pk for maker in resting} <= matched:
            if _is_killed(order, outcome):
                return Matches((), matching.Outcome((), outcome.wanted, outcome.self_trade))
            return Matches(tuple(maker for maker in resting if maker.pk in matched), outcome)
        at_most *= 8


def _is_killed(order: Order, outcome: matching.Outcome) -> bool:
    """A fill-or-kill order that can't be filled completely trades nothing."""
    return order.time_in_force == TimeInForce.FOK and outcome.units < order.remaining_quantity


def _one_of_each_pair(resting: Sequence[Order]) -> list[Order]:
    """Drop the worse-priced exit of a pair: both sell the same units, the better one first."""
    found = {order.pair_id or order.pk: order for order in reversed(resting)}
    return [order for order in resting if found[order.pair_id or order.pk] is order]


def match(
    order: Order, resting: Sequence[Order], levels: Iterable[Level], now: datetime
) -> matching.Outcome:
    """Match an order with these resting orders and levels; the rows become plain values."""
    has_quantity = order.quantity is not None
    return matching.match(
        matching.Incoming(
            side="buy" if order.side == Side.BUY else "sell",
            owner_id=order.owner_id,
            worst_price=order.worst_price,
            units=order.remaining_quantity if has_quantity else None,
            budget=None if has_quantity else _budget(order, now),
        ),
        resting=[
            matching.Resting(
                maker.pk, maker.owner_id, maker.limit_price or Decimal(0), maker.remaining_quantity
            )
            for maker in resting
        ],
        levels=levels,
    )


def _budget(order: Order, now: datetime) -> matching.Budget:
    """What a notional buy may spend: all of it, less the cent by which a fee may round up."""
    instrument = order.instrument
    dollars = USD.amount(order.notional_cents or 0)
    fee = Decimal(order.taker_fee_bps) * fees.BASIS_POINT
    return matching.Budget(
        dollars=dollars - CENT if fee else dollars,
        cost_factor=EXACT.divide(1 + fee, instrument.price_divisor),
        accrued=quotes.accrued_interest(instrument, now),
        asset=instrument.asset,
        step=instrument.asset.units(instrument.quantity_increment),
    )


def work(blotter: Blotter, working_order: WorkingOrder, matches: Matches, market: Market) -> None:
    """Execute an order's matches, then let the rest of it rest in the book, or cancel it.

    The blotter has loaded the order and its makers. Refuses (InsufficientFunds,
    InsufficientPosition) when the owner can't deliver.
    """
    order, outcome = working_order.order, matches.outcome
    blotter.mark_changed(working_order)
    if order.quantity is None and outcome.units:
        order.quantity = outcome.units + outcome.wanted
    rests = _rests(order, outcome)
    reservations.require_covered(working_order, outcome.matches, rests=rests, at=blotter.now)
    for each in outcome.matches:
        maker = None if each.order_id is None else blotter.working_orders[each.order_id]
        execution.trade(
            blotter, taker=working_order, maker=maker, price=each.price, units=each.units
        )
    take_from_street(blotter, market, order.side, outcome.street_units)
    if not order.is_open:
        return
    if not rests:
        reason = _cancel_reason(order, outcome, blotter.now)
        lifecycle.end(blotter, working_order, OrderStatus.CANCELED, reason=reason)
        return
    if order.status == OrderStatus.ACCEPTED:
        lifecycle.move(order, OrderStatus.NEW, blotter.now)
    reservations.reserve(blotter, working_order)


def take_from_street(blotter: Blotter, market: Market, side: str, units: int) -> None:
    """Count on the quote what was bought (or sold) of its displayed size, so it is offered once."""
    if not units:
        return
    if side == Side.BUY:
        market.quote.ask_taken += units
    else:
        market.quote.bid_taken += units
    blotter.mark_quote_changed(market.quote)


def _rests(order: Order, outcome: matching.Outcome) -> bool:
    """Whether the part that found no match stays in the book."""
    stays = order.time_in_force in (TimeInForce.DAY, TimeInForce.GTC)
    return stays and order.limit_price is not None and not outcome.self_trade


def _cancel_reason(order: Order, outcome: matching.Outcome, now: datetime) -> str:
    if outcome.self_trade:
        return "self_trade"
    if order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        return f"{order.time_in_force}_unfilled"
    if order.quantity is None and not _budget(order, now).units_at(order.worst_price):
        return "notional_too_small"
    return "no_liquidity"


def reserve_and_wait(blotter: Blotter, working_order: WorkingOrder, status: OrderStatus) -> None:
    """Let an order that can't be worked yet wait in `status`, with a hold for its worst case."""
    blotter.mark_changed(working_order)
    working_order.order.status = str(status)
    if working_order.hold is None:
        reservations.require_covered(working_order, (), rests=True, at=blotter.now)
    reservations.reserve(blotter, working_order)
