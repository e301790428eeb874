"""Working the orders that wait for a round's quotes, in transactions of bounded size.

`exchange/engine.py` records a round's quotes first, for everybody to see, and marks those that
orders wait for as `unworked`. Here the orders of each such quote are worked, one batch in each
transaction. An order that arrives in between has this work done first, so that it never overtakes
an older one. An order whose work fails does not stop the others.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction

from banking.ledger import InsufficientFunds
from be.database import statements, transactions
from exchange.market import book, quotes
from exchange.market.rules.levels import Level, without
from exchange.models import Order, OrderClass, OrderStatus, Side
from exchange.trading import working
from exchange.trading.intake import tickets
from exchange.trading.rows import markets, order_rows
from exchange.trading.rows.markets import Market
from exchange.trading.rules import paths, stops
from exchange.trading.settlement import execution, lifecycle
from exchange.trading.settlement.blotter import Blotter

logger = logging.getLogger(__name__)

# Orders of one kind in one transaction.
BATCH_SIZE = 500


@dataclass(slots=True)
class Progress:
    """What a batch has done so far. `current` is the order being worked, to name it if it fails."""

    changed: int = 0
    has_more: bool = False
    current: UUID | None = None


def work_quote(instrument_id: UUID, *, now: datetime, batch_size: int = BATCH_SIZE) -> int:
    """Work all orders that wait for an unworked quote; returns how many have changed.

    An order whose work fails for a reason of its own is logged, left as it is, and tried again with
    the next quote; the others go on without it.
    """
    changed, failed = 0, set[UUID]()
    while True:
        progress = Progress()
        try:
            _work_one_batch(instrument_id, batch_size, failed, now, progress)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            if batch_size > 1:
                batch_size = 1  # one at a time, to find the order that fails
            elif progress.current is None:
                raise
            else:
                logger.exception("order %s cannot be worked: %s", progress.current, error)
                failed.add(progress.current)
            continue
        changed += progress.changed
        if not progress.has_more:
            return changed


@transactions.atomic
def _work_one_batch(
    instrument_id: UUID, batch_size: int, skip: Collection[UUID], now: datetime, progress: Progress
) -> None:
    # Reset here: after a deadlock the transaction is tried again.
    progress.changed, progress.has_more, progress.current = 0, False, None
    market = markets.lock_market(instrument_id=instrument_id)
    if market is not None and market.quote.unworked:
        _work_locked(market, batch_size, skip, now, progress)


def _work_locked(
    market: Market, batch_size: int, skip: Collection[UUID], now: datetime, progress: Progress
) -> None:
    """Work one batch at a locked quote; after the last one the quote is no longer `unworked`."""
    # A halt locks the quote too, so the status is read after the lock.
    markets.read_status(market)
    if market.is_active and quotes.is_fresh(market.quote, now):
        _Batch(market, batch_size, skip, now, progress).work()
    if not progress.has_more:
        market.quote.unworked = False
        statements.run((markets.CHANGE_QUOTES, [markets.changed_quote(market.quote)]))


def catch_up(market: Market, *, now: datetime) -> Market:
    """Work an unworked quote inside the transaction of an incoming order, before that order.

    Returns the market as it is then. What fails is left to the simulator.
    """
    if not market.quote.unworked:
        return market
    try:
        with transaction.atomic():
            progress = Progress(has_more=True)
            while progress.has_more:
                progress.has_more = False
                _work_locked(market, BATCH_SIZE, (), now, progress)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("orders in %s could not be worked", market.instrument.symbol)
    return markets.lock_market(instrument_id=market.instrument.pk) or market


class _Batch:
    """One batch of orders at a locked quote, at most `size` of each kind.

    Each step writes what it has done before the next one reads.
    """

    def __init__(
        self, market: Market, size: int, skip: Collection[UUID], now: datetime, progress: Progress
    ) -> None:
        self._market = market
        self._size = size
        self._skip = skip
        self._now = now
        self._progress = progress

    def work(self) -> None:
        """Trailing stops first, then crossed limits by price and time, then the rest by time."""
        self._move_trailing_stops()
        self._fill_crossed_limits(Side.BUY)
        self._fill_crossed_limits(Side.SELL)
        self._work_stops_and_waiting()

    def _move_trailing_stops(self) -> None:
        trailing = order_rows.lock_trailing(self._market, at_most=self._size, now=self._now)
        self._progress.has_more |= len(trailing) == self._size
        for order in trailing:
            tickets.move_trailing_stop(order, self._market.quote.price)
        order_rows.save_trailing(trailing)

    def _fill_crossed_limits(self, side: Side) -> None:
        """Fill the resting orders whose limit the street's price has reached."""
        crossed = order_rows.lock_crossed(
            self._market, side=side, at_most=self._size, without=self._skip, now=self._now
        )
        if not crossed:
            return
        blotter = Blotter(self._now)
        blotter.load(crossed)
        levels = list(book.street_levels(self._market.instrument, self._market.quote, side))
        for order in crossed:
            self._progress.current = order.pk
            if not order.is_open:  # the other exit of its pair was filled just now
                continue
            units = self._fill_from(blotter, order, levels)
            levels = list(without(levels, units))
            if order.is_open:  # nothing is left for it, nor for those behind it
                break
        else:
            self._progress.has_more |= len(crossed) == self._size
        self._progress.changed += blotter.write()

    def _fill_from(self, blotter: Blotter, order: Order, levels: list[Level]) -> int:
        """Fill a resting order from the street's levels; returns the units filled."""
        offered = paths.no_better_than(self._limit_fill_price(order), levels, order.side)
        outcome = working.match(order, (), offered, self._now)
        for match in outcome.matches:
            execution.trade(
                blotter,
                taker=None,
                maker=blotter.working_orders[order.pk],
                price=match.price,
                units=match.units,
            )
        working.take_from_street(blotter, self._market, order.side, outcome.units)
        return outcome.units

    def _work_stops_and_waiting(self) -> None:
        """Work triggered stops, then the orders that waited for a quote, one by one."""
        for lock in (order_rows.lock_triggered, order_rows.lock_waiting):
            found = lock(self._market, at_most=self._size, without=self._skip, now=self._now)
            self._progress.has_more |= len(found) == self._size
            for order in found:
                self._progress.current = order.pk
                if order.order_class != OrderClass.SIMPLE:  # its other exit may have been first
                    order.refresh_from_db(fields=["status", "quantity"])
                if order.is_open:
                    self._activate(order)

    def _activate(self, order: Order) -> None:
        """Work an order, or arm a stop that waited and whose price is not reached yet."""
        blotter = Blotter(self._now)
        price = self._market.quote.price
        reached = order.stop_price is not None and stops.is_reached(
            order.side, order.stop_price, price
        )
        if order.armed and not reached:
            if order.peak_price is not None:
                peak = stops.better_peak(order.side, order.peak_price, price)
                tickets.move_trailing_stop(order, peak)
            blotter.load([order])
            lifecycle.move(order, OrderStatus.NEW, self._now)
            blotter.mark_changed(blotter.working_orders[order.pk])
        else:
            self._send_to_market(blotter, order)
        self._progress.changed += blotter.write()

    def _send_to_market(self, blotter: Blotter, order: Order) -> None:
        levels = self._levels_offered_to(order)
        if order.armed:
            self._trigger(order)
        matches = working.find_matches(order, self._market, self._now, levels=levels)
        blotter.load([order, *matches.makers])
        working_order = blotter.working_orders[order.pk]
        try:
            working.work(blotter, working_order, matches, self._market)
        except InsufficientFunds:
            # A gap has made it dearer than its hold and all that is available.
            lifecycle.end(blotter, working_order, OrderStatus.CANCELED, reason="insufficient_funds")

    def _trigger(self, order: Order) -> None:
        """The stop price has traded: from now on it is a limit or a market order like any other."""
        order.armed = False
        if order.limit_price is None:
            start = self._stop_fill_price(order)
            order.collar_price = tickets.collar_price(order.side, start, self._market.instrument)

    def _levels_offered_to(self, order: Order) -> list[Level]:
        """The street's levels for an order that waited, at prices on the way to the quote.

        Nothing is offered to a take-profit whose stop-loss the same bar will reach as well: of two
        exits in one bar the worse one comes first.
        """
        instrument, quote = self._market.instrument, self._market.quote
        if order.armed:
            best = self._stop_fill_price(order)
            return list(book.street_levels(instrument, quote, order.side, best=best))
        if quote.low_ahead is not None and order_rows.has_other_exit_at(order, quote.low_ahead):
            return []
        levels = book.street_levels(instrument, quote, order.side)
        if order.limit_price is None:
            return list(levels)
        return list(paths.no_better_than(self._limit_fill_price(order), levels, order.side))

    def _limit_fill_price(self, order: Order) -> Decimal:
        """The best price that a limit order trades at on the way to the quote."""
        quote, end = self._market.quote, self._street_price(order)
        # The street's price keeps its distance from the last price on the whole way.
        start = None if quote.came_from is None else quote.came_from + end - quote.price
        return paths.limit_price(order.side, order.limit_price or Decimal(0), start, end)

    def _stop_fill_price(self, order: Order) -> Decimal:
        """The price at which a stop is triggered; after a jump, the one that is displayed."""
        quote, stop = self._market.quote, order.stop_price or Decimal(0)
        return paths.stop_price(order.side, stop, quote.came_from, self._street_price(order))

    def _street_price(self, order: Order) -> Decimal:
        """The street's best displayed price for an order of this side."""
        quote = self._market.quote
        return quote.ask if order.side == Side.BUY else quote.bid
