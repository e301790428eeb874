"""Candles: aggregating ticks into them, and reading them.

A candle opens with the first tick of its interval and closes with the last; high, low and volume
are of all ticks. The candles of every interval are made from the ticks themselves. So a coarse
candle always equals the finer ones in it taken together.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction

from be.database import statements
from be.database.rows import Columns
from be.database.statements import Statement
from exchange.models import Candle, Instrument, Interval, Quote

LENGTH = {
    Interval.ONE_MINUTE: timedelta(minutes=1),
    Interval.FIVE_MINUTES: timedelta(minutes=5),
    Interval.FIFTEEN_MINUTES: timedelta(minutes=15),
    Interval.ONE_HOUR: timedelta(hours=1),
    Interval.ONE_DAY: timedelta(days=1),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The highest volume of a candle or a quote, in units. A sum beyond 64 bits would fail every round.
MOST_VOLUME = 9 * 10**18
# Rows in one statement: enough to fill a round trip, few enough for memory.
_BATCH = 10_000


class Trade(NamedTuple):
    """A price at a time, and the units that traded since the previous one."""

    instrument_id: UUID
    at: datetime
    price: Decimal
    units: int


class Row(NamedTuple):
    """A whole candle, for storing many at once."""

    instrument_id: UUID
    interval: str
    time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


class Bar(NamedTuple):
    """A candle as it is read: prices in dollars, `volume` in units of the instrument."""

    time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


def start_of(at: datetime, interval: Interval) -> datetime:
    """The time at which the candle that holds `at` begins (UTC)."""
    return at - (at - _EPOCH) % LENGTH[interval]


# Folding ----------------------------------------------------------------------------------------

_COLUMNS = ("instrument_id", "interval", "time", "open", "high", "low", "close", "volume")
_KEY = "(instrument_id, interval, time)"
_PRICES = "given.price, given.price, given.price, given.price, given.units"
# The start of a candle in SQLite, where a time is the text YYYY-MM-DD HH:MM:SS.ffffff.
_START_AS_TEXT = {
    Interval.ONE_MINUTE: "substr(given.at, 1, 17) || '00'",
    Interval.FIVE_MINUTES: "substr(given.at, 1, 14) "
    "|| substr('0' || (substr(given.at, 15, 2) / 5 * 5), -2) || ':00'",
    Interval.FIFTEEN_MINUTES: "substr(given.at, 1, 14) "
    "|| substr('0' || (substr(given.at, 15, 2) / 15 * 15), -2) || ':00'",
    Interval.ONE_HOUR: "substr(given.at, 1, 14) || '00:00'",
    Interval.ONE_DAY: "substr(given.at, 1, 11) || '00:00:00'",
}


def _fold(close: str) -> Statement:
    """Fold trades, at most one of each instrument, into the candles of every interval."""
    columns = ", ".join(_COLUMNS)
    spans = ", ".join(
        f"('{interval.value}', interval '{length.total_seconds():.0f} seconds')"
        for interval, length in LENGTH.items()
    )
    arms = " UNION ALL ".join(
        f"SELECT given.instrument_id, '{interval.value}', {start}, {_PRICES} FROM given WHERE true"
        for interval, start in _START_AS_TEXT.items()
    )

    def conflict(greatest: str, least: str) -> str:
        return (
            f"ON CONFLICT {_KEY} DO UPDATE SET "
            f"high = {greatest}(exchange_candle.high, excluded.high), "
            f"low = {least}(exchange_candle.low, excluded.low), "
            f"close = {close}, volume = "
            f"{least}(exchange_candle.volume, {MOST_VOLUME} - excluded.volume) + excluded.volume"
        )

    return Statement(
        ("uuid", "timestamptz", "numeric", "bigint"),
        f"INSERT INTO exchange_candle ({columns}) SELECT given.instrument_id, span.name, "
        f"date_bin(span.length, given.at, '1970-01-01 00:00:00+00'), {_PRICES} "
        "FROM {given} AS given (instrument_id, at, price, units) "
        f"CROSS JOIN (VALUES {spans}) AS span (name, length) WHERE true "
        f"{conflict('GREATEST', 'LEAST')}",
        f"INSERT INTO exchange_candle ({columns}) WITH given AS "
        "(SELECT %s AS instrument_id, %s AS at, %s AS price, %s AS units) "
        f"{arms} {conflict('MAX', 'MIN')}",
    )


FOLD = _fold("excluded.close")
"""For `Trade`s that are not older than those before; at most one of each instrument."""

FOLD_LATE = _fold("exchange_candle.close")
"""For `Trade`s that are older: they change high, low and volume; open and close stay."""


def record(trades: Sequence[Trade]) -> None:
    """Fold trades into candles: one of each instrument, none older than those before."""
    statements.run((FOLD, trades))


# Whole candles ------------------------------------------------------------------------------------

_STORE = statements.insert(
    Candle,
    _COLUMNS,
    suffix=f"ON CONFLICT {_KEY} DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS[3:]),
)


@transaction.atomic
def backfill(rows: Iterable[Row]) -> int:
    """Store whole candles, replacing existing ones; returns how many. All of them or none.

    At the end of its transaction the caller counts the change (`revisions.count`).
    They are sent in batches, so that a history of any length needs little memory.
    """
    stored, remaining = 0, iter(rows)
    while batch := list(islice(remaining, _BATCH)):
        statements.run((_STORE, batch))
        stored += len(batch)
    return stored


# Reading ----------------------------------------------------------------------------------------

loaded = Columns(Candle, Bar._fields).load
_quoted_at = Columns(Quote, ("timestamp",)).load


def have_ended(instrument: Instrument, interval: Interval, *, before: datetime) -> bool:
    """Whether no tick can change the candles before this time, other than a late one."""
    sql = "SELECT timestamp FROM exchange_quote WHERE instrument_id = %s"
    rows = statements.query(sql, (instrument.pk,))
    return bool(rows) and before <= start_of(_quoted_at(rows[0])[0], interval)


def read(
    instrument: Instrument,
    interval: Interval,
    *,
    start: datetime | None,
    end: datetime | None,
    limit: int,
) -> list[Bar]:
    """Up to `limit` candles, oldest first: from `start` on, or else the newest before `end`."""
    found, values = selection(instrument, interval, start=start, end=end, limit=limit)
    rows = statements.query(f"SELECT {', '.join(Bar._fields)} {found}", values)
    bars = [Bar._make(loaded(row)) for row in rows]
    return bars if start is not None else bars[::-1]


def selection(
    instrument: Instrument,
    interval: Interval,
    *,
    start: datetime | None,
    end: datetime | None,
    limit: int,
) -> tuple[str, tuple[Any, ...]]:
    """SQL from FROM on, with its values: the candles of `read`, without a `start` newest first."""
    conditions, values = "", list[Any]([instrument.pk, interval.value])
    for comparison, bound in ((">=", start), ("<", end)):
        if bound is not None:
            conditions += f" AND time {comparison} %s"
            values.append(bound)
    direction = "DESC" if start is None else "ASC"
    return (
        f"FROM exchange_candle WHERE instrument_id = %s AND interval = %s{conditions} "
        f"ORDER BY time {direction} LIMIT %s",
        (*values, limit),
    )
