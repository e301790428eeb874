"""Real prices from a file: bars of one symbol, played one after the other."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from exchange.market.ticks import Tick, increment_at, on_grid
from exchange.models import Instrument

COLUMNS = ("date", "open", "high", "low", "close", "volume")
TICKS_PER_BAR = 4
# What is shown at the best price, of what trades in a bar.
DISPLAYED_PART = 200


class BadReplayFile(ValueError):
    """The file can't be replayed; the message names the line."""


@dataclass(frozen=True, slots=True)
class Bar:
    date: date
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal

    def prices(self) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """The four prices in a likely order: a rising bar has its low first, a falling its high."""
        if self.close >= self.open:
            return (self.open, self.low, self.high, self.close)
        return (self.open, self.high, self.low, self.close)


def read_bars(path: Path) -> list[Bar]:
    """The bars of a CSV file with a header line that names date, open, high, low, close, volume.

    Corrupt data is worse than none: a row that is not a number, not positive, inconsistent, out of
    order or a second of its date makes the whole file a BadReplayFile.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        bars = list(_parse(csv.reader(file)))
    if not bars:
        raise BadReplayFile(f"{path} has no bars")
    return bars


def _parse(rows: Iterable[list[str]]) -> Iterator[Bar]:
    numbered = enumerate(rows, start=1)
    header = [name.strip().lower() for name in next(numbered, (1, []))[1]]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise BadReplayFile(f"line 1: the header lacks {', '.join(missing)}")
    places = [header.index(name) for name in COLUMNS]
    last: date | None = None
    for number, row in numbered:
        if not any(row):
            continue
        bar = _bar(number, [row[place] if place < len(row) else "" for place in places])
        if last is not None and bar.date <= last:
            raise BadReplayFile(f"line {number}: {bar.date} does not come after {last}")
        last = bar.date
        yield bar


def _bar(number: int, cells: Sequence[str]) -> Bar:
    try:
        day = date.fromisoformat(cells[0].strip()[:10])
        open_, high, low, close, volume = (Decimal(cell.strip()) for cell in cells[1:])
    except (ValueError, InvalidOperation) as error:
        raise BadReplayFile(f"line {number}: {', '.join(cells)} is not a bar") from error
    prices = (open_, high, low, close)
    if not all(price.is_finite() and price > 0 for price in prices) or not volume.is_finite():
        raise BadReplayFile(f"line {number}: prices must be positive numbers")
    if volume < 0 or high != max(prices) or low != min(prices):
        raise BadReplayFile(f"line {number}: high, low and volume contradict the rest")
    return Bar(day, open_, high, low, close, volume)


def ticks(instrument: Instrument, bars: Iterable[Bar]) -> Iterator[Tick]:
    """Four ticks a bar: the bid is the bar's price, the ask one increment above."""
    for bar in bars:
        for price in bar.prices():
            increment = increment_at(price, instrument.price_increment, instrument.asset_class)
            bid = on_grid(price, increment, "ROUND_HALF_EVEN")
            step = instrument.quantity_increment
            shown = max(on_grid(bar.volume / DISPLAYED_PART, step, "ROUND_FLOOR"), step)
            traded = on_grid(bar.volume / TICKS_PER_BAR, step, "ROUND_FLOOR")
            yield Tick(instrument.symbol, bid, bid, bid + increment, shown, shown, volume=traded)
