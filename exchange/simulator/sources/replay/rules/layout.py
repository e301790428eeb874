"""Which column of a file is what: from its header, its first row, or --columns. Pure."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

from exchange.simulator.sources.replay.rules import cells
from exchange.simulator.sources.replay.rules.cells import TimeReader
from exchange.simulator.sources.replay.rules.refusals import Ambiguous, BadReplayFile, Unreadable

BAR = ("open", "high", "low", "close")
WORDS = ("time", "date", *BAR, "price", "volume", "turnover", "symbol", "_")
"""What --columns may call a column."""

# Names of columns are compared in lower case, with spaces for underscores, without <> and without
# the numbers of Alpha Vantage. If a file has several of a group, the first in the group counts.
_TIMES = (
    *("unix", "unix timestamp", "open time", "window start", "timestamp"),
    *("datetime", "date time", "gmt time", "local time", "time", "date", "t"),
)
_PRICES = {
    "open": ("open", "open price", "o"),
    "high": ("high", "high price", "h"),
    "low": ("low", "low price", "l"),
    # Investing.com calls the close of its bars their price.
    "close": ("close", "close/last", "close price", "last", "c", "price"),
}
_TRADED = ("price", "trade price", "p")
_VOLUMES = ("volume", "vol", "vol.", "size", "quantity", "qty", "amount", "v")
_TURNOVERS = ("turnover", "quote asset volume", "quote volume", "dollar volume", "volume usd")
_SYMBOLS = (
    *("symbol", "ticker", "tic", "instrument", "product id", "pair", "sym", "act symbol"),
    *("ticker symbol", "stock symbol", "code", "stock", "security", "s", "name", "company"),
)
# Columns whose words may look like symbols and are none.
_LABELS = frozenset(
    {
        *("currency", "ccy", "exchange", "exch", "market", "venue", "mic", "country", "sector"),
        *("side", "type", "per", "period", "interval", "timeframe", "resolution", "day", "weekday"),
        *("tape", "condition", "conditions", "unit", "status", "source", "session", "series"),
    }
)
_DOLLARS = ("usd", "usdt", "usdc", "busd")
# Columns, and an order of columns, that only Yahoo has. It counts the volume of coins in dollars.
_OF_YAHOO = ({"adj close"}, {"dividends", "stock splits"})
_ORDER_OF_YFINANCE = ["close", "high", "low", "open", "volume"]


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a file, by number.

    `time` has one column, or those of a date and of a time of day. `prices` has the four of a bar
    or the one of a trade. `turnover` is a volume in dollars. With `coins_in_dollars` the volume of
    coins is in dollars too. `of` is the symbol of all rows, if the file names it only once.
    """

    time: tuple[int, ...]
    prices: tuple[int, ...]
    volume: int | None = None
    turnover: int | None = None
    symbol: int | None = None
    coins_in_dollars: bool = False
    of: str | None = None


def given(words: str) -> Layout:
    """The layout that --columns gives: what each column is, in order. Raises BadReplayFile."""
    names = [word.strip().lower() for word in words.split(",")]
    unknown = [name for name in names if name not in WORDS]
    twice = [name for name in names if name != "_" and names.count(name) > 1]
    if unknown or twice:
        raise BadReplayFile(
            f"--columns: {(unknown or twice)[0]!r} is {'unknown' if unknown else 'there twice'}; "
            f"the columns of a file, in their order, are called {', '.join(WORDS)}"
        )
    place = {name: names.index(name) for name in names}
    time = tuple(place[name] for name in ("date", "time") if name in place)
    wanted = BAR if "price" not in place else ("price",)
    lacking = [name for name in wanted if name not in place]
    if not time or lacking:
        raise BadReplayFile(f"--columns: there is no {'time' if not time else ', '.join(lacking)}")
    return Layout(
        time,
        tuple(place[name] for name in wanted),
        place.get("volume"),
        place.get("turnover"),
        place.get("symbol"),
    )


def is_data(row: Sequence[str]) -> bool:
    """Whether a first line is data and no header: names of columns never include two numbers."""
    return sum(cells.is_number(cell) for cell in row) > 1


def usual(row: Sequence[str], times: TimeReader) -> Layout | None:
    """The usual layout without a header: a time, the four prices of a bar, and perhaps a volume.

    Binance, Kraken, FirstRate and MetaTrader write bars like that. Three columns are a trade: time,
    price, volume. None if the row does not fit.
    """
    start = 2 if len(row) > 1 and cells.is_clock(row[1]) and ":" in row[1] else 1
    try:
        _read_time(row[:start], times)
        figures = [cells.number(cell) for cell in row[start : start + len(BAR)]]
    except Unreadable:
        return None
    time = tuple(range(start))
    if len(row) == start + 2:
        return Layout(time, (start,), start + 1)
    if len(figures) == len(BAR) and _is_bar(figures):
        prices = tuple(range(start, start + len(BAR)))
        return Layout(time, prices, start + len(BAR) if len(row) > start + len(BAR) else None)
    return None


def _read_time(texts: Sequence[str], times: TimeReader) -> None:
    with suppress(Ambiguous):  # an ambiguous date is still a time
        times.read(*texts)


def _is_bar(figures: Sequence[Decimal]) -> bool:
    if not all(figure.is_finite() for figure in figures):
        return False
    return figures[1] == max(figures) and figures[2] == min(figures)


def named(header: Sequence[str], first: Sequence[str], line: int) -> Layout:
    """The layout that a header gives, with the row below it. Raises BadReplayFile."""
    names = [_name(cell) for cell in header]
    time = _time(names, first)
    if not time:
        raise BadReplayFile(
            f"line {line}: the header has none of time, timestamp, datetime, date"
            f"{_known_by_columns(header)}"
        )
    bar = [_first(names, _PRICES[name]) for name in BAR]
    traded = _first(names, _TRADED)
    lacking = [name for name, place in zip(BAR, bar, strict=True) if place is None]
    if lacking and traded is None:
        raise BadReplayFile(
            f"line {line}: the header lacks {', '.join(lacking)}, or price"
            f"{_known_by_columns(header)}"
        )
    volume, turnover = _volumes(names)
    prices = (traded,) if lacking else bar
    return Layout(
        time,
        tuple(place for place in prices if place is not None),
        volume,
        turnover,
        _first(names, _SYMBOLS),
        coins_in_dollars=_is_of_yahoo(names),
    )


def unread(columns: Layout, header: Sequence[str], width: int) -> dict[int, str]:
    """The names, by number, of columns that are not read and that could hold symbols."""
    read = {*columns.time, *columns.prices, columns.volume, columns.turnover, columns.symbol}
    names = dict(enumerate(header))
    return {
        place: names.get(place, "").strip() or f"column {place + 1}"
        for place in range(width)
        if place not in read and _name(names.get(place, "")) not in _LABELS
    }


def _is_of_yahoo(names: Sequence[str]) -> bool:
    return names[1:6] == _ORDER_OF_YFINANCE or any(some <= set(names) for some in _OF_YAHOO)


def of_yfinance(rows: Sequence[Sequence[str]]) -> Layout | None:
    """The layout of yfinance's `download(...).to_csv()`, from its three header lines; else None.

    These are Price, Close, High...; Ticker, AAPL, AAPL...; Date. Raises BadReplayFile for several
    tickers, which such a file has side by side.
    """
    if len(rows) < 3 or [row[0].strip() for row in rows[:2]] != ["Price", "Ticker"]:  # noqa: PLR2004
        return None
    tickers = sorted({cell.strip() for cell in rows[1][1:] if cell.strip()})
    if len(tickers) != 1:
        raise BadReplayFile(
            f"this is yfinance's table of {len(tickers)} tickers side by side "
            f"({', '.join(tickers[:5])}): download one at a time"
        )
    names = [_name(cell) for cell in rows[0]]
    prices = [_first(names, (name,)) for name in BAR]
    if None in prices:
        raise BadReplayFile("this is a file of yfinance without open, high, low and close")
    return Layout(
        (0,),
        tuple(place for place in prices if place is not None),
        _first(names, ("volume",)),
        coins_in_dollars=True,
        of=tickers[0],
    )


def _name(cell: str) -> str:
    name = cell.strip().strip("<>").lower().replace("_", " ")
    number, dot, rest = name.partition(". ")
    return rest if dot and number.isdigit() else name


def _first(names: Sequence[str], wanted: Iterable[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)


def _time(names: Sequence[str], first: Sequence[str]) -> tuple[int, ...]:
    date, clock = _first(names, ("date",)), _first(names, ("time",))
    if date is not None and clock is not None and any(map(cells.is_clock, first[clock:][:1])):
        return (date, clock)
    found = _first(names, _TIMES)
    if found is None and names and not names[0]:  # the index of a pandas frame
        found = 0
    return () if found is None else (found,)


def _volumes(names: Sequence[str]) -> tuple[int | None, int | None]:
    """The columns of the volume and of the turnover.

    CryptoDataDownload calls them Volume BTC and Volume USD.
    """
    volume, turnover = _first(names, _VOLUMES), _first(names, _TURNOVERS)
    for place, name in enumerate(names):
        of = name.removeprefix("volume ")
        if of == name:
            continue
        if of.strip("()") in _DOLLARS:
            turnover = place if turnover is None else turnover
        elif volume is None:
            volume = place
    return volume, turnover


def _known_by_columns(header: Sequence[str]) -> str:
    return f" (it has {', '.join(header)[:80]}): --columns says what each column is"
