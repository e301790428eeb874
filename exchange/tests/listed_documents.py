"""What a list must show of orders and executions: the definition, from the ORM with decimals."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

from banking.rules.assets import EXACT, USD
from be.kernel.formats import money, plain, price_text, time_text
from exchange.models import Execution, Instrument, Order
from exchange.trading.reports import documents
from exchange.trading.rows import listed
from exchange.trading.rows.listed import OrderFilter

ALL = 1000


def differences(owner_id: UUID) -> Iterator[str]:
    """One sentence for each document of this owner's lists that is not as defined."""
    own_orders = Order.objects.filter(owner_id=owner_id).order_by("-pk")
    shown = [documents.order(each) for each in listed.orders(owner_id, OrderFilter(), at_most=ALL)]
    yield from _compared(shown, [_order(order, has_legs=True) for order in own_orders])
    fills = Execution.objects.filter(owner_id=owner_id).order_by("-pk")
    shown = [documents.fill(fill) for fill in listed.executions(owner_id, at_most=ALL)]
    yield from _compared(shown, [_fill(fill) for fill in fills])


def _compared(shown: list[dict[str, Any]], defined: list[dict[str, Any]]) -> Iterator[str]:
    if len(shown) != len(defined):
        yield f"{len(shown)} are listed of {len(defined)}"
    for one, other in zip(shown, defined, strict=False):
        if list(one.items()) != list(other.items()):
            unlike = {name: (one[name], other[name]) for name in other if one[name] != other[name]}
            yield f"{one['id']}: {unlike}"


def _order(order: Order, *, has_legs: bool) -> dict[str, Any]:
    instrument, fills = order.instrument, [*order.executions.order_by("pk")]
    legs = order.legs.order_by("pk") if has_legs else Order.objects.none()
    fees = sum(fill.fee_cents for fill in fills)
    return {
        "id": str(order.pk),
        "client_order_id": order.client_order_id,
        "symbol": instrument.symbol,
        "asset_class": instrument.asset_class,
        "side": order.side,
        "order_type": order.order_type,
        "order_class": order.order_class,
        "time_in_force": order.time_in_force,
        "quantity": _units(order.quantity, instrument),
        "notional": order.notional_cents and money(USD.amount(order.notional_cents)),
        "limit_price": _price(order.limit_price, instrument),
        "stop_price": _price(order.stop_price, instrument),
        "trail_amount": _price(order.trail_amount, instrument),
        "trail_percent": order.trail_percent and plain(order.trail_percent),
        "lots": order.lots
        and [{"id": key, "quantity": _units(units, instrument)} for key, units in order.lots],
        "status": order.status,
        "filled_quantity": _units(order.filled_quantity, instrument),
        "remaining_quantity": _units(order.remaining_quantity, instrument),
        "average_fill_price": _price(_mean(fills), instrument),
        "fees": money(USD.amount(fees)),
        "reject_reason": order.reject_reason or None,
        "parent_id": order.parent_id and str(order.parent_id),
        "replaces": order.replaces_id and str(order.replaces_id),
        "replaced_by": order.replaced_by_id and str(order.replaced_by_id),
        "created_at": time_text(order.created_at),
        "updated_at": time_text(order.updated_at),
        "filled_at": order.filled_at and time_text(order.filled_at),
        "canceled_at": order.canceled_at and time_text(order.canceled_at),
        "expires_at": order.expires_at and time_text(order.expires_at),
        "executions": [_execution(fill, instrument) for fill in fills],
        "legs": [_order(leg, has_legs=False) for leg in legs],
    }


def _execution(fill: Execution, instrument: Instrument) -> dict[str, Any]:
    return {
        "id": str(fill.pk),
        "price": _price(fill.price, instrument),
        "quantity": _units(fill.quantity, instrument),
        "amount": money(USD.amount(fill.cents)),
        "accrued_interest": plain(fill.accrued_interest),
        "fee": money(USD.amount(fill.fee_cents)),
        "liquidity": fill.liquidity,
        "executed_at": time_text(fill.executed_at),
    }


def _fill(fill: Execution) -> dict[str, Any]:
    order = fill.order
    return {
        **_execution(fill, order.instrument),
        "order_id": str(order.pk),
        "symbol": order.instrument.symbol,
        "side": order.side,
    }


def _mean(fills: list[Execution]) -> Decimal | None:
    if not fills:
        return None
    total = sum((EXACT.multiply(fill.price, Decimal(fill.quantity)) for fill in fills), Decimal(0))
    units = Decimal(sum(fill.quantity for fill in fills))
    return EXACT.divide(total, units).quantize(Decimal("1e-8"), context=EXACT)


def _price(price: Decimal | None, instrument: Instrument) -> str | None:
    return None if price is None else price_text(price, instrument.price_increment)


def _units(units: int | None, instrument: Instrument) -> str | None:
    return None if units is None else plain(instrument.asset.amount(units))
