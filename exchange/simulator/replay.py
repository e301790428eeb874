"""Real prices from CSV files, played one after the other in the place of the model's.

Corrupt data is worse than none. A row that is not a price, that contradicts itself, that does not
come after the row before it or comes long after it is named by its line: it makes its file
unusable, or it is skipped and told about, as the caller wishes.
"""

import csv
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import groupby, islice, zip_longest
from operator import attrgetter
from pathlib import Path
from typing import TextIO

from exchange.market import calendar
from exchange.market.ticks import Tick, increment_at, on_grid
from exchange.models import AssetClass, Instrument

TIME_COLUMNS = ("time", "timestamp", "datetime", "date")
BAR_COLUMNS = ("open", "high", "low", "close")
TICK_COLUMN = "price"
TICKS_PER_BAR = 4
DISPLAYED_PART = 200
"""What is shown at the best price, of what trades in a bar."""
HIGHEST_PRICE = Decimal(10_000_000)
HIGHEST_VOLUME = Decimal(10) ** 12
LONGEST_PAUSE = timedelta(days=7)
"""Between two rows; a longer one is a gap. (In September 2001 the NYSE was closed for six days.)"""

_BINARY = "the file is not text"
_NAMED = 20  # problems that a message lists
_FIRST_ROWS = 500  # from which the usual step between rows is read
_LATEST_SECONDS, _LATEST_MILLISECONDS = 10**11, 10**14


class BadReplayFile(ValueError):
    """The file can't be replayed; the message names the lines."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a line of the file says: the prices of one symbol, in the order in which they traded."""

    line: int
    at: datetime
    symbol: str
    prices: tuple[Decimal, ...]
    volume: Decimal


@dataclass(frozen=True, slots=True)
class Recording:
    """The usable rows of a file, and what is wrong with the others."""

    path: Path
    rows: tuple[Row, ...]
    problems: tuple[str, ...]

    def symbols(self) -> list[str]:
        return sorted({row.symbol for row in self.rows})


def read(path: Path, instruments: Mapping[str, Instrument], *, symbol: str | None) -> Recording:
    """Read a file with a header line.

    Columns, in any order and case: a time (`time`, `timestamp`, `datetime` or `date`: ISO 8601, or
    seconds or milliseconds since 1970; without a zone it is UTC), then `open`, `high`, `low`,
    `close` of a bar or the `price` of a trade, `volume` if there is one, and `symbol` where a file
    has several. Without that column all rows are of `symbol`, or of the symbol that the file is
    named after. Raises BadReplayFile when there is nothing to replay, and OSError.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            found = list(_parse(file, instruments, symbol or path.stem.upper()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadReplayFile(f"{_BINARY} ({error})") from error
    problems = [each for each in found if isinstance(each, _Problem)]
    rows, misplaced = _in_order([each for each in found if isinstance(each, Row)], instruments)
    problems = sorted([*problems, *misplaced], key=attrgetter("line"))
    if not rows:
        raise BadReplayFile("there is no usable row" + _listed(problems))
    return Recording(path, tuple(rows), tuple(str(each) for each in problems))


def refuse_problems(recording: Recording) -> None:
    """Raise BadReplayFile that names the problems, if there are any."""
    if recording.problems:
        raise BadReplayFile(_listed(recording.problems).removeprefix(": "))


def _listed(problems: Sequence[object]) -> str:
    """The first of them and how many more there are."""
    named = "; ".join(str(each) for each in problems[:_NAMED])
    more = len(problems) - _NAMED
    return (f": {named}" if problems else "") + (f"; and {more} more" if more > 0 else "")


@dataclass(frozen=True, slots=True)
class _Problem:
    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}"


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where in a row things stand; `prices` has the places of a bar's four, or of one price."""

    time: int
    prices: tuple[int, ...]
    volume: int | None
    symbol: int | None


def _columns(header: Sequence[str]) -> _Columns:
    names = [name.strip().lower() for name in header]
    time = next((names.index(name) for name in TIME_COLUMNS if name in names), None)
    lacking = [name for name in BAR_COLUMNS if name not in names]
    if time is None:
        raise BadReplayFile(f"line 1: the header has none of {', '.join(TIME_COLUMNS)}")
    if lacking and TICK_COLUMN not in names:
        raise BadReplayFile(f"line 1: the header lacks {', '.join(lacking)}, or {TICK_COLUMN}")
    wanted = (TICK_COLUMN,) if lacking else BAR_COLUMNS
    return _Columns(
        time=time,
        prices=tuple(names.index(name) for name in wanted),
        volume=names.index("volume") if "volume" in names else None,
        symbol=names.index("symbol") if "symbol" in names else None,
    )


def _parse(
    file: TextIO, instruments: Mapping[str, Instrument], symbol: str
) -> Iterator[Row | _Problem]:
    reader = csv.reader(file)
    columns = _columns(next(reader, []))
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield _row(reader.line_num, cells, columns, instruments, symbol)


def _row(
    line: int,
    cells: Sequence[str],
    columns: _Columns,
    instruments: Mapping[str, Instrument],
    symbol: str,
) -> Row | _Problem:
    """The row, or what is wrong with it."""

    def cell(place: int) -> str:
        return cells[place].strip() if place < len(cells) else ""

    try:
        at = _moment(cell(columns.time))
        prices = tuple(Decimal(cell(place)) for place in columns.prices)
        volume = Decimal(0 if columns.volume is None else cell(columns.volume))
    except (ValueError, InvalidOperation, OverflowError):
        return _Problem(line, f"{_shortened(cells)} is not a row of time and prices")
    if columns.symbol is not None:
        symbol = cell(columns.symbol).upper()
    wrong = _contradiction(prices, volume)
    if wrong is None and symbol not in instruments:
        wrong = f"there is no instrument {symbol[:20]}"
    if wrong is not None:
        return _Problem(line, wrong)
    return Row(line, at, symbol, _as_traded(prices), volume)


def _shortened(cells: Sequence[str]) -> str:
    text = ", ".join(cells)
    return text if len(text) <= 80 else f"{text[:80]}..."  # noqa: PLR2004 - a line of a message


def _moment(text: str) -> datetime:
    if text.isascii() and text.isdigit() and int(text) < _LATEST_MILLISECONDS:
        number = int(text)
        if len(text) != len("20260302"):  # which is a date in ISO 8601
            seconds = number if number < _LATEST_SECONDS else number / 1000
            return datetime.fromtimestamp(seconds, UTC)
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _contradiction(prices: Sequence[Decimal], volume: Decimal) -> str | None:
    if not all(price.is_finite() and 0 < price <= HIGHEST_PRICE for price in prices):
        return f"prices must be positive numbers, at most {HIGHEST_PRICE}"
    if not (volume.is_finite() and 0 <= volume <= HIGHEST_VOLUME):
        return f"volume must be a number from 0 to {HIGHEST_VOLUME:f}"
    if len(prices) == len(BAR_COLUMNS):
        _, high, low, _ = prices
        if high != max(prices) or low != min(prices):
            return "high and low contradict the rest"
    return None


def _as_traded(prices: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    """A bar's prices in a likely order: a rising bar has its low first, a falling its high."""
    if len(prices) != len(BAR_COLUMNS):
        return prices
    open_, high, low, close = prices
    return (open_, low, high, close) if close >= open_ else (open_, high, low, close)


def _in_order(
    rows: Sequence[Row], instruments: Mapping[str, Instrument]
) -> tuple[list[Row], list[_Problem]]:
    """The rows of each symbol that come after the one before them, and what is wrong with the rest.

    A row after a gap is kept: what can be skipped is the missing time.
    """
    steps = _usual_steps(rows)
    kept: list[Row] = []
    problems: list[_Problem] = []
    last: dict[str, Row] = {}
    for row in rows:
        before = last.get(row.symbol)
        if before is not None and row.at <= before.at:
            problems.append(_Problem(row.line, _not_after(row, before)))
            continue
        if before is not None and _is_gap(
            before.at, row.at, steps[row.symbol], instruments[row.symbol]
        ):
            missing = f"nothing between {_shown(before.at)} and {_shown(row.at)} (a gap)"
            problems.append(_Problem(row.line, missing))
        last[row.symbol] = row
        kept.append(row)
    return kept, problems


def _not_after(row: Row, before: Row) -> str:
    if row.at == before.at:
        return f"a second row of {_shown(row.at)} (the first: line {before.line})"
    back = before.at - row.at
    return (
        f"{_shown(row.at)} does not come after {_shown(before.at)} of line {before.line}, "
        f"but {back.total_seconds() / 60:.0f} minutes before it"
    )


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d}" if at.time() == datetime.min.time() else f"{at:%Y-%m-%d %H:%M:%S}"


def _usual_steps(rows: Sequence[Row]) -> Mapping[str, timedelta | None]:
    """The usual distance of two bars of each symbol; None of trades, which come when they come."""
    of_symbol: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if len(of_symbol[row.symbol]) < _FIRST_ROWS:
            of_symbol[row.symbol].append(row)
    return {symbol: _usual_step(some) for symbol, some in of_symbol.items()}


def _usual_step(rows: Sequence[Row]) -> timedelta | None:
    if len(rows[0].prices) != TICKS_PER_BAR:
        return None
    steps = [
        (after.at - before.at).total_seconds()
        for before, after in zip(rows, islice(rows, 1, None), strict=False)
        if after.at > before.at
    ]
    return timedelta(seconds=statistics.median(steps)) if steps else None


def _is_gap(
    before: datetime, after: datetime, step: timedelta | None, instrument: Instrument
) -> bool:
    """Whether bars are missing: nights, weekends and holidays are none, but for coins."""
    if after - before > LONGEST_PAUSE:
        return step is None or after - before > 2 * step
    if step is None or after - before <= 1.5 * step:
        return False
    if instrument.asset_class == AssetClass.CRYPTO:
        return True
    day = before.astimezone(calendar.NEW_YORK).date()
    return day == after.astimezone(calendar.NEW_YORK).date()


@dataclass(slots=True)
class Replay:
    """Recordings as a row of frames: the ticks of one round each. A bar takes four rounds.

    All rows of one moment play in the same rounds, whatever their files. Prices of a symbol are
    multiplied by its `scale`, if it has one.
    """

    recordings: Sequence[Recording]
    instruments: Mapping[str, Instrument]
    scale: Mapping[str, Decimal] = field(default_factory=dict)
    playing: Counter[str] = field(default_factory=Counter)
    """The frames that are left of each symbol."""

    _frames: Iterator[Sequence[Tick]] = field(init=False)

    def __post_init__(self) -> None:
        rows = [row for recording in self.recordings for row in recording.rows]
        for row in rows:
            self.playing[row.symbol] += len(row.prices)
        self._frames = self._play(sorted(rows, key=attrgetter("at")))

    def next(self) -> Sequence[Tick]:
        """The ticks of the next round; none when all has been played."""
        frame = next(self._frames, ())
        self.playing.subtract(tick.symbol for tick in frame)
        return frame

    def is_driven(self, symbol: str) -> bool:
        """Whether the symbol has ticks to come, and so no others meanwhile."""
        return self.playing[symbol] > 0

    @property
    def is_over(self) -> bool:
        return not any(self.playing.values())

    def _factor(self, row: Row) -> Decimal:
        return self.scale.get(row.symbol, Decimal(1))

    def _play(self, rows: Iterable[Row]) -> Iterator[Sequence[Tick]]:
        for _, moment in groupby(rows, key=attrgetter("at")):
            # One row for a symbol: of two files that both have it, the later row waits.
            waiting = list(moment)
            while waiting:
                playing = list({row.symbol: row for row in reversed(waiting)}.values())[::-1]
                ticks = [
                    _ticks(self.instruments[row.symbol], row, self._factor(row)) for row in playing
                ]
                for round_ in zip_longest(*ticks):
                    yield [tick for tick in round_ if tick is not None]
                waiting = [row for row in waiting if row not in playing]


def scale_to(recordings: Sequence[Recording], prices: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """The factors with which each symbol's first price is the one given."""
    rows = sorted((row for each in recordings for row in each.rows), key=attrgetter("at"))
    first = {row.symbol: row.prices[0] for row in reversed(rows)}
    return {symbol: prices[symbol] / first[symbol] for symbol in first if symbol in prices}


def _ticks(instrument: Instrument, row: Row, factor: Decimal) -> list[Tick]:
    """The bid is the row's price, the ask one increment above.

    Inside a bar the price goes from each of them to the next through all between: orders that wait
    on its way are met there. Where a bar begins it jumps.
    """
    step = instrument.quantity_increment
    shown = max(on_grid(row.volume / DISPLAYED_PART, step, "ROUND_FLOOR"), step)
    traded = on_grid(row.volume / len(row.prices), step, "ROUND_FLOOR")
    quoted = [_quoted(instrument, price * factor) for price in row.prices]
    bids = [bid for bid, _ in quoted]
    return [
        Tick(
            instrument.symbol,
            *(bid, bid, bid + increment),
            *(shown, shown),
            volume=traded,
            came_from=bids[number - 1] if number else None,
            low_ahead=min(bids[number + 1 :], default=None) if number else None,
        )
        for number, (bid, increment) in enumerate(quoted)
    ]


def _quoted(instrument: Instrument, price: Decimal) -> tuple[Decimal, Decimal]:
    """A price on its grid, and the grid's increment there."""
    price = min(price, HIGHEST_PRICE)
    usual = instrument.price_increment.normalize()  # the database pads it to eight decimals
    increment = increment_at(price, usual, instrument.asset_class)
    return max(on_grid(price, increment, "ROUND_HALF_EVEN"), increment), increment
