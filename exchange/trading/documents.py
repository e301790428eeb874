"""Orders and executions as the public contract shows them, on REST and on the WebSocket alike."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from banking.assets import EXACT, USD
from be.api.formats import money, plain, price_text, time_text
from exchange.models import Execution, Instrument, Order

Document = dict[str, Any]


def execution(execution: Execution, instrument: Instrument) -> Document:
    return {
        "id": str(execution.pk),
        "price": price_text(execution.price, instrument.price_increment),
        "quantity": plain(instrument.asset.amount(execution.quantity)),
        "amount": money(USD.amount(execution.cents)),
        "accrued_interest": plain(execution.accrued_interest),
        "fee": money(USD.amount(execution.fee_cents)),
        "liquidity": execution.liquidity,
        "executed_at": time_text(execution.executed_at),
    }


def fill(execution_: Execution) -> Document:
    """An execution on its own, with the order that it belongs to."""
    order = execution_.order
    return {
        **execution(execution_, order.instrument),
        "order_id": str(order.pk),
        "symbol": order.instrument.symbol,
        "side": order.side,
    }


def order(order: Order) -> Document:
    """`order.instrument` and `order.executions` should be loaded beforehand for lists."""
    instrument = order.instrument
    fills = sorted(order.executions.all(), key=lambda fill: fill.pk)
    return {
        "id": str(order.pk),
        "client_order_id": order.client_order_id,
        "symbol": instrument.symbol,
        "asset_class": instrument.asset_class,
        "side": order.side,
        "order_type": order.order_type,
        "time_in_force": order.time_in_force,
        "quantity": _quantity(instrument, order.quantity),
        "notional": None
        if order.notional_cents is None
        else money(USD.amount(order.notional_cents)),
        "limit_price": None
        if order.limit_price is None
        else price_text(order.limit_price, instrument.price_increment),
        "stop_price": None,
        "trail_amount": None,
        "trail_percent": None,
        "status": order.status,
        "filled_quantity": _quantity(instrument, order.filled_quantity),
        "remaining_quantity": _quantity(instrument, order.remaining_quantity),
        "average_fill_price": _average_price(fills, instrument),
        "fees": money(USD.amount(sum(fill.fee_cents for fill in fills))),
        "reject_reason": order.reject_reason or None,
        "replaces": None,
        "replaced_by": None,
        "created_at": time_text(order.created_at),
        "updated_at": time_text(order.updated_at),
        "filled_at": _time(order.filled_at),
        "canceled_at": _time(order.canceled_at),
        "expires_at": _time(order.expires_at),
        "executions": [execution(fill, instrument) for fill in fills],
    }


def _quantity(instrument: Instrument, units: int | None) -> str | None:
    return None if units is None else plain(instrument.asset.amount(units))


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
