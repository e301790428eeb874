"""How candles are read: by the key, and on PostgreSQL from its index alone."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from be.database import statements
from exchange.market import candles
from exchange.models import Candle, Instrument, Interval
from exchange.tests import market

MINUTE = timedelta(minutes=1)


@pytest.fixture
def minutes(aapl: Instrument) -> Instrument:
    """A hundred minutes of AAPL among those of another."""
    other, one = market.make_instrument("MSFT"), Decimal(1)
    candles.backfill(
        candles.Row(instrument.pk, "1m", market.NOW + number * MINUTE, one, one, one, one, number)
        for number in range(100)
        for instrument in (aapl, other)
    )
    return aapl


def numbers(bars: Sequence[candles.Bar]) -> list[int]:
    return [bar.volume for bar in bars]


def at(number: int) -> datetime:
    return market.NOW + number * MINUTE


def test_the_newest_come_oldest_first(minutes: Instrument):
    read = candles.read(minutes, Interval.ONE_MINUTE, start=None, end=None, limit=3)
    assert numbers(read) == [97, 98, 99]
    read = candles.read(minutes, Interval.ONE_MINUTE, start=None, end=at(50), limit=3)
    assert numbers(read) == [47, 48, 49]


def test_from_a_start_on_they_ascend_to_the_end_or_the_limit(minutes: Instrument):
    read = candles.read(minutes, Interval.ONE_MINUTE, start=at(10), end=None, limit=3)
    assert numbers(read) == [10, 11, 12]
    read = candles.read(minutes, Interval.ONE_MINUTE, start=at(10), end=at(12), limit=9)
    assert numbers(read) == [10, 11]
    assert candles.read(minutes, Interval.ONE_HOUR, start=at(0), end=None, limit=9) == []


def test_what_is_read_is_what_the_orm_reads(minutes: Instrument):
    stored = Candle.objects.filter(instrument=minutes).order_by("time")
    fields = candles.Bar._fields
    read = candles.read(minutes, Interval.ONE_MINUTE, start=at(0), end=None, limit=500)
    assert read == [candles.Bar(*row) for row in stored.values_list(*fields)]


def test_a_backfill_replaces_what_is_there_and_all_of_it_or_none(minutes: Instrument):
    two = Decimal(2)
    row = candles.Row(minutes.pk, "1m", at(0), two, two, two, two, 7)
    assert candles.backfill([row]) == 1
    (bar,) = candles.read(minutes, Interval.ONE_MINUTE, start=at(0), end=at(1), limit=9)
    assert (bar.open, bar.volume) == (2, 7)

    def broken() -> Any:
        yield row._replace(volume=8)
        raise RuntimeError("the source is gone")

    with pytest.raises(RuntimeError):
        candles.backfill(broken())
    (bar,) = candles.read(minutes, Interval.ONE_MINUTE, start=at(0), end=at(1), limit=9)
    assert bar.volume == 7


def test_postgresql_reads_them_from_the_index_alone(minutes: Instrument, is_postgresql: bool):
    if not is_postgresql:
        pytest.skip("SQLite's index does not hold the values")
    seen: list[tuple[str, Any]] = []

    def watch(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append((sql, params))
        return execute(sql, params, many, context)

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # the test's table is small
    for start, end in ((None, None), (None, at(50)), (at(10), None), (at(10), at(20))):
        with connection.execute_wrapper(watch):
            candles.read(minutes, Interval.ONE_MINUTE, start=start, end=end, limit=10)
        sql, params = seen[-1]
        plan = "\n".join(row[0] for row in statements.execute(f"EXPLAIN {sql}", params))
        assert "Index Only Scan" in plan, plan
        assert "candle_once" in plan, plan
        assert "Sort" not in plan, plan
