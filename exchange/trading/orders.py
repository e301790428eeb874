"""Placing, canceling, replacing and expiring orders: the doors of customers to the market."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError
from django.db.models import QuerySet

from be.database import transactions
from be.kernel.refusals import Invalid, NotFound, Refusal
from exchange.market import quotes
from exchange.models import (
    OPEN_STATUSES,
    Order,
    OrderClass,
    OrderStatus,
    OrderType,
    Quote,
)
from exchange.trading import rounds, working
from exchange.trading.intake import requests, tickets
from exchange.trading.intake.requests import OrderRequest, ReplaceRequest
from exchange.trading.rows import markets, order_rows
from exchange.trading.rows.markets import Market
from exchange.trading.rows.working_order import WorkingOrder
from exchange.trading.settlement import lifecycle, reservations
from exchange.trading.settlement.blotter import Blotter
from exchange.trading.working import Matches

# Orders that end in one transaction when their time is up, or their instrument's.
END_AT_ONCE = 500


class ClientOrderIdExists(Refusal):
    code = "client_order_id_exists"
    status = 409
    title = "The client_order_id was used before"


class OrderNotCancelable(Refusal):
    code = "order_not_cancelable"
    status = 409
    title = "The order has ended"


class OrderNotReplaceable(Refusal):
    code = "order_not_replaceable"
    status = 409
    title = "The order can't be replaced"


@transactions.atomic
def place(*, owner_id: UUID, request: OrderRequest, now: datetime) -> Order:
    """Check and work an order; what happened to it at once is in the order returned.

    Refuses with Invalid (400) for shape, InstrumentNotTradable, StopPriceReached, InsufficientFunds
    or InsufficientPosition (422) and ClientOrderIdExists (409); then nothing has moved.
    """
    market = _lock_market(request.symbol)
    requests.check_shape(request, market.instrument)
    market = rounds.work_first(market, now=now)
    requests.check_against_market(request, market.quote)
    order, legs = tickets.write(owner_id=owner_id, request=request, market=market, now=now)
    blotter = Blotter(now)
    matches = _find_matches(order, market, now)
    blotter.open(matches.makers if matches else (), arriving=[order, *legs])
    _admit(blotter, blotter.working_orders[order.pk], matches, market)
    _write(blotter, order)
    order.loaded_legs = legs
    return order


def _lock_market(symbol: str) -> Market:
    market = None if "\x00" in symbol else markets.lock_market(symbol=symbol)
    if market is None:
        instrument = requests.find_instrument(symbol)
        market = markets.lock_market(instrument_id=instrument.pk)
    if market is None:
        raise requests.InstrumentNotTradable(
            f"{instrument.symbol} has no price yet; start the simulator.", field="symbol"
        )
    return market


def _find_matches(order: Order, market: Market, now: datetime) -> Matches | None:
    """Whom the order meets; None if it can't be worked now. The market's status is read anew."""
    if order.armed or order.status == OrderStatus.HELD or not quotes.is_fresh(market.quote, now):
        markets.read_status(market)
        matches = None
    else:
        matches = working.find_matches(order, market, now)
    requests.check_tradable(order.order_type, market.instrument)
    return matches if market.is_active else None


def _admit(
    blotter: Blotter, arriving: WorkingOrder, matches: Matches | None, market: Market
) -> None:
    """Work an order, or let it wait; its legs, if it has any, wait with it."""
    order = arriving.order
    for leg in arriving.legs:
        blotter.touch(leg)
    if order.status == OrderStatus.HELD:
        blotter.touch(arriving)
        return
    if arriving.partner is not None and arriving.hold is None:
        _reserve_pair(blotter, arriving, arriving.partner)
    if matches is not None:
        working.work(blotter, arriving, matches, market)
        return
    watches = order.armed and market.is_active and quotes.is_fresh(market.quote, blotter.now)
    working.let_wait(blotter, arriving, OrderStatus.NEW if watches else OrderStatus.ACCEPTED)


def _reserve_pair(blotter: Blotter, arriving: WorkingOrder, partner: WorkingOrder) -> None:
    """Two exits that arrive together share one hold, before either of them trades."""
    reservations.require_covered(arriving, (), rests=True, at=blotter.now)
    reservations.reserve(blotter, arriving)
    blotter.touch(arriving)
    blotter.touch(partner)


def _write(blotter: Blotter, order: Order) -> None:
    try:
        blotter.write()
    except IntegrityError as error:
        if order.client_order_id is None or "client_order_id" not in str(error):
            raise
        raise ClientOrderIdExists(
            f"You have an order with client_order_id {order.client_order_id}.",
            field="client_order_id",
        ) from error


@transactions.atomic
def replace(*, owner_id: UUID, order_id: UUID, request: ReplaceRequest, now: datetime) -> Order:
    """Put another order in the place of an open one, in one step; returns the new one.

    It takes over what is left to fill and the money or securities that were held for it. It goes to
    the end of the line of its price. Refuses with NotFound, OrderNotReplaceable (409: the order has
    ended, or its fills have overtaken the request) or like `place`; the old order then goes on.
    """
    found = (
        Order.objects.filter(pk=order_id, owner_id=owner_id).values_list("instrument_id").first()
    )
    if found is None:
        raise NotFound("There is no such order.")
    market = markets.lock_market(instrument_id=found[0])
    if market is None:
        raise NotFound("The order's instrument has no price.")
    market = rounds.work_first(market, now=now)
    old = _lock_orders(Order.objects.filter(pk=order_id))[order_id]
    _check_replaceable(old, request, now)
    old.instrument = market.instrument
    order = tickets.rewrite(old, request, market, now)
    order.status = str(OrderStatus.HELD if old.status == OrderStatus.HELD else OrderStatus.NEW)
    matches = _find_matches(order, market, now)
    blotter = Blotter(now)
    blotter.open([old, *(matches.makers if matches else ())], arriving=[order])
    lifecycle.hand_over(blotter, blotter.working_orders[old.pk], blotter.working_orders[order.pk])
    _admit(blotter, blotter.working_orders[order.pk], matches, market)
    _write(blotter, order)
    order.loaded_legs = [leg.order for leg in blotter.working_orders[order.pk].legs]
    return order


def _check_replaceable(old: Order, request: ReplaceRequest, now: datetime) -> None:
    if not old.is_open:
        raise OrderNotReplaceable(f"The order is {old.status}; only open orders can be replaced.")
    if old.expires_at is not None and old.expires_at <= now:
        raise OrderNotReplaceable("The day of the order is over; send a new one.")
    if old.order_type == OrderType.MARKET:
        raise OrderNotReplaceable("A market order has no price to change; cancel it.")
    if request == ReplaceRequest():
        raise Invalid(
            "Send what is to be different; the order would only lose its place in the line.",
            field="limit_price",
        )
    if request.quantity is None:
        return
    if old.order_class != OrderClass.SIMPLE:
        raise Invalid("The orders of a bracket keep their quantity.", field="quantity")
    if request.quantity <= old.instrument.asset.amount(old.filled_quantity):
        raise OrderNotReplaceable("As much has been filled already; cancel what is left.")


@transactions.atomic
def cancel(*, owner_id: UUID, order_id: UUID, now: datetime) -> Order:
    """Cancel an open order of this owner; NotFound or OrderNotCancelable (409) otherwise."""
    mine = Order.objects.filter(pk=order_id, owner_id=owner_id)
    _lock_quotes_of_tied(mine)
    order = _lock_orders(mine).get(order_id)
    if order is None:
        raise NotFound("There is no such order.")
    if not order.is_open:
        raise OrderNotCancelable(f"The order is {order.status}; only open orders can be canceled.")
    _end_all([order], OrderStatus.CANCELED, now)
    return order


def cancel_instrument(*, instrument_id: UUID, reason: str, now: datetime) -> int:
    """Cancel every open order in an instrument, so many at a time; returns how many."""
    found = Order.objects.filter(instrument_id=instrument_id, status__in=OPEN_STATUSES)
    canceled = 0
    while some := list(found.order_by("pk").values_list("pk", flat=True)[:END_AT_ONCE]):
        canceled += _end_some(some, OrderStatus.CANCELED, now, reason=reason)
    return canceled


def cancel_all(*, owner_id: UUID, now: datetime) -> list[Order]:
    """Cancel every open order of this owner; returns them, newest first."""
    return cancel_these(Order.objects.filter(owner_id=owner_id, status__in=OPEN_STATUSES), now=now)


@transactions.atomic
def cancel_these(these: QuerySet[Order], *, now: datetime) -> list[Order]:
    """Cancel these open orders; returns them, newest first."""
    _lock_quotes_of_tied(these)
    orders = list(_lock_orders(these).values())
    _end_all(orders, OrderStatus.CANCELED, now)
    return sorted(orders, key=lambda order: order.pk, reverse=True)


@transactions.atomic
def end(ending: Sequence[Order], status: OrderStatus, *, reason: str, now: datetime) -> None:
    """End these open orders, which the caller has locked."""
    _end_all(ending, status, now, reason=reason)


def expire_due(*, now: datetime) -> int:
    """End the open orders whose time is up, so many at a time; returns how many."""
    expired = 0
    while due := order_rows.due(now, at_most=END_AT_ONCE):
        expired += _end_some(due, OrderStatus.EXPIRED, now)
    return expired


@transactions.atomic
def _end_some(ids: Sequence[UUID], status: OrderStatus, now: datetime, *, reason: str = "") -> int:
    """End those of them that are open still."""
    some = Order.objects.filter(pk__in=ids, status__in=OPEN_STATUSES)
    _lock_quotes_of_tied(some)
    orders = list(_lock_orders(some).values())
    _end_all(orders, status, now, reason=reason)
    return len(orders)


def _lock_quotes_of_tied(orders: QuerySet[Order]) -> None:
    """Ending an order of a bracket or a pair changes others: like a trade, it has the quote's lock.

    Orders on their own need no such lock, so that canceling never waits for the market.
    """
    tied = orders.exclude(order_class=OrderClass.SIMPLE).values_list("instrument_id", flat=True)
    instruments = set(tied)
    if instruments:
        rows = Quote.objects.select_for_update().filter(pk__in=instruments).order_by("pk")
        list(rows.values_list("pk"))


def _lock_orders(orders: QuerySet[Order]) -> dict[UUID, Order]:
    rows = (
        orders.select_for_update(of=("self",))
        .select_related("instrument", "instrument__bond")
        .order_by("pk")
    )
    return {order.pk: order for order in rows}


def _end_all(
    orders: Sequence[Order], status: OrderStatus, now: datetime, *, reason: str = ""
) -> None:
    if not orders:
        return
    blotter = Blotter(now)
    blotter.open(orders)
    for order in orders:
        if order.is_open:  # the end of one before it may have been its end too
            lifecycle.end(blotter, blotter.working_orders[order.pk], status, reason=reason)
    blotter.write()
