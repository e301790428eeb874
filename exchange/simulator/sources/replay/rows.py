"""Rows of a file: their prices and volume, and checks that these are possible."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from exchange.models import AssetClass, Instrument
from exchange.simulator.sources.replay.rules import cells
from exchange.simulator.sources.replay.rules.cells import TimeReader
from exchange.simulator.sources.replay.rules.layout import BAR, Layout
from exchange.simulator.sources.replay.rules.refusals import Problem, Unreadable

LOWEST_PRICE, HIGHEST_PRICE = Decimal("0.00000001"), Decimal(10_000_000)
HIGHEST_TURNOVER = Decimal(10) ** 13
"""In dollars. No market trades as much in a day, and no instrument in a year."""
MOST_UNITS = 10**18
"""The highest volume of a row. The candle of a day can hold nine such rows."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the file: the prices of one symbol, in the order in which they traded.

    `day` is the local date where it traded. `volume` is None where the file has none.
    """

    line: int
    at: datetime
    day: date
    symbol: str
    prices: tuple[Decimal, ...]
    volume: Decimal | None

    @property
    def is_bar(self) -> bool:
        return len(self.prices) == len(BAR)


@dataclass(frozen=True, slots=True)
class OtherSymbol:
    """A row of a symbol that was not asked for."""

    name: str


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads the rows of one file: those of `symbol` only, or those of all listed symbols.

    `named` is the symbol's text of rows without a symbol column. `find` returns the listed symbol
    for such a text. `thousands` says whether commas separate thousands.
    """

    layout: Layout
    times: TimeReader
    instruments: Mapping[str, Instrument]
    symbol: str | None
    named: str
    find: Callable[[str], str | None]
    thousands: bool

    def read(self, line: int, row: Sequence[str]) -> Row | Problem | OtherSymbol:
        """The row, or what is wrong with it."""

        def cell(place: int) -> str:
            return row[place].strip() if place < len(row) else ""

        text = self.named if self.layout.symbol is None else cell(self.layout.symbol)
        symbol = self.find(text)
        if symbol is None and self.symbol is not None:
            return OtherSymbol(text)
        if symbol is None:
            return Problem(
                line,
                f"there is no instrument {text[:20]}; --symbol says whose prices to play, and "
                "--columns which column is what",
            )
        try:
            moment = self.times.read(*(cell(place) for place in self.layout.time))
            prices = tuple(
                cells.number(cell(place), thousands=self.thousands) for place in self.layout.prices
            )
            volume = self._volume(cell)
        except Unreadable as error:
            return Problem(line, f"{_shortened(row)} is not a row of time and prices ({error})")
        if (wrong := _contradiction(prices)) is not None:
            return Problem(line, wrong)
        instrument = self.instruments[symbol]
        if self._in_dollars(instrument):
            volume = _in_units(volume, prices[-1], instrument)
        if (wrong := _too_much(volume, prices[-1], instrument)) is not None:
            return Problem(line, wrong)
        return Row(line, moment.at, moment.day, symbol, _as_traded(prices), volume)

    def _volume(self, cell: Callable[[int], str]) -> Decimal | None:
        layout = self.layout
        place = layout.turnover if layout.volume is None else layout.volume
        return None if place is None else cells.volume(cell(place), thousands=self.thousands)

    def _in_dollars(self, instrument: Instrument) -> bool:
        if self.layout.volume is None:
            return True
        return self.layout.coins_in_dollars and instrument.asset_class == AssetClass.CRYPTO


def _in_units(dollars: Decimal | None, price: Decimal, instrument: Instrument) -> Decimal | None:
    if dollars is None or not dollars.is_finite() or dollars > HIGHEST_TURNOVER:
        return dollars
    return dollars * instrument.price_divisor / price


def _shortened(row: Sequence[str]) -> str:
    text = ", ".join(row)
    return text if len(text) <= 80 else f"{text[:80]}..."  # noqa: PLR2004 - a line of a message


def _contradiction(prices: Sequence[Decimal]) -> str | None:
    if not all(price.is_finite() and LOWEST_PRICE <= price <= HIGHEST_PRICE for price in prices):
        return f"prices must be positive numbers, from {LOWEST_PRICE:f} to {HIGHEST_PRICE}"
    if len(prices) == len(BAR):
        _, high, low, _ = prices
        if high != max(prices) or low != min(prices):
            return "high and low contradict the rest"
    return None


def _too_much(volume: Decimal | None, price: Decimal, instrument: Instrument) -> str | None:
    if volume is None:
        return None
    if not (volume.is_finite() and volume >= 0):
        return "volume must be a number from 0 on"
    most = instrument.asset.amount(MOST_UNITS)
    dollars = min(volume, most * HIGHEST_TURNOVER) * price / instrument.price_divisor
    if dollars > HIGHEST_TURNOVER:
        return (
            f"a volume of {volume:.3g} {instrument.symbol} at {price} is {dollars:.3g} dollars, "
            "more than any market trades: if the file counts it in dollars, call its column "
            "turnover with --columns"
        )
    if volume > most:
        return f"a volume of {volume:.3g} {instrument.symbol}: at most {most:.0e} can be counted"
    return None


def _as_traded(prices: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    """A bar's prices in a likely order: a rising bar has its low first, a falling one its high."""
    if len(prices) != len(BAR):
        return prices
    open_, high, low, close = prices
    return (open_, low, high, close) if close >= open_ else (open_, high, low, close)
