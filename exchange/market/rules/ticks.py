"""What a source of prices hands to the market: ticks, in rounds, on the price grid.

Every price here is a `Decimal` that is already a whole number of increments, so that nothing
downstream has to round again.
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

    A tick inside a bar says how the price came there: from `came_from`, through every price between
    (None: it jumped), and down to which price the same bar will still go, `low_ahead` (None: the
    bar is over, or nobody knows).
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
    """The ticks of one moment; `at` is aware and in UTC, each symbol appears at most once.

    A source that may send a round twice, or two in the wrong order, numbers them: what is not above
    the last one recorded changes nothing. A round without a number is the next one.
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

    The result carries the increment's decimals ("191.20", not "191.2"). A float is read at its
    binary value, so that 0.1 is a little more than a tenth.
    """
    return int((Decimal(price) / increment).to_integral_value(rounding)) * increment
