"""Working orders: an order that arrives meets the book, and a round's quote meets the orders.

Locks, always in this order: the quote row, orders by id, ledger accounts by id, the owners' update
counters. Everything that a call will touch is locked before the first thing is changed.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from banking.ledger import InsufficientFunds
from banking.rules.assets import EXACT, USD
from exchange.market import book, quotes
from exchange.market.rules.levels import Level, without
from exchange.models import Order, OrderClass, OrderStatus, Side, TimeInForce
from exchange.trading.intake import tickets
from exchange.trading.intake.requests import CENT
from exchange.trading.rows import order_rows
from exchange.trading.rows.markets import Market
from exchange.trading.rows.working_order import WorkingOrder
from exchange.trading.rules import fees, matching, paths, stops
from exchange.trading.settlement import execution, lifecycle, reservations
from exchange.trading.settlement.blotter import Blotter

# How many resting orders are locked at first for one that arrives; more if it meets them all.
FIRST_LOCKED = 16


@dataclass(frozen=True, slots=True)
class Matches:
    """What matching found for an order, and the resting orders in it, which are locked."""

    makers: tuple[Order, ...]
    outcome: matching.Outcome


def find_matches(
    order: Order, market: Market, now: datetime, *, levels: Sequence[Level] | None = None
) -> Matches:
    """Match the order with the book as it is now; the resting orders that it meets are locked.

    `levels` are the street's, for an order that waited and met other levels than the quote displays
    now.
    """
    at_most = FIRST_LOCKED
    while True:
        worst = reservations.worst_price(order)
        found, may_be_more = order_rows.lock_met(
            market, side=order.side, worst=worst, at_most=at_most, now=now
        )
        resting = _one_of_each_pair(found)
        street = (
            book.street_levels(market.instrument, market.quote, order.side)
            if levels is None
            else levels
        )
        outcome = _match(order, resting, street, now)
        met = {match.order_id for match in outcome.matches}
        if not may_be_more or not {maker.pk for maker in resting} <= met:
            if _kills(order, outcome):
                return Matches((), matching.Outcome((), outcome.wanted, outcome.self_trade))
            return Matches(tuple(maker for maker in resting if maker.pk in met), outcome)
        at_most *= 8


def _kills(order: Order, outcome: matching.Outcome) -> bool:
    """A fill-or-kill order that can't have all gets nothing."""
    return order.time_in_force == TimeInForce.FOK and outcome.units < order.remaining_quantity


def _one_of_each_pair(resting: Sequence[Order]) -> list[Order]:
    """Without the worse exit of a pair: it has no units of its own when the better one is met."""
    found = {order.pair_id or order.pk: order for order in reversed(resting)}
    return [order for order in resting if found[order.pair_id or order.pk] is order]


def _match(
    order: Order, resting: Sequence[Order], levels: Iterable[Level], now: datetime
) -> matching.Outcome:
    sized = order.quantity is not None
    return matching.match(
        matching.Incoming(
            side="buy" if order.side == Side.BUY else "sell",
            owner_id=order.owner_id,
            worst_price=reservations.worst_price(order),
            units=order.remaining_quantity if sized else None,
            budget=None if sized else _budget(order, now),
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


def work(blotter: Blotter, working: WorkingOrder, matches: Matches, market: Market) -> None:
    """Carry out what an order meets, and decide what becomes of the rest.

    Its makers have been opened in the blotter. Refuses (InsufficientFunds, InsufficientPosition)
    when its owner can't deliver.
    """
    order, outcome = working.order, matches.outcome
    blotter.touch(working)
    if order.quantity is None and outcome.units:
        order.quantity = outcome.units + outcome.wanted
    reservations.require_covered(
        working, outcome.matches, rests=_rests(order, outcome), at=blotter.now
    )
    for match in outcome.matches:
        maker = None if match.order_id is None else blotter.working_orders[match.order_id]
        execution.trade(blotter, taker=working, maker=maker, price=match.price, units=match.units)
    _take(blotter, market, order.side, outcome.street_units)
    _settle_rest(blotter, working, outcome)


def _take(blotter: Blotter, market: Market, side: str, units: int) -> None:
    """Note on the quote what customers took of the street's levels, so that it is offered once."""
    if not units:
        return
    if side == Side.BUY:
        market.quote.ask_taken += units
    else:
        market.quote.bid_taken += units
    blotter.keep_quote(market.quote)


def _settle_rest(blotter: Blotter, working: WorkingOrder, outcome: matching.Outcome) -> None:
    """Decide what becomes of the part that found no match."""
    order = working.order
    if not order.is_open:
        return
    if not _rests(order, outcome):
        reason = _cancel_reason(order, outcome, blotter.now)
        lifecycle.end(blotter, working, OrderStatus.CANCELED, reason=reason)
        return
    if order.status == OrderStatus.ACCEPTED:
        lifecycle.move(order, OrderStatus.NEW, blotter.now)
    reservations.reserve(blotter, working)


def _rests(order: Order, outcome: matching.Outcome) -> bool:
    """Whether the part that found no match stays in the book."""
    stays = order.time_in_force in (TimeInForce.DAY, TimeInForce.GTC)
    return stays and order.limit_price is not None and not outcome.self_trade


def _cancel_reason(order: Order, outcome: matching.Outcome, now: datetime) -> str:
    if outcome.self_trade:
        return "self_trade"
    if order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        return f"{order.time_in_force}_unfilled"
    if order.quantity is None and not _budget(order, now).units_at(reservations.worst_price(order)):
        return "notional_too_small"
    return "no_liquidity"


def let_wait(blotter: Blotter, working: WorkingOrder, status: OrderStatus) -> None:
    """Reserve what an order needs that can't be worked yet, and let it wait in this status."""
    blotter.touch(working)
    working.order.status = str(status)
    if working.hold is None:
        reservations.require_covered(working, (), rests=True, at=blotter.now)
    reservations.reserve(blotter, working)


@dataclass(slots=True)
class Progress:
    """What one batch has done. `current` is the order that was being worked, for who asks why."""

    changed: int = 0
    more: bool = False
    current: UUID | None = None


def work_batch(
    market: Market, *, at_most: int, skip: Collection[UUID], now: datetime, progress: Progress
) -> None:
    """Let a quote meet the orders that wait for it, so many of them at most. The quote is locked.

    First the resting limits that it crosses, in price-time priority; then the stops that it
    triggers and the orders that waited for a quote, in the order of their time.
    """
    limits = _Batch(market, at_most, frozenset(skip), now, progress)
    limits.follow_the_market()
    limits.fill_crossed(Side.BUY)
    limits.fill_crossed(Side.SELL)
    limits.work_one_by_one()


class _Batch:
    """The steps of `work_batch`, each written before the next one looks."""

    def __init__(
        self,
        market: Market,
        at_most: int,
        skip: frozenset[UUID],
        now: datetime,
        progress: Progress,
    ) -> None:
        self._market = market
        self._at_most = at_most
        self._skip = skip
        self._now = now
        self._progress = progress

    def follow_the_market(self) -> None:
        """Move the stop prices of trailing stops."""
        trailing = order_rows.lock_trailing(self._market, at_most=self._at_most, now=self._now)
        self._progress.more |= len(trailing) == self._at_most
        for order in trailing:
            tickets.trail(order, self._market.quote.price)
        order_rows.save_trailing(trailing)

    def fill_crossed(self, side: Side) -> None:
        """The street has come to resting orders, which trade where it met them."""
        crossed = order_rows.lock_crossed(
            self._market, side=side, at_most=self._at_most, without=self._skip, now=self._now
        )
        if not crossed:
            return
        blotter = Blotter(self._now)
        blotter.open(crossed)
        levels = list(book.street_levels(self._market.instrument, self._market.quote, side))
        for order in crossed:
            self._progress.current = order.pk
            if not order.is_open:  # the other exit of its pair was filled just now
                continue
            met = paths.no_better_than(self._limit_met_at(order), levels, side)
            outcome = _match(order, (), met, self._now)
            for match in outcome.matches:
                execution.trade(
                    blotter,
                    taker=None,
                    maker=blotter.working_orders[order.pk],
                    price=match.price,
                    units=match.units,
                )
            levels = list(without(levels, outcome.units))
            _take(blotter, self._market, side, outcome.units)
            if order.is_open:  # nothing is left for it, nor for those behind it
                break
        else:
            self._progress.more |= len(crossed) == self._at_most
        self._progress.changed += blotter.write()

    def work_one_by_one(self) -> None:
        """Stops that are triggered, then orders that waited: each meets the book as it comes."""
        for lock in (order_rows.lock_triggered, order_rows.lock_waiting):
            found = lock(self._market, at_most=self._at_most, without=self._skip, now=self._now)
            self._progress.more |= len(found) == self._at_most
            for order in found:
                self._progress.current = order.pk
                if order.order_class != OrderClass.SIMPLE:  # its other exit may have been first
                    order.refresh_from_db(fields=["status", "quantity"])
                if order.is_open:
                    self._wake(order)

    def _wake(self, order: Order) -> None:
        blotter = Blotter(self._now)
        price = self._market.quote.price
        reached = order.stop_price is not None and stops.is_reached(
            order.side, order.stop_price, price
        )
        if order.armed and not reached:
            if order.peak_price is not None:
                tickets.trail(order, stops.better_peak(order.side, order.peak_price, price))
            blotter.open([order])
            lifecycle.move(order, OrderStatus.NEW, self._now)
            blotter.touch(blotter.working_orders[order.pk])
        else:
            self._send_to_market(blotter, order)
        self._progress.changed += blotter.write()

    def _send_to_market(self, blotter: Blotter, order: Order) -> None:
        levels = self._levels_met(order)
        if order.armed:
            self._trigger(order)
        matches = find_matches(order, self._market, self._now, levels=levels)
        blotter.open([order, *matches.makers])
        working = blotter.working_orders[order.pk]
        try:
            work(blotter, working, matches, self._market)
        except InsufficientFunds:
            # A gap has made it dearer than its hold and all that is available.
            lifecycle.end(blotter, working, OrderStatus.CANCELED, reason="insufficient_funds")

    def _trigger(self, order: Order) -> None:
        """The stop price has traded: it is a limit or a market order like any other from now on."""
        order.armed = False
        if order.limit_price is None:
            start = self._stop_met_at(order)
            order.collar_price = tickets.collar(order.side, start, self._market.instrument)

    def _levels_met(self, order: Order) -> list[Level]:
        """The street's levels as an order that waited meets them, on the price's way to the quote.

        A take-profit whose stop-loss the same bar will reach as well is not met: of two exits in
        one bar the worse one comes first.
        """
        instrument, quote = self._market.instrument, self._market.quote
        if order.armed:
            best = self._stop_met_at(order)
            return list(book.street_levels(instrument, quote, order.side, best=best))
        if quote.low_ahead is not None and order_rows.is_exit_before_worse(order, quote.low_ahead):
            return []
        levels = book.street_levels(instrument, quote, order.side)
        if order.limit_price is None:
            return list(levels)
        return list(paths.no_better_than(self._limit_met_at(order), levels, order.side))

    def _limit_met_at(self, order: Order) -> Decimal:
        limit, best = order.limit_price or Decimal(0), self._best(order)
        return paths.limit_price(order.side, limit, self._began(best), best)

    def _stop_met_at(self, order: Order) -> Decimal:
        """A stop meets the price that trades; after a jump, what is displayed."""
        quote, stop = self._market.quote, order.stop_price or Decimal(0)
        return paths.stop_price(order.side, stop, quote.came_from, self._best(order))

    def _best(self, order: Order) -> Decimal:
        quote = self._market.quote
        return quote.ask if order.side == Side.BUY else quote.bid

    def _began(self, best: Decimal) -> Decimal | None:
        """Where the street's price was when the way to the quote began: as far from the trades."""
        quote = self._market.quote
        return None if quote.came_from is None else quote.came_from + best - quote.price
