"""The benchmark of a period, and the figures of risk, which compare the account with it."""

import statistics
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import sqrt

import pytest

from exchange.models import Interval
from exchange.tests.market import NOW, advance, make_instrument, place, set_quote
from exchange.tests.market import tick as tick_of
from portfolio.tests.accounts import (
    MONDAY,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    buy,
    closes,
    column,
    midnight,
    open_account,
    reprice,
    shown,
)

pytestmark = pytest.mark.django_db

RISK = ["volatility", "sharpe_ratio", "sortino_ratio", "beta", "alpha"]


def year_of(customer_deposits, *, market, own, days=400):
    """A customer who put all into AAPL `days` ago, and daily closes of AAPL and SPY since."""
    start = midnight(NOW.replace(hour=12)) - timedelta(days=days)
    aapl, spy = make_instrument("AAPL"), make_instrument("SPY", "etf")
    alice = open_account("alice@example.com", deposits=customer_deposits, at=start)
    set_quote(aapl, str(own[0]), str(own[0]), at=start, size="1000000")
    place(alice, "buy", None, notional=customer_deposits, symbol="AAPL", now=start)
    closes(aapl, own[1:], first=start)
    closes(spy, market, first=start - timedelta(days=1))
    last = (tick_of("AAPL", str(own[-1]), str(own[-1])), tick_of("SPY", str(market[-1]), "9999"))
    set_quote(spy, str(market[-1]), "9999", at=start)
    advance(*last, at=NOW)
    return alice


def path(steps, *, first="100"):
    """Prices that start with `first` and make these returns, to eight decimals."""
    prices = [Decimal(first)]
    for step in steps:
        prices.append(round(prices[-1] * (1 + step), 8))
    return prices


def test_an_account_that_moves_twice_as_the_benchmark_has_a_beta_of_two():
    moves = [Decimal(move) / 1000 for move in (4, -3, 7, -9, 2)] * 80
    alice = year_of("1000000", market=path(moves), own=path([2 * move for move in moves]))

    document = shown(alice, "performance", period="1y", benchmark="SPY")

    # Full days from 2 March 2025 to 2 March 2026; prices rest on the day that has begun.
    of_year = [float(2 * move) for move in moves][-365:]
    growth = market = 1.0
    for move in of_year:
        growth, market = growth * (1 + move), market * (1 + move / 2)
    mean, deviation = statistics.fmean(of_year), statistics.stdev(of_year)
    downside = sqrt(statistics.fmean(min(0.0, move) ** 2 for move in of_year))
    expected = {
        "beta": 2,
        "alpha": 0,
        "benchmark_return": market - 1,
        "time_weighted_return": growth - 1,
        "volatility": deviation * sqrt(365),
        "sharpe_ratio": mean / deviation * sqrt(365),
        "sortino_ratio": mean / downside * sqrt(365),
    }
    assert {name: float(document[name]) for name in expected} == pytest.approx(expected, abs=2e-5)
    days = (NOW - datetime(2025, 3, 2, tzinfo=UTC)) / timedelta(days=1)
    assert float(document["annualized_return"]) == pytest.approx(
        growth ** (365 / days) - 1, abs=1e-5
    )
    assert column(document, "benchmark_return")[0] == "0.000000"
    assert column(document, "benchmark_return")[-1] == document["benchmark_return"]


def test_an_hourly_week_has_volatility_but_no_ratio_that_rests_on_a_mean(aapl):
    a_week_ago = NOW - timedelta(days=7)
    alice = open_account("alice@example.com", deposits="100000", at=NOW - timedelta(days=30))
    buy(alice, aapl, "1000", "100.00", at=a_week_ago - timedelta(hours=1))  # then 99.99
    closes(aapl, ["100.00", "101.00"] * 84, first=a_week_ago, interval=Interval.ONE_HOUR)
    reprice(aapl, "101.00", at=NOW)

    document = shown(alice, "performance", period="1w")

    moves = [100 / 99.99 - 1, 0.01, *[100 / 101 - 1, 0.01] * 83]
    assert float(document["volatility"]) == pytest.approx(
        statistics.stdev(moves) * sqrt(365 * 24), abs=1e-6
    )
    assert document["sharpe_ratio"] is document["sortino_ratio"] is document["alpha"] is None


@pytest.mark.parametrize(("days", "known"), [(20, False), (21, True)])
def test_figures_of_risk_take_twenty_returns(days, known):
    alice = year_of(
        "1000",
        days=days - 1,
        market=path([Decimal("0.01"), Decimal("-0.01")] * 15),
        own=path([Decimal("0.01"), Decimal("-0.02")] * 15),
    )

    document = shown(alice, "performance", period="all")

    assert [document[name] is not None for name in RISK] == [known] * len(RISK)


def test_the_benchmark_is_compared_from_the_start_of_the_account(aapl):
    alice = open_account("alice@example.com", deposits="1000", at=MONDAY)
    closes(aapl, ["50.00", "60.00", "75.00"], first=midnight(MONDAY) - timedelta(days=1))
    set_quote(aapl, "80.00", "80.01", at=WEDNESDAY)

    document = shown(alice, "performance", now=WEDNESDAY, benchmark="AAPL")

    assert document["benchmark"] == "AAPL"
    assert column(document, "benchmark_return") == [
        "0.000000",  # Sunday's close, 50.00
        "0.200000",
        "0.500000",
        "0.600000",  # the quote, 80.00
    ]
    assert document["benchmark_return"] == "0.600000"


def test_a_benchmark_without_prices_from_the_start_gives_no_figure(aapl):
    alice = open_account("alice@example.com", deposits="1000", at=MONDAY)
    closes(aapl, ["50.00"], first=midnight(TUESDAY))

    document = shown(alice, "performance", now=THURSDAY, benchmark="AAPL")

    assert document["benchmark"] == "AAPL"
    assert document["benchmark_return"] is None
    assert set(column(document, "benchmark_return")) == {None}


def test_the_benchmark_is_spy_unless_another_is_named():
    alice = open_account("alice@example.com", deposits="1000", at=MONDAY)
    assert shown(alice, "performance", now=WEDNESDAY)["benchmark"] is None  # not listed

    spy = make_instrument("SPY", "etf")

    assert shown(alice, "performance", now=WEDNESDAY)["benchmark"] == "SPY"
    assert shown(alice, "performance", now=WEDNESDAY, benchmark=spy.pk)["benchmark"] == "SPY"
