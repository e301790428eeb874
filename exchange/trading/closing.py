"""Closing a position: a market order that sells all or part of what its owner holds."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from uuid import UUID

from banking import ledger
from banking.rules.assets import EXACT
from be.database import transactions
from be.kernel.formats import plain
from be.kernel.refusals import Invalid, NotFound, Refusal
from exchange.market import instruments
from exchange.models import OPEN_STATUSES, Instrument, Order, OrderStatus, OrderType, Side
from exchange.trading import orders
from exchange.trading.intake.requests import OrderRequest
from exchange.trading.rows import markets

HUNDRED_PERCENT = Decimal(100)
MAX_NAMED_ORDERS = 3


class PositionReserved(Refusal):
    code = "position_reserved"
    status = 409
    title = "Open orders have reserved the position"


@dataclass(frozen=True, slots=True)
class CloseRequest:
    """How much to sell: a quantity, or a percentage of the holding, or all of it.

    `cancel_orders` first cancels the owner's open orders in the instrument, of both sides.
    """

    quantity: Decimal | None = None
    percent: Decimal | None = None
    cancel_orders: bool = False


@dataclass(frozen=True, slots=True)
class Closing:
    """The result for one position: the order that sells it, or the refusal."""

    symbol: str
    order: Order | None = None
    refusal: Refusal | None = None


@transactions.atomic
def close(*, owner_id: UUID, symbol: str, request: CloseRequest, now: datetime) -> Order:
    """Sell a position, or a part of it, at market; returns the order.

    Raises NotFound when nothing is held, PositionReserved (409) when open orders have reserved what
    is to be sold, Invalid (400) for a part that can't be sold, or what `orders.place` raises. Then
    nothing has moved, and no order has been canceled.
    """
    try:
        instrument = instruments.find(symbol)
    except instruments.UnknownSymbol as error:
        raise NotFound("There is no such instrument.") from error
    # No trade, hold or split can change the position until this transaction ends.
    markets.lock_market(instrument_id=instrument.pk)
    own_orders = Order.objects.filter(
        owner_id=owner_id, instrument=instrument, status__in=OPEN_STATUSES
    ).order_by("pk")
    if request.cancel_orders:
        orders.cancel_these(own_orders, now=now)
    account = ledger.find(owner_id, instrument.asset)
    if account is None or not account.available + account.held:
        raise NotFound(f"You hold no {instrument.symbol}.")
    position = instrument.asset.amount(account.available + account.held)
    quantity = _quantity_to_sell(request, position, instrument)
    if instrument.asset.amount(account.available) < quantity <= position:
        held = instrument.asset.amount(account.held)
        selling = own_orders.filter(side=Side.SELL)
        raise _position_reserved(instrument, position, held, selling)
    return orders.place(
        owner_id=owner_id,
        request=OrderRequest(
            symbol=instrument.symbol,
            side=Side.SELL,
            order_type=OrderType.MARKET,
            quantity=quantity,
            sells_all=quantity == position,
        ),
        now=now,
    )


@transactions.atomic
def close_all(*, owner_id: UUID, cancel_orders: bool, now: datetime) -> list[Closing]:
    """Sell every position at market, each on its own: one refusal does not stop the others."""
    held = [row.asset for row in ledger.balances_of(owner_id) if row.available + row.held]
    # In the order in which quotes are locked.
    found = Instrument.objects.filter(symbol__in=held).order_by("pk")
    request = CloseRequest(cancel_orders=cancel_orders)
    closings = []
    for symbol in found.values_list("symbol", flat=True):
        try:
            order = close(owner_id=owner_id, symbol=symbol, request=request, now=now)
            closings.append(Closing(symbol, order=order))
        except Refusal as refusal:
            closings.append(Closing(symbol, refusal=refusal))
    return sorted(closings, key=lambda closing: closing.symbol)


def _quantity_to_sell(request: CloseRequest, position: Decimal, instrument: Instrument) -> Decimal:
    if request.quantity is not None and request.percent is not None:
        raise Invalid("Send quantity or percent, or neither for all of it.", field="percent")
    if request.quantity is not None:
        return request.quantity
    if request.percent is None or request.percent == HUNDRED_PERCENT:
        return position
    if request.percent > HUNDRED_PERCENT:
        raise Invalid("At most 100.", field="percent")
    step = instrument.quantity_increment
    exact = EXACT.divide(
        EXACT.multiply(position, request.percent), EXACT.multiply(HUNDRED_PERCENT, step)
    )
    part = EXACT.multiply(exact.to_integral_value(ROUND_FLOOR, EXACT), step)
    if part < instrument.min_quantity:
        raise Invalid(
            f"That is less than {plain(instrument.min_quantity)} {instrument.symbol}, the smallest "
            "order; sell more, or all of it.",
            field="percent",
        )
    return part


def _position_reserved(
    instrument: Instrument, position: Decimal, held: Decimal, selling: Iterable[Order]
) -> PositionReserved:
    found = [str(order.pk) for order in selling if order.status != OrderStatus.HELD]
    names = ", ".join(found[:MAX_NAMED_ORDERS])
    more = f" and {len(found) - MAX_NAMED_ORDERS} more" if len(found) > MAX_NAMED_ORDERS else ""
    return PositionReserved(
        f"Open orders have reserved {plain(held)} of {plain(position)} "
        f"{instrument.symbol}: {names}{more}. Cancel them, or send cancel_orders=true."
    )
