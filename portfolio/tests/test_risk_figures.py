"""What a performance says of risk: figures beside the benchmark, days, conventions, reasons."""

import statistics
from datetime import date, timedelta
from decimal import Decimal
from math import sqrt

import pytest

from exchange.market import risk_free
from exchange.models import Interval, Quote
from exchange.tests.market import NOW, make_bond, make_instrument, place, set_quote
from portfolio.rules import risk
from portfolio.tests.accounts import (
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    buy,
    closes,
    deposit,
    midnight,
    open_account,
    reprice,
    sell,
    shown,
    withdraw,
)

pytestmark = pytest.mark.django_db

MISSING = {
    "volatility", "sharpe_ratio", "sortino_ratio", "best_day", "worst_day", "win_rate", "beta",
    "correlation", "tracking_error", "alpha", "information_ratio",
}  # fmt: skip


def day_of(number):
    return midnight(NOW) + timedelta(days=number)


def path(moves):
    """Prices from 100 on that make these returns, to eight decimals."""
    prices = [Decimal(100)]
    for move in moves:
        prices.append(round(prices[-1] * (1 + Decimal(str(move))), 8))
    return prices


def account_of_moves(moves, *, asset_class="stock", market=(), benchmark="SPY"):
    """An account that has all its money in one instrument, which moves so until last midnight."""
    start = day_of(-len(moves))
    alice = open_account("alice@example.com", deposits="1000000", at=start)
    held = make_instrument("HELD", asset_class)
    prices = path(moves)
    set_quote(held, "100", "100", at=start, size="1000000")
    place(alice, "buy", None, notional="1000000", symbol="HELD", now=start)
    closes(held, prices[1:], first=start)
    Quote.objects.filter(instrument=held).update(price=prices[-1])
    if market:
        listed, prices = make_instrument(benchmark, "etf"), path(market)
        closes(listed, prices, first=start - timedelta(days=1))
        set_quote(listed, str(prices[-1]), "999999", at=NOW)
    return alice


MOVES = [0.01, -0.02, 0.015, 0.0, 0.03, -0.01, 0.005] * 4
MOVES += [0.01, -0.04, 0.015, 0.0, 0.05, -0.01, 0.005]
MARKET = [0.005, -0.01, 0.01, 0.002, 0.01, 0.0, 0.004] * 5


def test_figures_beside_the_benchmark_and_the_best_and_worst_days():
    alice = account_of_moves(MOVES, market=MARKET)

    document = shown(alice, "performance", period="3m")

    own = MOVES
    active = [mine - market for mine, market in zip(own, MARKET, strict=True)]
    error = statistics.stdev(active) * sqrt(365)
    expected = {
        "correlation": statistics.correlation(own, MARKET),
        "tracking_error": error,
        "information_ratio": statistics.fmean(active) * 365 / error,
        "win_rate": 20 / 30,  # of 35 days, five did not move
    }
    assert {name: float(document[name]) for name in expected} == pytest.approx(expected, abs=2e-5)
    best, worst = own.index(max(own)), own.index(min(own))
    assert document["best_day"] == {
        "day": f"{day_of(best - len(MOVES)):%Y-%m-%d}",
        "day_return": f"{own[best]:.6f}",
    }
    assert document["worst_day"] == {
        "day": f"{day_of(worst - len(MOVES)):%Y-%m-%d}",
        "day_return": f"{own[worst]:.6f}",
    }
    assert document["conventions"] == {
        "time_weighted_return": "valued_at_each_flow",
        "money_weighted_return": "actual_365",
        "periods_per_year": 365,
        "risk_free_rate": "0.000000",
    }
    assert document["reasons"] == dict.fromkeys(
        ("annualized_return", "calmar_ratio"), "less_than_a_year"
    )


def test_the_calmar_ratio_is_the_annual_return_over_the_largest_drawdown():
    alice = account_of_moves([0.001, -0.0005] * 200)

    document = shown(alice, "performance", period="all")

    expected = float(document["annualized_return"]) / float(document["max_drawdown"]["percent"])
    assert float(document["calmar_ratio"]) == pytest.approx(100 * expected, rel=1e-2)
    assert set(document["reasons"]) == {
        "benchmark_return", "beta", "correlation", "tracking_error", "alpha", "information_ratio",
    }  # fmt: skip
    assert set(document["reasons"].values()) == {"no_benchmark"}


@pytest.mark.parametrize("asset_class", ["stock", "crypto"])
@pytest.mark.parametrize("has_hours", [True, False])
def test_a_year_has_252_days_where_all_that_was_held_rests_when_the_market_is_closed(
    settings, has_hours, asset_class
):
    days = [day_of(number - 60).date() for number in range(60)]
    moves = [0.01 if day.weekday() < 5 and day.day % 2 else -0.005 for day in days]
    moves = [0.0 if day.weekday() > 4 else move for day, move in zip(days, moves, strict=True)]
    alice = account_of_moves(moves, asset_class=asset_class)
    settings.EXCHANGE_MARKET_HOURS = has_hours

    document = shown(alice, "performance", period="3m")

    # A coin's fee is paid on the first day.
    own = [float(document["series"][1]["equity"]) / 1_000_000 - 1, *moves[1:]]
    rests = has_hours and asset_class == "stock"
    if rests:
        # New York: 19 January and 16 February 2026 are holidays, whose moves are the next day's.
        holidays = {date(2026, 1, 1), date(2026, 1, 19), date(2026, 2, 16)}
        index, chosen = 1.0, []
        for day, move in zip(days, own, strict=True):
            index *= 1 + move
            if day.weekday() < 5 and day not in holidays:
                chosen.append(index - 1)
                index = 1.0
        own = chosen
    periods = 252 if rests else 365
    assert document["conventions"]["periods_per_year"] == periods
    volatility = statistics.stdev(own) * sqrt(periods)
    assert float(document["volatility"]) == pytest.approx(volatility, abs=1e-6)


def test_ratios_and_alpha_count_beyond_the_risk_free_rate(settings):
    settings.RISK_FREE_RATE = 0.05
    alice = account_of_moves(MOVES, market=MARKET)

    document = shown(alice, "performance", period="3m")

    own, rate = MOVES, {"periods_per_year": 365, "risk_free": 0.05}
    assert document["conventions"]["risk_free_rate"] == "0.050000"
    assert {
        name: float(document[name]) for name in ("sharpe_ratio", "sortino_ratio", "alpha")
    } == pytest.approx(
        {
            "sharpe_ratio": risk.sharpe_ratio(own, **rate),
            "sortino_ratio": risk.sortino_ratio(own, **rate),
            "alpha": risk.alpha(own, MARKET, **rate),
        },
        abs=2e-4,
    )


def make_bill(symbol, *, days, price=None):
    issued = NOW.date() - timedelta(days=30)
    terms = {"coupon_rate": Decimal(0), "frequency": 0, "day_count": "ActAct"}
    bill = make_bond(
        symbol, issue_date=issued, maturity_date=NOW.date() + timedelta(days=days), **terms
    )
    if price is not None:
        set_quote(bill, price, price, at=NOW)
    return bill


def test_without_the_setting_the_rate_is_what_the_next_bill_yields(settings):
    assert settings.RISK_FREE_RATE is None
    assert risk_free.rate(NOW) == 0
    make_bill("BILL-LATER", days=200, price="97.000")
    make_bill("BILL-ENDS", days=28, price="99.500")  # T+1: 27 days are left
    make_bill("BILL-UNPRICED", days=30)
    make_bond("COUPONS", maturity_date=date(2026, 5, 15))
    make_bill("BILL-13W", days=91, price="99.000")

    # T+1: 90 days are left. The investment rate of a bill is simple interest on actual days.
    assert risk_free.rate(NOW) == pytest.approx((100 - 99) / 99 * 365 / 90, rel=1e-9)
    settings.RISK_FREE_RATE = -0.01
    assert risk_free.rate(NOW) == -0.01


@pytest.mark.parametrize(("days", "price", "rate"), [(3, "99.500", 0), (29, "99.72", 0.0366)])
def test_a_bill_that_is_about_to_be_repaid_is_no_measure_of_a_rate(days, price, rate, settings):
    """Half a dollar in two days would be 92 % a year."""
    make_bill("BILL", days=days, price=price)

    assert risk_free.rate(NOW) == pytest.approx(rate, abs=1e-4)


# Reasons -------------------------------------------------------------------------------------


def reasons(user, now=NOW, **query):
    document = shown(user, "performance", now=now, **query)
    figures = {name for name, value in document.items() if value is None} - {"benchmark"}
    assert figures - {"start", "end", "start_equity", "end_equity", "net_deposits", "gain"} == set(
        document["reasons"]
    )
    return document["reasons"]


def test_before_the_first_deposit_nothing_can_be_told():
    alice = open_account("alice@example.com", deposits="1", at=WEDNESDAY)

    found = reasons(alice, now=TUESDAY)

    assert found.keys() > MISSING
    assert set(found.values()) == {"no_deposits"}


def test_the_risk_free_rate_is_said_before_the_first_deposit_too(settings):
    settings.RISK_FREE_RATE = 0.03
    alice = open_account("alice@example.com", deposits="1", at=WEDNESDAY)

    found = shown(alice, "performance", now=TUESDAY)

    assert found["conventions"]["risk_free_rate"] == "0.030000"


def test_in_the_moment_of_the_first_deposit_no_time_has_passed():
    alice = open_account("alice@example.com", deposits="1", at=MONDAY)

    found = reasons(alice, now=MONDAY)

    assert found.pop("money_weighted_return") == "no_time_passed"
    assert {found.pop(name) for name in MISSING} == {"fewer_than_20_days"}
    assert set(found.values()) == {"no_time_passed"}


def test_money_that_rests_never_fell_and_does_not_vary():
    make_instrument("SPY")
    alice = open_account("alice@example.com", deposits="1000", at=NOW - timedelta(days=400))

    found = reasons(alice, period="all")

    assert found == {
        "max_drawdown": "never_fell",
        "calmar_ratio": "never_fell",
        "sharpe_ratio": "returns_do_not_vary",
        "sortino_ratio": "no_return_below_the_risk_free_rate",
        "win_rate": "never_moved",
        "benchmark_return": "benchmark_has_no_price",
        **dict.fromkeys(
            ("beta", "correlation", "tracking_error", "alpha", "information_ratio"),
            "benchmark_has_no_price",
        ),
    }


def test_a_benchmark_that_rests_and_an_account_that_does_not():
    alice = account_of_moves([0.01, -0.01] * 15, market=[0.0] * 30)

    found = reasons(alice, period="3m")

    assert {name: why for name, why in found.items() if why != "less_than_a_year"} == dict.fromkeys(
        ("beta", "correlation", "alpha"), "benchmark_does_not_move"
    )


def test_an_account_that_rests_beside_a_benchmark_that_does_not():
    spy = make_instrument("SPY")
    closes(spy, ["100", "101"] * 16, first=day_of(-32))
    set_quote(spy, "101", "102", at=NOW)
    alice = open_account("alice@example.com", deposits="1000", at=day_of(-31))

    found = reasons(alice, period="3m")

    assert found["correlation"] == "returns_do_not_vary"
    assert not found.keys() & {"beta", "tracking_error", "alpha", "information_ratio"}


def test_an_account_that_is_its_benchmark_does_not_stray_from_it():
    alice = account_of_moves(MOVES, market=MOVES)

    document = shown(alice, "performance", period="3m")

    assert document["tracking_error"] == "0.000000"
    assert document["correlation"] == "1.000000"


def test_without_spy_there_is_no_benchmark():
    alice = open_account("alice@example.com", deposits="1000", at=day_of(-40))

    found = reasons(alice, period="3m")

    assert {found[name] for name in ("benchmark_return", "beta", "alpha")} == {"no_benchmark"}


def test_hours_and_minutes_have_no_days():
    held = make_instrument("HELD")
    alice = open_account("alice@example.com", deposits="100000", at=NOW - timedelta(days=30))
    buy(alice, held, "100", "100.00", at=NOW - timedelta(days=8))
    closes(held, ["100", "101"] * 84, first=NOW - timedelta(days=7), interval=Interval.ONE_HOUR)

    found = reasons(alice, period="1w")

    daily = ("sharpe_ratio", "sortino_ratio", "best_day", "worst_day", "win_rate")
    assert {found[name] for name in daily} == {"needs_daily_returns"}
    assert "volatility" not in found


def test_an_hour_has_too_few_points():
    alice = open_account("alice@example.com", deposits="1000", at=NOW - timedelta(hours=1))

    found = reasons(alice, period="1d")

    assert {found[name] for name in MISSING} == {"fewer_than_20_points"}


def test_an_account_that_was_emptied_has_no_return_from_nothing():
    alice = open_account("alice@example.com", deposits="1000", at=NOW - timedelta(days=40))
    withdraw(alice, "1000", at=NOW - timedelta(days=30))

    found = reasons(alice, period="1w")

    assert found["time_weighted_return"] == "no_money_in_the_account"
    assert found["money_weighted_return"] == "money_in_one_direction"


def test_an_account_that_is_emptied_and_filled_again_has_the_return_of_what_it_held(aapl):
    alice = open_account("alice@example.com", deposits="1000", at=MONDAY)
    buy(alice, aapl, "10", "100.00", at=MONDAY)
    reprice(aapl, "110.00", at=MONDAY + timedelta(hours=6))
    sell(alice, aapl, "10", "110.00", at=MONDAY + timedelta(hours=7))
    withdraw(alice, "1100", at=MONDAY + timedelta(hours=8))
    deposit(alice, "50000", at=TUESDAY)  # larger than all that was there before

    document = shown(alice, "performance", now=WEDNESDAY)

    assert document["time_weighted_return"] == "0.100000"
    assert document["gain"] == "100.00"
    assert document["end_equity"] == "50000.00"
