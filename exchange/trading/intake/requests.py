"""Requests for orders, and the checks that refuse them before anything is locked or moved."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from banking.rules.assets import EXACT
from be.kernel.refusals import Invalid, Refusal
from exchange.market.rules import ticks
from exchange.models import (
    LIMIT_TYPES,
    STOP_TYPES,
    AssetClass,
    Instrument,
    InstrumentStatus,
    OrderClass,
    OrderType,
    Quote,
    Side,
    TimeInForce,
)
from exchange.trading.rules import stops
from exchange.trading.rules.amounts import CENT

MAX_PRICE = Decimal(10_000_000)
MAX_NOTIONAL = Decimal(1_000_000_000)
PERCENT_STEP = Decimal("0.0001")
ALL = Decimal(100)
MAX_LOTS = 100


class InstrumentNotTradable(Refusal):
    code = "instrument_not_tradable"
    title = "The instrument can't be traded now"


class StopPriceReached(Refusal):
    code = "stop_price_reached"
    title = "The stop price has been reached already"


@dataclass(frozen=True, slots=True)
class TakeProfit:
    """An exit at a better price than the entry: a limit order."""

    limit_price: Decimal
    time_in_force: TimeInForce | None = None


@dataclass(frozen=True, slots=True)
class StopLoss:
    """An exit at a worse price than the entry: a stop order; with a limit price, stop-limit."""

    stop_price: Decimal
    limit_price: Decimal | None = None
    time_in_force: TimeInForce | None = None


@dataclass(frozen=True, slots=True)
class NamedLot:
    """So much of the purchase with this execution."""

    id: UUID
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What a customer asks for, in the terms of the public API (decimals, not units).

    An exit without a `time_in_force` of its own has the order's. With `sells_all` the quantity is
    all that the owner has; it may be below the smallest order, and no multiple of the increment.
    `lots` are what a sale is to be taken from, in this order; none of them leaves it to the owner's
    lot method.
    """

    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal | None = None
    notional: Decimal | None = None
    limit_price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    client_order_id: str | None = None
    stop_price: Decimal | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    order_class: OrderClass = OrderClass.SIMPLE
    take_profit: TakeProfit | None = None
    stop_loss: StopLoss | None = None
    sells_all: bool = False
    lots: tuple[NamedLot, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplaceRequest:
    """The changes to an order; what is None stays as it is.

    `quantity` is that of the whole order, including what has been filled (like OrderQty of FIX), so
    that a fill in the meantime can't make the order larger than was meant.
    """

    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    client_order_id: str | None = None


def check_shape(request: OrderRequest, instrument: Instrument) -> None:
    """Refuse what this instrument never accepts: Invalid, naming the field."""
    if (request.quantity is None) == (request.notional is None):
        raise Invalid("Send either quantity or notional.", field="quantity")
    if request.quantity is not None:
        _check_quantity(request.quantity, instrument, sells_all=request.sells_all)
    if request.notional is not None:
        _check_notional(request)
    _check_prices(request, instrument)
    _check_time_in_force(request, instrument)
    _check_class(request, instrument)
    if request.lots:
        _check_lots(request, instrument)


def _check_quantity(quantity: Decimal, instrument: Instrument, *, sells_all: bool) -> None:
    increment, least = instrument.quantity_increment, instrument.min_quantity
    if not sells_all and (EXACT.remainder(quantity, increment) or quantity < least):
        raise Invalid(
            f"{instrument.symbol} trades in multiples of {increment.normalize():f}, "
            f"from {least.normalize():f} on.",
            field="quantity",
        )
    if quantity > MAX_NOTIONAL:
        raise Invalid(f"At most {MAX_NOTIONAL} at once.", field="quantity")


def _check_notional(request: OrderRequest) -> None:
    if request.order_type != OrderType.MARKET or request.order_class != OrderClass.SIMPLE:
        raise Invalid("Only simple market orders take a notional.", field="notional")
    if request.time_in_force == TimeInForce.FOK:
        raise Invalid("Fill-or-kill needs a quantity.", field="time_in_force")
    if EXACT.remainder(request.notional or CENT, CENT):
        raise Invalid("Dollars have two decimals.", field="notional")
    if (request.notional or CENT) > MAX_NOTIONAL:
        raise Invalid(f"At most {MAX_NOTIONAL} at once.", field="notional")


def _check_prices(request: OrderRequest, instrument: Instrument) -> None:
    type_ = request.order_type
    if (type_ in LIMIT_TYPES) != (request.limit_price is not None):
        raise Invalid(
            "A limit or stop_limit order, and only that, has a limit_price.", field="limit_price"
        )
    trails = type_ == OrderType.TRAILING_STOP
    if (type_ in STOP_TYPES and not trails) != (request.stop_price is not None):
        raise Invalid(
            "A stop or stop_limit order, and only that, has a stop_price.", field="stop_price"
        )
    given = (request.trail_amount is not None) + (request.trail_percent is not None)
    if given != (1 if trails else 0):
        raise Invalid(
            "A trailing_stop order, and only that, has a trail_amount or a trail_percent.",
            field="trail_percent" if request.trail_amount is None else "trail_amount",
        )
    _check_price("limit_price", request.limit_price, instrument)
    _check_price("stop_price", request.stop_price, instrument)
    _check_price("trail_amount", request.trail_amount, instrument)
    percent = request.trail_percent
    if percent is not None and (percent >= ALL or EXACT.remainder(percent, PERCENT_STEP)):
        raise Invalid("Below 100, with at most four decimals.", field="trail_percent")


def _check_price(field: str, price: Decimal | None, instrument: Instrument) -> None:
    if price is None:
        return
    increment = ticks.increment_at(price, instrument.price_increment, instrument.asset_class)
    if EXACT.remainder(price, increment):
        raise Invalid(
            f"Prices of {instrument.symbol} are multiples of {increment.normalize():f}.",
            field=field,
        )
    if price > MAX_PRICE:
        raise Invalid(f"At most {MAX_PRICE}.", field=field)


def _check_time_in_force(request: OrderRequest, instrument: Instrument) -> None:
    wanted = request.time_in_force
    if instrument.asset_class == AssetClass.CRYPTO and wanted == TimeInForce.DAY:
        raise Invalid("Crypto has no trading day; use gtc, ioc or fok.", field="time_in_force")
    at_once = wanted in (TimeInForce.IOC, TimeInForce.FOK)
    if at_once and (request.order_type in STOP_TYPES or request.order_class != OrderClass.SIMPLE):
        raise Invalid("Orders that wait take day or gtc.", field="time_in_force")


def time_in_force(request: OrderRequest, instrument: Instrument) -> TimeInForce:
    """The requested time in force, or the default of the instrument: gtc for crypto, else day."""
    crypto = instrument.asset_class == AssetClass.CRYPTO
    return request.time_in_force or (TimeInForce.GTC if crypto else TimeInForce.DAY)


def _check_exit_times(request: OrderRequest, instrument: Instrument) -> None:
    """Two exits of a pair cancel each other, so they must have the same time in force."""
    own = time_in_force(request, instrument)
    wanted = {
        name: exit_.time_in_force or own
        for name, exit_ in (("take_profit", request.take_profit), ("stop_loss", request.stop_loss))
        if exit_ is not None
    }
    if request.order_class == OrderClass.OCO:
        wanted["time_in_force"] = own
    for name, given in wanted.items():
        if instrument.asset_class == AssetClass.CRYPTO and given == TimeInForce.DAY:
            raise Invalid("Crypto has no trading day; use gtc.", field=f"{name}.time_in_force")
    if len({*wanted.values()}) > 1:
        said = ", ".join(f"{name} {given}" for name, given in wanted.items())
        raise Invalid(
            "Two exits cancel each other, so they work equally long: send the same time_in_force "
            f"for both (an exit without one has the order's). Here: {said}.",
            field="stop_loss.time_in_force",
        )


def _check_class(request: OrderRequest, instrument: Instrument) -> None:
    exits = (request.take_profit is not None) + (request.stop_loss is not None)
    match request.order_class:
        case OrderClass.SIMPLE:
            if exits:
                raise Invalid("Exits need an order_class: bracket or oto.", field="order_class")
            return
        case OrderClass.BRACKET:
            _check_entry(request, exits == 2, "A bracket has take_profit and stop_loss.")  # noqa: PLR2004
        case OrderClass.OTO:
            _check_entry(request, exits == 1, "An oto order has take_profit or stop_loss.")
        case OrderClass.OCO:
            _check_oco(request)
    _check_exit_times(request, instrument)
    if request.take_profit is not None:
        _check_price("take_profit.limit_price", request.take_profit.limit_price, instrument)
    if request.stop_loss is not None:
        _check_price("stop_loss.stop_price", request.stop_loss.stop_price, instrument)
        _check_price("stop_loss.limit_price", request.stop_loss.limit_price, instrument)


def _check_entry(request: OrderRequest, complete: bool, rule: str) -> None:
    if not complete:
        raise Invalid(rule, field="take_profit" if request.take_profit is None else "stop_loss")
    if request.side != Side.BUY:
        raise Invalid("An entry buys; its exits sell what it bought.", field="side")
    if request.order_type not in (OrderType.MARKET, OrderType.LIMIT):
        raise Invalid("An entry is a market or a limit order.", field="order_type")


def _check_oco(request: OrderRequest) -> None:
    if request.order_type != OrderType.LIMIT or request.side != Side.SELL:
        raise Invalid(
            "An oco order is a limit order to sell, its limit_price the take-profit.",
            field="order_type" if request.order_type != OrderType.LIMIT else "side",
        )
    if request.take_profit is not None:
        raise Invalid("The limit_price of an oco order is its take-profit.", field="take_profit")
    if request.stop_loss is None:
        raise Invalid("An oco order has a stop_loss.", field="stop_loss")


def _check_lots(request: OrderRequest, instrument: Instrument) -> None:
    """Refuse lots that this order can't name; whether they are there, `named_lots` checks."""
    if request.side != Side.SELL:
        raise Invalid("Only an order to sell names lots.", field="lots")
    if request.order_class != OrderClass.SIMPLE:
        raise Invalid(
            "Only a simple order names lots: two exits of a pair sell the same shares.",
            field="lots",
        )
    if request.quantity is None:
        raise Invalid("An order that names lots has a quantity.", field="lots")
    if len(request.lots) > MAX_LOTS:
        raise Invalid(f"At most {MAX_LOTS} lots.", field="lots")
    if len({lot.id for lot in request.lots}) < len(request.lots):
        raise Invalid("Name each lot once.", field="lots")
    _check_quantities([lot.quantity for lot in request.lots], request.quantity, instrument)


def _check_quantities(quantities: list[Decimal], whole: Decimal, instrument: Instrument) -> None:
    if min(quantities) <= 0:
        raise Invalid("Quantities of lots are above zero.", field="lots")
    if (total := sum(quantities, Decimal(0))) != whole:
        raise Invalid(
            f"The lots sum to {total.normalize():f}, the order is of {whole:f}.",
            field="lots",
        )
    step = Decimal(1).scaleb(-instrument.scale)
    if any(EXACT.remainder(quantity, step) for quantity in quantities):
        raise Invalid(
            f"Lots of {instrument.symbol} have {instrument.scale} decimals.", field="lots"
        )


def check_against_market(request: OrderRequest, quote: Quote) -> None:
    """Refuse prices that make no sense at the current quote.

    Raises Invalid for exits on the wrong side of their entry, StopPriceReached for a stop that
    would be triggered at once.
    """
    entry = request.limit_price or quote.price
    profit, loss = request.take_profit, request.stop_loss
    if profit is not None and profit.limit_price <= entry:
        raise Invalid("The take-profit must be above the entry.", field="take_profit.limit_price")
    if loss is not None and loss.stop_price >= entry:
        raise Invalid("The stop-loss must be below the other price.", field="stop_loss.stop_price")
    if request.trail_amount is not None and request.trail_amount >= quote.price:
        raise Invalid("The distance must be smaller than the price.", field="trail_amount")
    stop = request.stop_price
    if loss is not None and request.order_class == OrderClass.OCO:
        stop = loss.stop_price
    require_not_reached(request.side, stop, quote)


def require_not_reached(side: str, stop: Decimal | None, quote: Quote) -> None:
    """Refuse (StopPriceReached) a stop that would be triggered at once."""
    if stop is not None and stops.is_reached(side, stop, quote.price):
        raise StopPriceReached(
            f"{quote.instrument.symbol} trades at {quote.price.normalize():f}; "
            f"a stop to {side} must be {'above' if side == Side.BUY else 'below'}.",
            field="stop_price",
        )


def check_tradable(order_type: str, instrument: Instrument) -> None:
    """Refuse an order that the instrument does not accept now.

    Raises InstrumentNotTradable. The caller has read the status under the quote's lock.
    """
    if not instrument.tradable:
        raise InstrumentNotTradable(f"{instrument.symbol} takes no orders.", field="symbol")
    halted = instrument.status == InstrumentStatus.HALTED
    if halted and order_type == OrderType.MARKET:
        raise InstrumentNotTradable(
            f"{instrument.symbol} is halted: send a limit order, or wait.", field="symbol"
        )
