"""Reading a CSV file of bars or trades, in one of the forms that data sources write.

Corrupt data is worse than none. A row is a problem if it has no price, contradicts itself, does not
come after the row before it, or comes after a gap. Problems name their lines. Depending on the
caller they make the file unusable, or the rows are skipped and reported.
"""

import codecs
import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TextIO

from exchange.models import AssetClass, Instrument
from exchange.simulator.sources.replay import chronology
from exchange.simulator.sources.replay.rows import OtherSymbol, Row, RowReader
from exchange.simulator.sources.replay.rules import cells, layout, symbols
from exchange.simulator.sources.replay.rules.cells import TimeReader
from exchange.simulator.sources.replay.rules.layout import Layout
from exchange.simulator.sources.replay.rules.refusals import (
    BadReplayFile,
    Problem,
    in_words,
    listed,
)

_BINARY = "the file is not text"
_DELIMITERS = "\t;|"  # if none of them is in the first line, it is a comma
_BEFORE_THE_HEADER = ("http://", "https://", "#", "sep=")
_HEADER_OF_YFINANCE = 3

_Line = tuple[int, list[str]]


@dataclass(frozen=True, slots=True)
class FileFormat:
    """The format of a file, as far as options of `run_exchange_simulator` give it."""

    columns: str | None = None
    date_format: str | None = None
    has_header: bool = True


@dataclass(frozen=True, slots=True)
class Recording:
    """The usable rows of a file, the problems of the others, and notes for the user."""

    path: Path
    rows: tuple[Row, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()
    left_out: int = 0
    """How many rows are not usable."""

    def symbols(self) -> list[str]:
        return sorted({row.symbol for row in self.rows})


def read(
    path: Path,
    instruments: Mapping[str, Instrument],
    *,
    symbol: str | None,
    form: FileFormat = FileFormat(),
) -> Recording:
    """Read a file of bars (time, open, high, low, close) or trades (time, price).

    Columns are found by their names, without a header by their usual order, or by `form.columns`.
    The symbol of a row is that of its symbol column, or else `symbol`, or else the one that the
    file is named after. With `symbol`, rows of other symbols are left out. Raises BadReplayFile
    when there is nothing to replay, and OSError.
    """
    try:
        with path.open(newline="", encoding=_encoding(path)) as file:
            lines, delimiter = _lines(file)
    except (UnicodeError, csv.Error) as error:
        raise BadReplayFile(f"{_BINARY} ({error})") from error
    columns, body = _columns(lines, form)
    name = _name(columns, path, instruments, symbol)
    said = symbol is not None or columns.symbol is not None or form.columns is not None
    if not said and (whose := symbols.find(name, instruments)) is not None:
        _refuse_other_symbols(columns, lines[0][1] if body is not lines else [], body, whose)
    times = _times(columns, body, form)
    reader = RowReader(
        columns,
        times,
        instruments,
        symbol,
        name,
        _finder(instruments, symbol),
        thousands=delimiter != ";",
    )
    found = [reader.read(line, row) for line, row in body]
    ordered = chronology.in_order([each for each in found if isinstance(each, Row)], instruments)
    wrong = [each for each in found if isinstance(each, Problem)]
    problems = tuple(in_words([*wrong, *ordered.problems]))
    others = Counter(each.name for each in found if isinstance(each, OtherSymbol))
    if not ordered.rows:
        raise BadReplayFile(_nothing(problems, others, symbol))
    notes = _notes(ordered, others, reader)
    left_out = len(found) - others.total() - len(ordered.rows)
    return Recording(path, ordered.rows, problems, tuple(notes), left_out)


def refuse_problems(recording: Recording, *, skip: bool = False) -> None:
    """Raise BadReplayFile that names the problems, if there are any.

    With `skip`, only if most rows have problems: then it is another kind of file.
    """
    if skip and recording.left_out <= len(recording.rows):
        return
    if recording.problems:
        most = f"{recording.left_out} of its rows are left out and {len(recording.rows)} are not: "
        raise BadReplayFile((most if skip else "") + listed(recording.problems))


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(2)
    return "utf-16" if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def _lines(file: TextIO) -> tuple[list[_Line], str]:
    """The rows that are not empty, from the header on, with line numbers; and the delimiter."""
    before, first = 0, ""
    for line in file:
        if line.strip() and not line.lower().startswith(_BEFORE_THE_HEADER):
            first = line
            break
        before += 1
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(chain([first], file), delimiter=delimiter if delimiter in first else ",")
    rows = [(before + reader.line_num, row) for row in reader if any(map(str.strip, row))]
    return rows, delimiter if delimiter in first else ","


def _columns(lines: Sequence[_Line], form: FileFormat) -> tuple[Layout, Sequence[_Line]]:
    """The layout of the columns, and the rows below the header."""
    if not lines:
        raise BadReplayFile("the file is empty: it has no header and no row")
    line, first = lines[0]
    has_header = form.has_header and not layout.is_data(first)
    if form.columns is not None:
        return layout.given(form.columns), lines[1:] if has_header else lines
    if has_header:
        of_yfinance = layout.of_yfinance([row for _, row in lines[:_HEADER_OF_YFINANCE]])
        if of_yfinance is not None:
            return of_yfinance, lines[_HEADER_OF_YFINANCE:]
        below = lines[1][1] if len(lines) > 1 else []
        return layout.named(first, below, line), lines[1:]
    found = layout.usual(first, TimeReader(form.date_format))
    if found is None:
        raise BadReplayFile(
            f"line {line} is no header, and its {len(first)} columns are not the usual time, open, "
            "high, low, close, volume: --columns says what each one is, as in "
            "--columns time,open,high,low,close,volume,_"
        )
    return found, lines


def _times(columns: Layout, body: Sequence[_Line], form: FileFormat) -> TimeReader:
    place = columns.time[0]
    texts = (row[place] for _, row in body if place < len(row))
    return TimeReader(form.date_format, cells.day_first(texts))


def _name(
    columns: Layout, path: Path, instruments: Mapping[str, Instrument], symbol: str | None
) -> str:
    """The symbol of rows that have no symbol column; empty if they have one."""
    if columns.symbol is not None:
        return ""
    if columns.of is not None:
        return columns.of
    if symbol is not None:
        return symbol
    if symbols.find(path.stem, instruments) is None:
        raise BadReplayFile(
            f"neither a column nor the file's name says a symbol that is listed "
            f"({path.stem[:20]} is none): --symbol says whose prices these are"
        )
    return path.stem


def _refuse_other_symbols(
    columns: Layout, header: Sequence[str], body: Sequence[_Line], symbol: str
) -> None:
    """Refuse a file named after `symbol` if an unread column holds other symbols."""
    width = max((len(row) for _, row in body), default=0)
    for place, column in layout.unread(columns, header, width).items():
        texts = {row[place].strip() for _, row in body if place < len(row)}
        said = {text for text in texts if text.lower() not in cells.NOTHING}
        like_symbols = {text for text in said if symbols.looks_like_one(text)}
        others = sorted(text for text in like_symbols if not symbols.is_part_of(text, symbol))
        if others and 2 * len(like_symbols) >= len(said):
            raise BadReplayFile(
                f"{column} has {', '.join(others[:5])}, but the file is named after {symbol}: if "
                "these are symbols, say so with --columns, which tells what each column is; if "
                f"all rows are of {symbol}, say --symbol {symbol}"
            )


def _finder(
    instruments: Mapping[str, Instrument], symbol: str | None
) -> Callable[[str], str | None]:
    @cache
    def find(text: str) -> str | None:
        if symbol is None:
            return symbols.find(text, instruments)
        return symbol if symbols.is_of(text, symbol) else None

    return find


def _nothing(problems: Sequence[str], others: Counter[str], symbol: str | None) -> str:
    if others:
        return f"there is no row of {symbol}: it has {_some(others)}"
    return "there is no usable row" + (f": {listed(problems)}" if problems else "")


def _some(others: Counter[str]) -> str:
    names = [name[:20] or "no symbol" for name, _ in others.most_common(5)]
    more = len(others) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _notes(ordered: chronology.Ordered, others: Counter[str], reader: RowReader) -> Iterator[str]:
    if ordered.turned:
        yield "newest first: it is played from its end"
    if others:
        yield f"{others.total()} rows of {_some(others)} are left out"
    if not any(row.volume for row in ordered.rows):
        yield "it has no volume: as much is offered as is usual"
    elif reader.layout.coins_in_dollars and any(
        reader.instruments[symbol].asset_class == AssetClass.CRYPTO
        for symbol in {row.symbol for row in ordered.rows}
    ):
        yield "a file of Yahoo, whose volume of coins is in dollars: it is played in coins"
