"""What a customer may ask for: the shape of an order request, checked before anything is locked."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from banking.assets import EXACT
from be.api.refusals import Invalid, Refusal
from exchange.market import quotes, ticks
from exchange.models import (
    AssetClass,
    Instrument,
    InstrumentStatus,
    OrderType,
    Side,
    TimeInForce,
)

CENT = Decimal("0.01")
MAX_PRICE = Decimal(10_000_000)
MAX_NOTIONAL = Decimal(1_000_000_000)


class InstrumentNotTradable(Refusal):
    code = "instrument_not_tradable"
    title = "The instrument can't be traded now"


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What a customer asks for, in the terms of the public contract (decimals, not units)."""

    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal | None = None
    notional: Decimal | None = None
    limit_price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    client_order_id: str | None = None


def find_instrument(symbol: str) -> Instrument:
    """The instrument with this symbol or id; Invalid (`unknown_symbol`) if there is none."""
    instruments = Instrument.objects.select_related("bond")
    instrument = None if "\x00" in symbol else instruments.filter(symbol=symbol).first()
    if instrument is None and (key := _as_uuid(symbol)):
        instrument = instruments.filter(pk=key).first()
    if instrument is None:
        raise quotes.UnknownSymbol(f"There is no {symbol[:20]}.", field="symbol")
    return instrument


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def check_shape(request: OrderRequest, instrument: Instrument) -> None:
    """Refuse what this instrument never takes: Invalid, naming the field."""
    if (request.quantity is None) == (request.notional is None):
        raise Invalid("Send either quantity or notional.", field="quantity")
    if request.quantity is not None:
        _check_quantity(request.quantity, instrument)
    if request.notional is not None:
        _check_notional(request)
    if (request.order_type == OrderType.LIMIT) != (request.limit_price is not None):
        raise Invalid("A limit order, and only that, has a limit_price.", field="limit_price")
    if request.limit_price is not None:
        _check_price(request.limit_price, instrument)
    if instrument.asset_class == AssetClass.CRYPTO and request.time_in_force == TimeInForce.DAY:
        raise Invalid("Crypto has no trading day; use gtc, ioc or fok.", field="time_in_force")


def _check_quantity(quantity: Decimal, instrument: Instrument) -> None:
    increment, least = instrument.quantity_increment, instrument.min_quantity
    if EXACT.remainder(quantity, increment) or quantity < least:
        raise Invalid(
            f"{instrument.symbol} trades in multiples of {increment.normalize():f}, "
            f"from {least.normalize():f} on.",
            field="quantity",
        )
    if quantity > MAX_NOTIONAL:
        raise Invalid(f"At most {MAX_NOTIONAL} at once.", field="quantity")


def _check_notional(request: OrderRequest) -> None:
    if request.order_type != OrderType.MARKET:
        raise Invalid("Only market orders take a notional.", field="notional")
    if request.time_in_force == TimeInForce.FOK:
        raise Invalid("Fill-or-kill needs a quantity.", field="time_in_force")
    if EXACT.remainder(request.notional or CENT, CENT):
        raise Invalid("Dollars have two decimals.", field="notional")
    if (request.notional or CENT) > MAX_NOTIONAL:
        raise Invalid(f"At most {MAX_NOTIONAL} at once.", field="notional")


def _check_price(price: Decimal, instrument: Instrument) -> None:
    increment = ticks.increment_at(price, instrument.price_increment, instrument.asset_class)
    if EXACT.remainder(price, increment):
        raise Invalid(
            f"Prices of {instrument.symbol} are multiples of {increment.normalize():f}.",
            field="limit_price",
        )
    if price > MAX_PRICE:
        raise Invalid(f"At most {MAX_PRICE}.", field="limit_price")


def check_tradable(request: OrderRequest, instrument: Instrument) -> None:
    """Refuse what it does not take now. Its status was read after its quote was locked."""
    if not instrument.tradable:
        raise InstrumentNotTradable(f"{instrument.symbol} takes no orders.", field="symbol")
    halted = instrument.status == InstrumentStatus.HALTED
    if halted and request.order_type == OrderType.MARKET:
        raise InstrumentNotTradable(
            f"{instrument.symbol} is halted: send a limit order, or wait.", field="symbol"
        )
