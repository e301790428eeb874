"""Retention: old candles are deleted in batches; daily candles stay."""

import os
import subprocess
import sys
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from exchange import engine
from exchange.market import candles, retention
from exchange.models import SIMULATOR, Candle, Instrument, Interval, Simulator
from exchange.tests import market

NOW = market.NOW


@pytest.fixture
def old(aapl: Instrument, settings: object) -> Instrument:
    """Candles of every interval on each of the last 50 days; 10 days are kept, hours for ever."""
    settings.CANDLE_RETENTION_DAYS = {"1m": 10, "5m": 10, "15m": 20, "1h": 0}  # type: ignore[attr-defined]
    one = Decimal(1)
    candles.backfill(
        candles.Row(aapl.pk, interval.value, NOW - timedelta(days=day), one, one, one, one, 1)
        for interval in Interval
        for day in range(50)
    )
    return aapl


def counts() -> dict[str, int]:
    return {each: Candle.objects.filter(interval=each).count() for each in Interval.values}


KEPT = {"1m": 11, "5m": 11, "15m": 21, "1h": 50, "1d": 50}


def test_what_is_older_goes_and_the_rest_stays(old: Instrument):
    assert retention.prune(now=NOW, at_most=1000) == 39 + 39 + 29
    assert counts() == KEPT
    oldest = Candle.objects.filter(interval="1m").earliest("time").time
    assert oldest == NOW - timedelta(days=10)
    assert retention.prune(now=NOW, at_most=1000) == 0


def test_it_goes_in_bounded_batches(old: Instrument):
    assert retention.prune(now=NOW, at_most=50) == 50
    assert sum(counts().values()) == 200


def test_every_instrument_is_pruned(old: Instrument):
    other = market.make_instrument("MSFT")
    one = Decimal(1)
    candles.backfill([candles.Row(other.pk, "1m", NOW - timedelta(days=40), one, one, one, one, 1)])
    retention.prune(now=NOW, at_most=1000)
    assert not Candle.objects.filter(instrument=other).exists()


def test_the_command_goes_on_until_nothing_is_left(old: Instrument, now: datetime):
    out = StringIO()
    call_command("prune_history", batch=7, stdout=out)
    assert out.getvalue() == "107 candles deleted.\n"
    assert counts() == KEPT


def test_the_markets_rounds_do_it_as_they_go(old: Instrument):
    Simulator.objects.create(name=SIMULATOR, rounds=engine.ROUNDS_BETWEEN_PRUNES - 2)
    tick = market.tick("AAPL", "190.00", "190.02")
    market.advance(tick, at=NOW + timedelta(seconds=2))
    assert counts()["5m"] >= 50
    market.advance(tick, at=NOW + timedelta(seconds=4))
    assert counts()["5m"] <= 11


def test_old_candles_are_found_by_the_key(old: Instrument, is_postgresql: bool):
    """Also among many newer ones, which are not read."""
    explain = "EXPLAIN" if is_postgresql else "EXPLAIN QUERY PLAN"
    text = retention._DELETE_ON_POSTGRESQL if is_postgresql else retention._DELETE_ON_SQLITE
    values = ("1m", NOW, 10, 10) if is_postgresql else ("1m", NOW, 10)
    with connection.cursor() as cursor:
        if is_postgresql:
            cursor.execute("SET LOCAL enable_seqscan = off")  # the test's tables are small
        cursor.execute(f"{explain} {text}", values)
        plan = " ".join(str(row) for row in cursor.fetchall())
    if is_postgresql:
        assert "Index Cond: ((instrument_id = instrument.id) AND" in plan
    else:
        assert "SEARCH old USING" in plan
        assert "(instrument_id=? AND interval=? AND time<?)" in plan


@pytest.mark.parametrize("days", ["-1", "1", "7"])
def test_too_short_a_retention_is_refused(days: str):
    answer = subprocess.run(
        [sys.executable, "-c", "import be.settings"],
        env={**os.environ, "CANDLE_RETENTION_DAYS_5M": days, "ENV_FILE": "/dev/null"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode != 0
    assert "CANDLE_RETENTION_DAYS_5M can't be used" in answer.stderr
