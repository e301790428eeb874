"""Candles: folding ticks into them, and reading them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from exchange.models import Candle, Instrument, Interval

LENGTH = {
    Interval.ONE_MINUTE: timedelta(minutes=1),
    Interval.FIVE_MINUTES: timedelta(minutes=5),
    Interval.FIFTEEN_MINUTES: timedelta(minutes=15),
    Interval.ONE_HOUR: timedelta(hours=1),
    Interval.ONE_DAY: timedelta(days=1),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Trade:
    """A price at a time, and the units that traded up to it."""

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


def start_of(at: datetime, interval: Interval) -> datetime:
    """The time at which the candle that holds `at` begins (UTC)."""
    return at - (at - _EPOCH) % LENGTH[interval]


def record(trades: Sequence[Trade]) -> None:
    """Fold trades into the candles of every interval: new ones open, present ones are extended."""
    rows = [
        Row(
            trade.instrument_id,
            interval.value,
            start_of(trade.at, interval),
            trade.price,
            trade.price,
            trade.price,
            trade.price,
            trade.units,
        )
        for trade in trades
        for interval in Interval
    ]
    greatest, least = ("MAX", "MIN") if connection.vendor == "sqlite" else ("GREATEST", "LEAST")
    _upsert(
        rows,
        f"""
        high = {greatest}(exchange_candle.high, excluded.high),
        low = {least}(exchange_candle.low, excluded.low),
        "close" = excluded."close",
        volume = exchange_candle.volume + excluded.volume
        """,
    )


def read(
    instrument: Instrument,
    interval: Interval,
    *,
    start: datetime | None,
    end: datetime | None,
    limit: int,
) -> list[Candle]:
    """Up to `limit` candles, oldest first: from `start` on, or else the newest before `end`."""
    candles = Candle.objects.filter(instrument=instrument, interval=interval)
    if end is not None:
        candles = candles.filter(time__lt=end)
    if start is not None:
        return list(candles.filter(time__gte=start).order_by("time")[:limit])
    return list(candles.order_by("-time")[:limit])[::-1]


def backfill(rows: Sequence[Row]) -> int:
    """Store whole candles, in place of any that are there; returns how many."""
    _upsert(
        rows,
        """
        "open" = excluded."open", high = excluded.high, low = excluded.low,
        "close" = excluded."close", volume = excluded.volume
        """,
    )
    return len(rows)


def _upsert(rows: Sequence[Row], changes: str) -> None:
    """Plain SQL: every round folds into each interval, and a history has hundreds of thousands."""
    instrument = Instrument._meta.pk
    ids = {row.instrument_id for row in rows}
    stored_ids = {key: instrument.get_db_prep_save(key, connection) for key in ids}
    stored_times = {
        time: connection.ops.adapt_datetimefield_value(time) for time in {row.time for row in rows}
    }
    with connection.cursor() as cursor:
        cursor.executemany(
            f"""
            INSERT INTO exchange_candle
                (instrument_id, "interval", "time", "open", high, low, "close", volume)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (instrument_id, "interval", "time") DO UPDATE SET {changes}
            """,  # noqa: S608 - the changes are the two above
            [
                (
                    stored_ids[row.instrument_id],
                    row.interval,
                    stored_times[row.time],
                    *(str(price) for price in row[3:7]),
                    row.volume,
                )
                for row in rows
            ],
        )
