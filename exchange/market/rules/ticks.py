"""What a source of prices delivers to the market: ticks, in rounds, on the price grid.

Every price here is a `Decimal` and a whole number of increments already. So no code that receives
it has to round.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

SUB_DOLLAR_INCREMENT = Decimal("0.0001")
"""The price increment of stocks and ETFs below one dollar: SEC Rule 612 (17 CFR 242.612)."""

_ONE_DOLLAR = 1
_EQUITIES = frozenset({"stock", "etf"})


@dataclass(frozen=True, slots=True)
class Tick:
    """One symbol's market at one moment, with bid < ask and bid <= price <= ask.

    Prices are in dollars (bonds: clean, per 100 of face value). Sizes are those displayed at
    the best bid and ask, in units of the instrument (bonds: dollars of face value). `volume` is
    what traded since the symbol's previous tick, in the same units.

    A tick of a replayed bar also describes the path of the price. `came_from` is the price of the
    tick before: the price has passed through all prices between, so orders that rest there are
    filled at their limits. None means that it jumped. `low_ahead` is the lowest price still to come
    in the same bar: a take-profit waits while the bar will still reach the stop-loss of its pair.
    None means that the bar is over, or that the future is unknown. docs/life-of-an-order.md says
    why ("Inside a replayed bar").
    """

    symbol: str
    price: Decimal
    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal
    volume: Decimal
    came_from: Decimal | None = None
    low_ahead: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """The ticks of one moment; `at` is aware and in UTC, and each symbol appears at most once.

    `sequence` makes recording idempotent: a round whose number is not higher than the last recorded
    one changes nothing. A round without a number is the next one.
    """

    at: datetime
    ticks: tuple[Tick, ...]
    sequence: int | None = None


def increment_at(price: float | Decimal, increment: Decimal, asset_class: str) -> Decimal:
    """The price increment in force at `price`, for an instrument whose usual one is `increment`.

    Only stocks and ETFs have a second increment: `SUB_DOLLAR_INCREMENT`, below one dollar.
    """
    if price < _ONE_DOLLAR and asset_class in _EQUITIES:
        return min(increment, SUB_DOLLAR_INCREMENT)
    return increment


def on_grid(price: float | Decimal, increment: Decimal, rounding: str) -> Decimal:
    """`price` as a whole number of increments; `rounding` is one of `decimal`'s constants.

    The result has the increment's decimal places ("191.20", not "191.2"). A float is taken at its
    binary value, so 0.1 is a little more than a tenth.
    """
    return int((Decimal(price) / increment).to_integral_value(rounding)) * increment
