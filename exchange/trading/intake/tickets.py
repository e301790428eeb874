"""Drafting orders: the rows of a customer's request, not saved yet."""

from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any
from uuid import UUID

from django.conf import settings

from banking import ledger
from banking.ledger import InsufficientPosition
from banking.rules.assets import EXACT, USD
from be.database.rows import Factory
from be.kernel.identifiers import uuid7
from be.kernel.refusals import Invalid
from exchange.market import hours, quotes
from exchange.market.rules import ticks
from exchange.models import (
    STOP_TYPES,
    Instrument,
    Order,
    OrderClass,
    OrderStatus,
    OrderType,
    Quote,
    Side,
    TimeInForce,
)
from exchange.trading.intake import requests
from exchange.trading.intake.requests import OrderRequest
from exchange.trading.rows.markets import Market
from exchange.trading.rules import amounts, naming, stops
from exchange.trading.rules.amounts import CENT

_orders = Factory(Order)


def draft(
    *, owner_id: UUID, request: OrderRequest, market: Market, now: datetime
) -> tuple[Order, list[Order]]:
    """The order and its legs, not saved. The request's shape has been checked."""
    order = _order(owner_id, request, market, now)
    if request.order_class == OrderClass.SIMPLE:
        return order, []
    pair_id = None if request.order_class == OrderClass.OTO else uuid7(now)
    if request.order_class == OrderClass.OCO:
        order.pair_id = pair_id
    legs = [_leg(order, exit_, pair_id, market, now) for exit_ in _exits(request)]
    return order, legs


def _order(owner_id: UUID, request: OrderRequest, market: Market, now: datetime) -> Order:
    instrument, quote = market.instrument, market.quote
    time_in_force = requests.time_in_force(request, instrument)
    trails = request.order_type == OrderType.TRAILING_STOP
    order = _orders.new(
        id=uuid7(now),
        owner_id=owner_id,
        instrument=instrument,
        client_order_id=request.client_order_id,
        side=request.side.value,
        order_type=request.order_type.value,
        time_in_force=time_in_force.value,
        quantity=_units(owner_id, request, instrument, quote, now),
        notional_cents=None if request.notional is None else USD.units(request.notional),
        limit_price=request.limit_price,
        stop_price=request.stop_price,
        trail_amount=request.trail_amount,
        trail_percent=request.trail_percent,
        peak_price=quote.price if trails else None,
        armed=request.order_type in STOP_TYPES,
        order_class=request.order_class.value,
        lots=_named(request, instrument) if request.lots else None,
        maker_fee_bps=market.fee_rates.maker_bps,
        taker_fee_bps=market.fee_rates.taker_bps,
        status=OrderStatus.NEW.value,
        created_at=now,
        updated_at=now,
        expires_at=hours.end_of_day(instrument.asset_class, now)
        if time_in_force == TimeInForce.DAY
        else None,
    )
    if trails:
        move_trailing_stop(order, quote.price)
    if order.limit_price is None:
        start = order.stop_price or (quote.ask if request.side == Side.BUY else quote.bid)
        order.collar_price = collar_price(request.side, start, instrument)
    return order


def _named(request: OrderRequest, instrument: Instrument) -> list[naming.NamedLot]:
    return [(str(lot.id), instrument.asset.units(lot.quantity)) for lot in request.lots]


def _exits(request: OrderRequest) -> list[dict[str, Any]]:
    exits: list[dict[str, Any]] = []
    if (profit := request.take_profit) is not None:
        exits.append(
            {
                "order_type": OrderType.LIMIT,
                "limit_price": profit.limit_price,
                "time_in_force": profit.time_in_force,
            }
        )
    if (loss := request.stop_loss) is not None:
        type_ = OrderType.STOP if loss.limit_price is None else OrderType.STOP_LIMIT
        exits.append(
            {
                "order_type": type_,
                "stop_price": loss.stop_price,
                "limit_price": loss.limit_price,
                "time_in_force": loss.time_in_force,
            }
        )
    return exits


def _leg(
    order: Order, exit_: dict[str, Any], pair_id: UUID | None, market: Market, now: datetime
) -> Order:
    """An exit that sells what the order buys; or, for an oco order, its other exit.

    The exit of an entry is `held` until the entry has ended; that of an oco order works at once.
    With the order's time in force it expires with the order; otherwise its own day begins when it
    goes to work.
    """
    works_at_once = order.order_class == OrderClass.OCO
    time_in_force = str(exit_.pop("time_in_force") or order.time_in_force)
    leg = _orders.new(
        id=uuid7(now),
        owner_id=order.owner_id,
        instrument=order.instrument,
        side=Side.SELL.value,
        time_in_force=time_in_force,
        quantity=order.quantity,
        armed=exit_["order_type"] in STOP_TYPES,
        order_class=order.order_class,
        parent=order,
        pair_id=pair_id,
        maker_fee_bps=market.fee_rates.maker_bps,
        taker_fee_bps=market.fee_rates.taker_bps,
        status=OrderStatus.NEW if works_at_once else OrderStatus.HELD,
        created_at=now,
        updated_at=now,
        expires_at=order.expires_at if time_in_force == order.time_in_force else None,
        **exit_,
    )
    if leg.limit_price is None and leg.stop_price is not None:
        leg.collar_price = collar_price(leg.side, leg.stop_price, order.instrument)
    return leg


def draft_replacement(
    old: Order, request: requests.ReplaceRequest, market: Market, now: datetime
) -> Order:
    """The order that takes the place of `old`, with the requested changes; not saved."""
    instrument = market.instrument
    filled = instrument.asset.amount(old.filled_quantity)
    left = instrument.asset.amount(old.remaining_quantity)
    wanted = left if request.quantity is None else EXACT.subtract(request.quantity, filled)
    trail_changes = request.trail_amount is not None or request.trail_percent is not None
    as_request = OrderRequest(
        symbol=instrument.symbol,
        side=Side(old.side),
        order_type=OrderType(old.order_type),
        quantity=wanted,
        limit_price=request.limit_price or old.limit_price,
        stop_price=_new_stop_price(old, request),
        trail_amount=request.trail_amount if trail_changes else old.trail_amount,
        trail_percent=request.trail_percent if trail_changes else old.trail_percent,
        time_in_force=TimeInForce(old.time_in_force),
        client_order_id=request.client_order_id or old.client_order_id,
    )
    requests.check_shape(as_request, instrument)
    if old.armed:
        requests.check_against_market(as_request, market.quote)
    order = _order(old.owner_id, as_request, market, now)
    if old.client_order_id is not None and order.client_order_id == old.client_order_id:
        order.client_order_version = old.client_order_version + 1
    order.armed = old.armed
    order.expires_at = old.expires_at
    order.maker_fee_bps, order.taker_fee_bps = old.maker_fee_bps, old.taker_fee_bps
    order.order_class, order.parent_id, order.pair_id = old.order_class, old.parent_id, old.pair_id
    if old.lots is not None:
        order.lots = naming.left(naming.units_of(old.lots), filled=old.filled_quantity)
    if old.peak_price is not None:
        move_trailing_stop(order, stops.better_peak(old.side, old.peak_price, market.quote.price))
        requests.require_not_reached(order.side, order.stop_price, market.quote)
    return order


def _new_stop_price(old: Order, request: requests.ReplaceRequest) -> Decimal | None:
    """The requested stop price, or the old one.

    A trailing stop's price is computed from its trail, so it is not kept, and `check_shape` refuses
    a requested one.
    """
    if old.order_type == OrderType.TRAILING_STOP:
        return request.stop_price
    return request.stop_price or old.stop_price


def move_trailing_stop(order: Order, peak: Decimal) -> None:
    """Set the peak of a trailing stop, and the stop price that follows from it."""
    order.peak_price = peak
    order.stop_price = stops.trailing_price(
        order.side,
        peak,
        stops.Trail(order.trail_amount, order.trail_percent),
        ticks.increment_at(peak, order.instrument.price_increment, order.instrument.asset_class),
    )
    if order.stop_price <= 0:
        raise Invalid("The distance must be smaller than the price.", field="trail_amount")


def _units(
    owner_id: UUID, request: OrderRequest, instrument: Instrument, quote: Quote, now: datetime
) -> int | None:
    """The order's units; None for a notional to buy, which is sized when it is matched.

    A notional to sell is sized at the bid.
    """
    asset = instrument.asset
    if request.quantity is not None:
        return asset.units(request.quantity)
    buys = request.side == Side.BUY
    available = 0 if buys else _available(owner_id, instrument)
    accrued = quotes.accrued_interest(instrument, now)
    if available and _is_worth(request.notional or CENT, available, instrument, quote, accrued):
        return available
    price = (quote.ask if buys else quote.bid) + accrued
    dollars = EXACT.multiply(request.notional or Decimal(0), instrument.price_divisor)
    units = asset.units_down(EXACT.divide(dollars, price))
    units -= units % asset.units(instrument.quantity_increment)
    if asset.amount(units) > requests.MAX_NOTIONAL:
        raise Invalid("Too many at once.", field="notional")
    if buys:
        return None
    if asset.amount(units) < instrument.min_quantity:
        raise Invalid("Too small to sell one increment.", field="notional")
    if units > available:
        raise InsufficientPosition(
            f"{request.notional} dollars are {asset.amount(units):f} {asset.code} at the bid; "
            f"{asset.amount(available):f} is available. To sell all of it, close the position: "
            f"DELETE /api/portfolio/holdings/{asset.code}/."
        )
    return units


def _available(owner_id: UUID, instrument: Instrument) -> int:
    account = ledger.find(owner_id, instrument.asset)
    return 0 if account is None else account.available


def _is_worth(
    dollars: Decimal, units: int, instrument: Instrument, quote: Quote, accrued: Decimal
) -> bool:
    """Whether `dollars` are the value of all these units, give or take a cent.

    Their value at the bid (which sizes a sale), at the last price (which the owner is shown), or
    anything between the two counts.
    """
    at_bid, shown = (
        amounts.exact_value(
            instrument.asset, units, EXACT.add(price, accrued), instrument.price_divisor
        ).quantize(CENT, context=EXACT)
        for price in (quote.bid, quote.price)
    )
    return at_bid < dollars < shown or abs(dollars - at_bid) <= CENT or abs(dollars - shown) <= CENT


def collar_price(side: str, price: Decimal, instrument: Instrument) -> Decimal:
    """The worst price for a market order: MARKET_ORDER_COLLAR_PERCENT from `price`, on the grid."""
    percent = Decimal(settings.MARKET_ORDER_COLLAR_PERCENT) / 100
    buying = side == Side.BUY
    worst = price * (1 + percent) if buying else price * (1 - percent)
    increment = ticks.increment_at(worst, instrument.price_increment, instrument.asset_class)
    increments = (worst / increment).to_integral_value(ROUND_CEILING if buying else ROUND_FLOOR)
    return max(increments, Decimal(1)) * increment
