"""Where each period of performance starts, its steps, and the equity at them."""

from datetime import UTC, datetime, timedelta

import pytest

from exchange.models import Interval
from exchange.tests.market import NOW, place, set_quote
from portfolio.tests.accounts import (
    MONDAY,
    WEDNESDAY,
    buy,
    closes,
    column,
    open_account,
    reprice,
    shown,
    text,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("period", "start", "second", "points"),
    [
        ("1d", "2026-03-01T15:00", "2026-03-01T15:05", 289),
        ("1w", "2026-02-23T15:00", "2026-02-23T16:00", 169),
        ("1m", "2026-02-02T00:00", "2026-02-03T00:00", 30),
        ("3m", "2025-12-02T00:00", "2025-12-03T00:00", 92),
        ("ytd", "2026-01-01T00:00", "2026-01-02T00:00", 62),
        ("1y", "2025-03-02T00:00", "2025-03-03T00:00", 367),
        ("all", "2024-03-01T09:30", "2024-03-02T00:00", 733),
    ],
)
def test_each_period_has_its_start_and_its_steps(period, start, second, points):
    alice = open_account(
        "alice@example.com", deposits="1", at=datetime(2024, 3, 1, 9, 30, tzinfo=UTC)
    )

    document = shown(alice, "performance", period=period)

    times = column(document, "time")
    assert times[0] == document["start"] == f"{start}:00.000000Z"
    assert times[1] == f"{second}:00.000000Z"
    assert times[-1] == document["end"] == text(NOW)
    assert times == sorted(set(times))
    assert len(times) == points


def test_a_month_before_the_31st_is_the_last_day_of_a_shorter_month():
    alice = open_account("alice@example.com", deposits="1", at=NOW - timedelta(days=100))

    document = shown(alice, "performance", now=datetime(2026, 3, 31, 15, 0, tzinfo=UTC))

    assert document["start"] == "2026-02-28T00:00:00.000000Z"


def test_a_period_starts_with_the_equity_of_that_time(aapl):
    alice = open_account("alice@example.com", deposits="1000", at=NOW - timedelta(days=60))
    buy(alice, aapl, "10", "50.00", at=NOW - timedelta(days=50))
    closes(aapl, ["80.00"], first=datetime(2026, 1, 20, tzinfo=UTC))  # known before the period
    reprice(aapl, "90.00", at=NOW)

    document = shown(alice, "performance", period="1m")

    assert document["start_equity"] == column(document, "equity")[0] == "1300.00"
    assert (document["end_equity"], document["gain"]) == ("1400.00", "100.00")
    assert document["net_deposits"] == "0.00"
    assert document["time_weighted_return"] == "0.076923"  # 100 / 1,300


def test_a_day_knows_the_last_daily_close_where_no_finer_candle_is(aapl):
    alice = open_account("alice@example.com", deposits="1000", at=NOW - timedelta(days=60))
    buy(alice, aapl, "10", "50.00", at=NOW - timedelta(days=50))
    closes(aapl, ["80.00"], first=datetime(2026, 2, 20, tzinfo=UTC))
    closes(aapl, ["85.00"], first=NOW - timedelta(minutes=30), interval=Interval.FIVE_MINUTES)
    reprice(aapl, "90.00", at=NOW)

    equity = column(shown(alice, "performance", period="1d"), "equity")

    # The candle of 14:30 is known at 14:35, the fifth point before the last.
    assert set(equity[:-6]) == {"1300.00"}
    assert equity[-6:] == ["1350.00"] * 5 + ["1400.00"]


def test_before_any_candle_a_position_is_worth_what_was_paid_for_it(aapl):
    alice = open_account("alice@example.com", deposits="1000", at=MONDAY)
    set_quote(aapl, "99.99", "100.00", at=MONDAY)
    place(alice, "buy", "10", symbol="AAPL", now=MONDAY)

    document = shown(alice, "performance", now=WEDNESDAY)

    assert column(document, "equity") == ["1000.00", "1000.00", "1000.00", "999.90"]
