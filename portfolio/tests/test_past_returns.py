"""Returns of the past are the same at every later time and in every period, with old candles gone.

The account is valued at each deposit and withdrawal, and the value is stored. So no return depends
on which candles are still there, or on whether the market was awake.
"""

from datetime import UTC, datetime, timedelta

import pytest

from banking import flows
from exchange.market import retention
from exchange.tests.market import make_instrument
from portfolio.tests.accounts import buy, deposit, open_account, reprice, shown, withdraw

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FRESH = MONDAY + 15 * HOUR + timedelta(seconds=30)
ASKED = [FRESH, MONDAY + 20 * HOUR, *(MONDAY + days * DAY for days in (2, 5, 40, 400))]
PERIODS = ("1d", "1w", "1m", "3m", "ytd", "1y", "all")


@pytest.fixture
def spy():
    return make_instrument("SPY", "etf")


def figures_asked(user, figure, *, since=MONDAY):
    """The figure at all times and for all periods that reach back so far, as a set."""
    found = set()
    for now in ASKED:
        retention.prune(now=now, at_most=1_000_000)
        for period in PERIODS:
            document = shown(user, "performance", now=now, period=period)
            if document["start_equity"] == "0.00":  # the account was opened in it
                found.add(document[figure])
    return found


def invested(aapl, *, price="100.00"):
    """Alice puts 1,000 into ten shares at 100 on Monday at 10:00."""
    alice = open_account("alice@example.com", deposits="1000", at=MONDAY + 10 * HOUR)
    buy(alice, aapl, "10", price, at=MONDAY + 10 * HOUR)
    return alice


def test_a_deposit_at_the_price_of_its_minute_is_weighed_at_it_for_ever(aapl):
    alice = invested(aapl)
    reprice(aapl, "106.00", at=MONDAY + 15 * HOUR - timedelta(seconds=10))
    deposit(alice, "10000", at=MONDAY + 15 * HOUR)

    # 60 of 1,000; where the deposit counts as if it had been there all along, 0.0055.
    assert figures_asked(alice, "time_weighted_return") == {"0.060000"}


def test_a_deposit_long_after_the_last_price_is_weighed_at_that(aapl):
    alice = invested(aapl)
    reprice(aapl, "60.00", at=MONDAY + 12 * HOUR)
    deposit(alice, "100000", at=MONDAY + 15 * HOUR)  # the simulator has been off for three hours

    assert figures_asked(alice, "time_weighted_return") == {"-0.400000"}


def test_a_deposit_in_the_evening_is_the_same_for_a_week_and_for_a_month(aapl, settings):
    settings.EXCHANGE_MARKET_HOURS = True
    alice = open_account("alice@example.com", deposits="1000", at=MONDAY + 14 * HOUR)
    buy(alice, aapl, "10", "100.00", at=MONDAY + 15 * HOUR)
    reprice(aapl, "106.00", at=MONDAY + 20.9 * HOUR)
    deposit(alice, "10000", at=MONDAY + 23 * HOUR)

    for now in (MONDAY + 23.5 * HOUR, MONDAY + 2 * DAY, MONDAY + 5 * DAY):
        for period in ("1w", "1m", "all"):
            document = shown(alice, "performance", now=now, period=period)
            assert document["time_weighted_return"] == "0.060000", (now, period)


def test_a_withdrawal_and_a_returned_deposit_are_weighed_as_a_deposit_is(aapl):
    alice = open_account("alice@example.com", deposits="1500", at=MONDAY + 10 * HOUR)
    buy(alice, aapl, "10", "100.00", at=MONDAY + 10 * HOUR)
    reprice(aapl, "175.00", at=MONDAY + 12 * HOUR)  # 1,500 → 2,250
    withdraw(alice, "250", at=MONDAY + 13 * HOUR)
    reprice(aapl, "215.00", at=MONDAY + 14 * HOUR)  # 2,000 → 2,400
    deposit(alice, "-200", at=MONDAY + 15 * HOUR)

    assert figures_asked(alice, "time_weighted_return") == {"0.800000"}  # 1.5 × 1.2


def test_flows_of_the_same_instant_are_weighed_one_after_the_other(aapl):
    alice = invested(aapl)
    reprice(aapl, "150.00", at=MONDAY + 12 * HOUR)
    deposit(alice, "500", at=MONDAY + 15 * HOUR)
    withdraw(alice, "300", at=MONDAY + 15 * HOUR)

    assert figures_asked(alice, "time_weighted_return") == {"0.500000"}


def test_the_benchmark_counts_from_the_moment_in_which_the_account_was_opened(aapl, spy):
    reprice(spy, "90.00", at=MONDAY - 5 * HOUR)
    reprice(spy, "100.00", at=MONDAY + 10 * HOUR - timedelta(seconds=5))
    open_account("bob@example.com", deposits="5", at=MONDAY + 9 * HOUR)
    alice = invested(aapl)
    reprice(spy, "103.00", at=MONDAY + 11 * HOUR)

    assert figures_asked(alice, "benchmark_return") == {"0.030000"}  # not 13 of 90


def test_flows_of_before_values_were_kept_are_weighed_the_same_whenever_it_is_asked(
    aapl, spy, monkeypatch
):
    monkeypatch.setattr(flows, "listener", lambda flow: None)
    reprice(spy, "90.00", at=MONDAY - 5 * HOUR)
    reprice(spy, "100.00", at=MONDAY + 10 * HOUR)
    alice = invested(aapl)
    reprice(aapl, "106.00", at=MONDAY + 15 * HOUR - timedelta(seconds=10))
    deposit(alice, "10000", at=MONDAY + 15 * HOUR)
    reprice(spy, "103.50", at=MONDAY + 15 * HOUR)

    (earned,) = figures_asked(alice, "time_weighted_return")
    (market,) = figures_asked(alice, "benchmark_return")
    # The closes of days are all that stays: 60 of 11,000, and SPY from Sunday's close.
    assert (earned, market) == ("0.005455", "0.150000")
