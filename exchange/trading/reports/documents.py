"""Orders and executions as the public contract shows them, on REST and on the WebSocket alike."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from banking.rules.assets import EXACT
from be.kernel.formats import money_cents, plain, plain_units, price_text, time_text
from exchange.models import Execution, Instrument, Order, OrderClass
from exchange.trading.rows.listed import Fill
from exchange.trading.rules import naming

Document = dict[str, Any]


def execution(execution: Execution | Fill, instrument: Instrument) -> Document:
    return {
        "id": str(execution.id),
        "price": price_text(execution.price, instrument.price_increment),
        "quantity": plain_units(execution.quantity, instrument.scale),
        "amount": money_cents(execution.cents),
        "accrued_interest": plain(execution.accrued_interest),
        "fee": money_cents(execution.fee_cents),
        "liquidity": execution.liquidity,
        "executed_at": time_text(execution.executed_at),
    }


def fill(fill: Fill) -> Document:
    """An execution on its own, which names its order."""
    document = execution(fill, fill.instrument)
    document["order_id"] = str(fill.order_id)
    document["symbol"] = fill.instrument.symbol
    document["side"] = fill.side
    return document


def order(order: Order, *, with_legs: bool = True) -> Document:
    """The order with its executions, and with its legs where it has any.

    `exchange/trading/rows/listed.py` reads orders with all of that in a few statements.
    """
    instrument = order.instrument
    fills = _fills(order)
    return {
        "id": str(order.pk),
        "client_order_id": order.client_order_id,
        "symbol": instrument.symbol,
        "asset_class": instrument.asset_class,
        "side": str(order.side),
        "order_type": str(order.order_type),
        "order_class": str(order.order_class),
        "time_in_force": str(order.time_in_force),
        "quantity": _quantity(instrument, order.quantity),
        "notional": None if order.notional_cents is None else money_cents(order.notional_cents),
        "limit_price": _price(instrument, order.limit_price),
        "stop_price": _price(instrument, order.stop_price),
        "trail_amount": _price(instrument, order.trail_amount),
        "trail_percent": None if order.trail_percent is None else plain(order.trail_percent),
        "lots": None if order.lots is None else _lots(order.lots, instrument),
        "status": str(order.status),
        "filled_quantity": _quantity(instrument, order.filled_quantity),
        "remaining_quantity": _quantity(instrument, order.remaining_quantity),
        "average_fill_price": _average_price(fills, instrument),
        "fees": money_cents(sum(fill.fee_cents for fill in fills)),
        "reject_reason": order.reject_reason or None,
        "parent_id": _id(order.parent_id),
        "replaces": _id(order.replaces_id),
        "replaced_by": _id(order.replaced_by_id),
        "created_at": time_text(order.created_at),
        "updated_at": time_text(order.updated_at),
        "filled_at": _time(order.filled_at),
        "canceled_at": _time(order.canceled_at),
        "expires_at": _time(order.expires_at),
        "executions": [execution(fill, instrument) for fill in fills],
        "legs": _legs(order) if with_legs else [],
    }


def _lots(lots: list[list[str | int]], instrument: Instrument) -> list[Document]:
    return [
        {"id": lot_id, "quantity": plain_units(units, instrument.scale)}
        for lot_id, units in naming.units_of(lots)
    ]


def written(changed: Order) -> Document:
    """An order that was written just now, as in its last update, with its legs."""
    return {**(changed.document or order(changed, with_legs=False)), "legs": _legs(changed)}


def _fills(order: Order) -> list[Execution]:
    if order.loaded_fills is not None:
        return order.loaded_fills
    if not order.filled_quantity:
        return []
    return sorted(order.executions.all(), key=lambda fill: fill.pk)


def _legs(order: Order) -> list[Document]:
    if order.order_class == OrderClass.SIMPLE or order.parent_id is not None:
        return []
    legs = order.loaded_legs
    if legs is None:
        legs = sorted(order.legs.all(), key=lambda leg: leg.pk)
    for leg in legs:
        leg.instrument = order.instrument
    return [_leg(leg) for leg in legs]


def _leg(leg: Order) -> Document:
    return order(leg, with_legs=False)


def _id(key: UUID | None) -> str | None:
    return None if key is None else str(key)


def _price(instrument: Instrument, price: Decimal | None) -> str | None:
    return None if price is None else price_text(price, instrument.price_increment)


def _quantity(instrument: Instrument, units: int | None) -> str | None:
    return None if units is None else plain_units(units, instrument.scale)


def _average_price(fills: list[Execution], instrument: Instrument) -> str | None:
    """The quantity-weighted mean, to eight decimals."""
    units = sum(fill.quantity for fill in fills)
    if not units:
        return None
    total = Decimal(0)
    for fill in fills:
        total = EXACT.add(total, EXACT.multiply(fill.price, Decimal(fill.quantity)))
    mean = EXACT.divide(total, Decimal(units)).quantize(Decimal("1e-8"), context=EXACT)
    return price_text(mean, instrument.price_increment)


def _time(at: datetime | None) -> str | None:
    return None if at is None else time_text(at)
