"""Placing, replacing, canceling and expiring orders."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import IntegrityError
from django.db.models import QuerySet

from be.database import transactions
from be.kernel.refusals import Invalid, NotFound, Refusal
from exchange.market import instruments, quotes
from exchange.models import (
    OPEN_STATUSES,
    Order,
    OrderClass,
    OrderStatus,
    OrderType,
    Quote,
    Side,
)
from exchange.trading import rounds, working
from exchange.trading.intake import named_lots, requests, tickets
from exchange.trading.intake.requests import OrderRequest, ReplaceRequest
from exchange.trading.rows import markets, order_rows
from exchange.trading.rows.markets import Market
from exchange.trading.rows.working_order import WorkingOrder
from exchange.trading.settlement import lifecycle, reservations
from exchange.trading.settlement.blotter import Blotter
from exchange.trading.working import Matches

# At most so many orders end in one transaction, when their time is up or their instrument closes.
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


def prepare_naming(*, owner_id: UUID) -> None:
    """Make ready for an order that names lots, so that `place` holds its locks for a short time.

    Call it outside of a transaction; `place` needs it only to be quick.
    """
    named_lots.keeper.prepare(owner_id)


@transactions.atomic
def place(*, owner_id: UUID, request: OrderRequest, now: datetime) -> Order:
    """Check an order and work it; the order returned has the fills that it got at once.

    Raises Invalid (400), InstrumentNotTradable, StopPriceReached, LotsNotThere, InsufficientFunds
    or InsufficientPosition (422), or ClientOrderIdExists (409); then nothing has moved.
    """
    market = _lock_market(request.symbol)
    requests.check_shape(request, market.instrument)
    market = rounds.catch_up(market, now=now)
    requests.check_against_market(request, market.quote)
    if request.lots:
        named_lots.check(owner_id, request, market.instrument)
    order, legs = tickets.draft(owner_id=owner_id, request=request, market=market, now=now)
    matches = _find_matches(order, market, now)
    blotter = Blotter(now)
    blotter.load(matches.makers if matches else (), incoming=[order, *legs])
    _work_or_wait(blotter, blotter.working_orders[order.pk], matches, market)
    _write(blotter, order)
    order.loaded_legs = legs
    return order


def _lock_market(symbol: str) -> Market:
    market = None if "\x00" in symbol else markets.lock_market(symbol=symbol)
    if market is None:
        instrument = instruments.find(symbol)
        market = markets.lock_market(instrument_id=instrument.pk)
    if market is None:
        raise requests.InstrumentNotTradable(
            f"{instrument.symbol} has no price yet; start the simulator.", field="symbol"
        )
    return market


def _find_matches(order: Order, market: Market, now: datetime) -> Matches | None:
    """Match the order; None if it can't be worked now. The market's status is read again."""
    if order.armed or order.status == OrderStatus.HELD or not quotes.is_fresh(market.quote, now):
        markets.read_status(market)
        matches = None
    else:
        matches = working.find_matches(order, market, now)
    requests.check_tradable(order.order_type, market.instrument)
    return matches if market.is_active else None


def _work_or_wait(
    blotter: Blotter, incoming: WorkingOrder, matches: Matches | None, market: Market
) -> None:
    """Work an order with its matches, or let it wait; its legs wait in either case."""
    order = incoming.order
    for leg in incoming.legs:
        blotter.mark_changed(leg)
    if order.status == OrderStatus.HELD:
        blotter.mark_changed(incoming)
        return
    if incoming.partner is not None and incoming.hold is None:
        _reserve_pair(blotter, incoming, incoming.partner)
    if matches is not None:
        working.work(blotter, incoming, matches, market)
        return
    is_armed = order.armed and market.is_active and quotes.is_fresh(market.quote, blotter.now)
    status = OrderStatus.NEW if is_armed else OrderStatus.ACCEPTED
    working.reserve_and_wait(blotter, incoming, status)


def _reserve_pair(blotter: Blotter, incoming: WorkingOrder, partner: WorkingOrder) -> None:
    """Make the one hold that two exits share, before either of them trades."""
    reservations.require_covered(incoming, (), rests=True, at=blotter.now)
    reservations.reserve(blotter, incoming)
    blotter.mark_changed(incoming)
    blotter.mark_changed(partner)


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
    """Replace an open order by another one, in one transaction; returns the new order.

    The new order takes over what is left to fill and what is held for it, and queues last at its
    price. Raises NotFound, OrderNotReplaceable (409: the order has ended, or has been filled beyond
    the requested quantity) or what `place` raises; the old order then stays as it is.
    """
    found = (
        Order.objects.filter(pk=order_id, owner_id=owner_id).values_list("instrument_id").first()
    )
    if found is None:
        raise NotFound("There is no such order.")
    market = markets.lock_market(instrument_id=found[0])
    if market is None:
        raise NotFound("The order's instrument has no price.")
    market = rounds.catch_up(market, now=now)
    old = _lock_orders(Order.objects.filter(pk=order_id))[order_id]
    _check_replaceable(old, request, now)
    old.instrument = market.instrument
    order = tickets.draft_replacement(old, request, market, now)
    order.status = str(OrderStatus.HELD if old.status == OrderStatus.HELD else OrderStatus.NEW)
    matches = _find_matches(order, market, now)
    blotter = Blotter(now)
    blotter.load([old, *(matches.makers if matches else ())], incoming=[order])
    incoming = blotter.working_orders[order.pk]
    lifecycle.hand_over(blotter, blotter.working_orders[old.pk], incoming)
    _work_or_wait(blotter, incoming, matches, market)
    _write(blotter, order)
    order.loaded_legs = [leg.order for leg in incoming.legs]
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
    if request.quantity is not None:
        _check_quantity(old, request.quantity)


def _check_quantity(old: Order, wanted: Decimal) -> None:
    """Refuse a new quantity where the old order has to keep its own, or has been filled as far."""
    asset = old.instrument.asset
    if old.order_class != OrderClass.SIMPLE:
        raise Invalid("The orders of a bracket keep their quantity.", field="quantity")
    if old.lots is not None and wanted != asset.amount(old.quantity or 0):
        raise Invalid(
            "An order that names its lots keeps its quantity; cancel it and send a new one.",
            field="quantity",
        )
    if wanted <= asset.amount(old.filled_quantity):
        raise OrderNotReplaceable("As much has been filled already; cancel what is left.")


@transactions.atomic
def cancel(*, owner_id: UUID, order_id: UUID, now: datetime) -> Order:
    """Cancel an open order of this owner. Raises NotFound, or OrderNotCancelable (409)."""
    mine = Order.objects.filter(pk=order_id, owner_id=owner_id)
    _lock_quotes_of_tied(mine)
    order = _lock_orders(mine).get(order_id)
    if order is None:
        raise NotFound("There is no such order.")
    if not order.is_open:
        raise OrderNotCancelable(f"The order is {order.status}; only open orders can be canceled.")
    end_locked([order], OrderStatus.CANCELED, now=now)
    return order


def cancel_instrument(*, instrument_id: UUID, reason: str, now: datetime) -> int:
    """Cancel every open order in an instrument, in bounded transactions; returns how many."""
    found = Order.objects.filter(instrument_id=instrument_id, status__in=OPEN_STATUSES)
    canceled = 0
    while some := list(found.order_by("pk").values_list("pk", flat=True)[:END_AT_ONCE]):
        canceled += _end_some(some, OrderStatus.CANCELED, now, reason=reason)
    return canceled


def cancel_buys(*, owner_ids: Sequence[UUID], reason: str, now: datetime) -> int:
    """Cancel every open buy order of these owners, in bounded transactions; returns how many."""
    found = Order.objects.filter(owner_id__in=owner_ids, side=Side.BUY, status__in=OPEN_STATUSES)
    canceled = 0
    while some := list(found.order_by("pk").values_list("pk", flat=True)[:END_AT_ONCE]):
        canceled += _end_some(some, OrderStatus.CANCELED, now, reason=reason)
    return canceled


def cancel_all(*, owner_id: UUID, now: datetime) -> list[UUID]:
    """Cancel every open order of this owner, in bounded transactions.

    Which orders these are is read at the start: one that is placed meanwhile stays open. Returns
    the ids of those that were canceled, newest first; another one was filled before its turn.
    """
    own = Order.objects.filter(owner_id=owner_id, status__in=OPEN_STATUSES)
    ids = list(own.order_by("pk").values_list("pk", flat=True))
    canceled: list[UUID] = []
    # The oldest first: the end of an entry is what ends its legs.
    for start in range(0, len(ids), END_AT_ONCE):
        some = ids[start : start + END_AT_ONCE]
        _end_some(some, OrderStatus.CANCELED, now)
        # One that another's end has ended in an earlier transaction is among them.
        ended = Order.objects.filter(pk__in=some, status=OrderStatus.CANCELED, canceled_at=now)
        canceled += ended.order_by("pk").values_list("pk", flat=True)
    return canceled[::-1]


@transactions.atomic
def cancel_these(these: QuerySet[Order], *, now: datetime) -> list[Order]:
    """Cancel these open orders; returns them, newest first."""
    _lock_quotes_of_tied(these)
    orders = list(_lock_orders(these).values())
    end_locked(orders, OrderStatus.CANCELED, now=now)
    return sorted(orders, key=lambda order: order.pk, reverse=True)


def expire_due(*, now: datetime) -> int:
    """End the open orders whose time is up, in bounded transactions; returns how many."""
    expired = 0
    while due := order_rows.due(now, at_most=END_AT_ONCE):
        expired += _end_some(due, OrderStatus.EXPIRED, now)
    return expired


@transactions.atomic
def _end_some(ids: Sequence[UUID], status: OrderStatus, now: datetime, *, reason: str = "") -> int:
    """End the orders of these ids that are still open; returns how many."""
    some = Order.objects.filter(pk__in=ids, status__in=OPEN_STATUSES)
    _lock_quotes_of_tied(some)
    orders = list(_lock_orders(some).values())
    end_locked(orders, status, reason=reason, now=now)
    return len(orders)


def _lock_quotes_of_tied(orders: QuerySet[Order]) -> None:
    """Lock the quotes of those of these orders that belong to a bracket or a pair.

    Ending one changes others, so it takes the quote's lock like a trade. A simple order needs no
    such lock, so canceling it never waits for the market.
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


def end_locked(
    orders: Sequence[Order], status: OrderStatus, *, reason: str = "", now: datetime
) -> None:
    """End those of these orders that are open; the caller has locked them in its transaction."""
    if not orders:
        return
    blotter = Blotter(now)
    blotter.load(orders)
    for order in orders:
        if order.is_open:  # the end of an earlier one can have ended it too
            lifecycle.end(blotter, blotter.working_orders[order.pk], status, reason=reason)
    blotter.write()
