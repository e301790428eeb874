"""Placing, canceling and expiring orders: the doors through which customers reach the market."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from banking.assets import EXACT, USD
from be.api import transactions
from be.api.identifiers import uuid7
from be.api.refusals import Invalid, NotFound, Refusal
from exchange.market import quotes
from exchange.models import (
    OPEN_STATUSES,
    AssetClass,
    Instrument,
    InstrumentStatus,
    Order,
    OrderStatus,
    OrderType,
    Quote,
    Side,
    TimeInForce,
)
from exchange.trading import execution, fees, requests, updates, working
from exchange.trading.requests import OrderRequest


class ClientOrderIdExists(Refusal):
    code = "client_order_id_exists"
    status = 409
    title = "The client_order_id was used before"


class OrderNotCancelable(Refusal):
    code = "order_not_cancelable"
    status = 409
    title = "The order has ended"


@transactions.atomic
def place(*, owner_id: UUID, request: OrderRequest, now: datetime) -> Order:
    """Check, save and work an order; what happened to it at once is in the order returned.

    Refuses with Invalid (400) for shape, InstrumentNotTradable, InsufficientFunds or
    InsufficientPosition (422) and ClientOrderIdExists (409); then nothing has moved.
    """
    instrument = requests.find_instrument(request.symbol)
    requests.check_shape(request, instrument)
    quote = _lock_quote(instrument)
    instrument.refresh_from_db(fields=["status", "tradable"])
    requests.check_tradable(request, instrument)
    order = _new_order(owner_id, request, instrument, quote, now)
    _save_new(order)
    if instrument.status == InstrumentStatus.ACTIVE and quotes.is_fresh(quote, now):
        changed = working.work_new(order, quote, now)
    else:
        changed = working.let_wait(order, now)
    updates.send(changed, created=order)
    return order


def _lock_quote(instrument: Instrument) -> Quote:
    quote = Quote.objects.select_for_update().filter(pk=instrument.pk).first()
    if quote is None:
        raise requests.InstrumentNotTradable(
            f"{instrument.symbol} has no price yet; start the simulator.", field="symbol"
        )
    quote.instrument = instrument
    return quote


def _new_order(
    owner_id: UUID, request: OrderRequest, instrument: Instrument, quote: Quote, now: datetime
) -> Order:
    rates = fees.rates_for(instrument.asset_class)
    market = request.order_type == OrderType.MARKET
    default = TimeInForce.GTC if instrument.asset_class == AssetClass.CRYPTO else TimeInForce.DAY
    time_in_force = request.time_in_force or default
    return Order(
        id=uuid7(now),
        owner_id=owner_id,
        instrument=instrument,
        client_order_id=request.client_order_id,
        side=request.side,
        order_type=request.order_type,
        time_in_force=time_in_force,
        quantity=_units(request, instrument, quote),
        notional_cents=None if request.notional is None else USD.units(request.notional),
        limit_price=request.limit_price,
        collar_price=_collar(request.side, quote, instrument) if market else None,
        maker_fee_bps=rates.maker_bps,
        taker_fee_bps=rates.taker_bps,
        status=OrderStatus.NEW,
        created_at=now,
        updated_at=now,
        expires_at=_end_of_day(now) if time_in_force == TimeInForce.DAY else None,
    )


def _units(request: OrderRequest, instrument: Instrument, quote: Quote) -> int | None:
    """Units asked for. A notional to sell is sized at the bid, one to buy in the book."""
    asset = instrument.asset
    if request.quantity is not None:
        return asset.units(request.quantity)
    if request.side == Side.BUY or request.notional is None:
        return None
    dollars = EXACT.multiply(request.notional, instrument.price_divisor)
    units = asset.units_down(EXACT.divide(dollars, quote.bid))
    step = asset.units(instrument.quantity_increment)
    units -= units % step
    if asset.amount(units) < instrument.min_quantity:
        raise Invalid("Too small to sell one increment.", field="notional")
    if asset.amount(units) > requests.MAX_NOTIONAL:
        raise Invalid("Too many at once.", field="notional")
    return units


def _collar(side: Side, quote: Quote, instrument: Instrument) -> Decimal:
    """The worst price for a market order: a few percent from the quote, on the price grid."""
    percent = Decimal(settings.MARKET_ORDER_COLLAR_PERCENT) / 100
    buying = side == Side.BUY
    worst = quote.ask * (1 + percent) if buying else quote.bid * (1 - percent)
    increments = (worst / instrument.price_increment).to_integral_value(
        ROUND_CEILING if buying else ROUND_FLOOR
    )
    return max(increments, Decimal(1)) * instrument.price_increment


def _end_of_day(now: datetime) -> datetime:
    """The simulated market is open around the clock; its day ends at midnight UTC."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _save_new(order: Order) -> None:
    try:
        with transaction.atomic():
            order.save(force_insert=True)
    except IntegrityError as error:
        if order.client_order_id is None:
            raise
        raise ClientOrderIdExists(
            f"You have an order with client_order_id {order.client_order_id}.",
            field="client_order_id",
        ) from error


@transactions.atomic
def cancel(*, owner_id: UUID, order_id: UUID, now: datetime) -> Order:
    """Cancel an open order of this owner; NotFound or OrderNotCancelable (409) otherwise."""
    order = _lock_orders(Order.objects.filter(pk=order_id, owner_id=owner_id)).get(order_id)
    if order is None:
        raise NotFound("There is no such order.")
    if not order.is_open:
        raise OrderNotCancelable(f"The order is {order.status}; only open orders can be canceled.")
    _end_all([order], OrderStatus.CANCELED, now)
    return order


@transactions.atomic
def cancel_all(*, owner_id: UUID, now: datetime) -> list[Order]:
    """Cancel every open order of this owner; returns them, newest first."""
    orders = _lock_orders(Order.objects.filter(owner_id=owner_id, status__in=OPEN_STATUSES))
    _end_all(list(orders.values()), OrderStatus.CANCELED, now)
    return sorted(orders.values(), key=lambda order: order.pk, reverse=True)


@transactions.atomic
def expire_due(*, now: datetime) -> int:
    """End the open orders whose time is up; returns how many."""
    due = Order.objects.filter(status__in=OPEN_STATUSES, expires_at__lte=now)
    orders = _lock_orders(due)
    _end_all(list(orders.values()), OrderStatus.EXPIRED, now)
    return len(orders)


def _lock_orders(orders: QuerySet[Order]) -> dict[UUID, Order]:
    rows = (
        orders.select_for_update(of=("self",))
        .select_related("instrument", "instrument__bond")
        .order_by("pk")
    )
    return {order.pk: order for order in rows}


def _end_all(orders: Sequence[Order], status: OrderStatus, now: datetime) -> None:
    locked = execution.open_working(orders)
    for order in orders:
        execution.end(locked[order.pk], status, now)
    execution.save(orders)
    updates.send(list(locked.values()))
