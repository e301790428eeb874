"""Performance: the equity of an account over time, and what follows from it."""

from datetime import timedelta

import pytest

from authentication.tests.problems import assert_problem
from exchange.tests.market import NOW, give, make_bond, make_instrument, place, set_quote
from portfolio.risk_figures import OF_RISK
from portfolio.tests.accounts import (
    MONDAY,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    buy,
    closes,
    column,
    deposit,
    get,
    midnight,
    open_account,
    reprice,
    shown,
    text,
    withdraw,
)

pytestmark = pytest.mark.django_db

FIGURES = [
    "start_equity",
    "end_equity",
    "net_deposits",
    "gain",
    "time_weighted_return",
    "money_weighted_return",
    "annualized_return",
    "volatility",
    "sharpe_ratio",
    "sortino_ratio",
    "max_drawdown",
    "beta",
    "alpha",
    "benchmark_return",
]


# A worked example ----------------------------------------------------------------------------


def test_three_days_of_a_position_that_is_half_of_the_account(aapl):
    alice = open_account("alice@example.com", deposits="10000", at=MONDAY)
    buy(alice, aapl, "50", "100.00", at=MONDAY)
    closes(aapl, ["99.00"], first=midnight(TUESDAY))
    reprice(aapl, "110.00", at=MONDAY + timedelta(hours=11))  # Monday's close
    reprice(aapl, "121.00", at=WEDNESDAY)

    document = shown(alice, "performance", now=WEDNESDAY, period="1m")

    assert document == {
        "period": "1m",
        "benchmark": None,
        "start": text(MONDAY),
        "end": text(WEDNESDAY),
        "start_equity": "0.00",
        "end_equity": "11050.00",  # 5,000 and 50 × 121.00
        "net_deposits": "10000.00",
        "gain": "1050.00",
        "time_weighted_return": "0.105000",
        "money_weighted_return": "0.105000",
        "annualized_return": None,
        "volatility": None,
        "sharpe_ratio": None,
        "sortino_ratio": None,
        "max_drawdown": {
            "percent": "5.2381",  # (10,500 - 9,950) / 10,500
            "start": text(midnight(TUESDAY)),
            "trough": text(midnight(WEDNESDAY)),
            "recovered": text(WEDNESDAY),
        },
        "beta": None,
        "alpha": None,
        "benchmark_return": None,
        "calmar_ratio": None,
        "correlation": None,
        "tracking_error": None,
        "information_ratio": None,
        "best_day": None,
        "worst_day": None,
        "win_rate": None,
        "conventions": {
            "time_weighted_return": "valued_at_each_flow",
            "money_weighted_return": "actual_365",
            "periods_per_year": 365,
            "risk_free_rate": "0.000000",
        },
        "reasons": {
            "annualized_return": "less_than_a_year",
            "calmar_ratio": "less_than_a_year",
            "benchmark_return": "no_benchmark",
            **dict.fromkeys(OF_RISK, "fewer_than_20_days"),
        },
        "series": [
            {
                "time": text(at),
                "equity": equity,
                "net_deposits": "10000.00",
                "time_weighted_return": earned,
                "benchmark_return": None,
            }
            for at, equity, earned in [
                (MONDAY, "10000.00", "0.000000"),
                (midnight(TUESDAY), "10500.00", "0.050000"),  # 50 × 110.00
                (midnight(WEDNESDAY), "9950.00", "-0.005000"),  # 50 × 99.00
                (WEDNESDAY, "11050.00", "0.105000"),
            ]
        ],
    }


# Money that comes and goes -------------------------------------------------------------------


def test_without_any_money_there_is_nothing_to_tell():
    alice = open_account("alice@example.com", deposits="1", at=THURSDAY)

    document = shown(alice, "performance", now=WEDNESDAY)

    assert {name: document[name] for name in FIGURES} == dict.fromkeys(FIGURES)
    assert document["start"] is document["end"] is None
    assert document["series"] == []


def test_at_the_moment_of_the_first_deposit_there_is_no_return_yet():
    alice = open_account("alice@example.com", deposits="100", at=MONDAY)

    document = shown(alice, "performance", now=MONDAY)

    assert (document["end_equity"], document["gain"]) == ("100.00", "0.00")
    assert document["time_weighted_return"] is document["money_weighted_return"] is None
    assert len(document["series"]) == 1


@pytest.mark.parametrize("period", ["1d", "1w", "1m", "3m", "ytd", "1y", "all"])
def test_money_that_rests_has_earned_nothing(period):
    alice = open_account("alice@example.com", deposits="1000", at=NOW - timedelta(days=400))
    deposit(alice, "500", at=NOW - timedelta(hours=5))
    withdraw(alice, "200", at=NOW - timedelta(hours=3))

    document = shown(alice, "performance", period=period)

    assert document["end_equity"] == "1300.00"
    assert document["gain"] == "0.00"
    assert document["time_weighted_return"] == document["money_weighted_return"] == "0.000000"
    assert document["volatility"] == "0.000000"
    assert document["sharpe_ratio"] is document["max_drawdown"] is None
    assert set(column(document, "time_weighted_return")) == {"0.000000"}


def test_a_deposit_that_is_invested_changes_the_gain_but_not_the_time_weighted_return(aapl):
    alice = open_account("alice@example.com", deposits="1000", at=MONDAY)
    bob = open_account("bob@example.com", deposits="1000", at=MONDAY)
    for customer in (alice, bob):
        buy(customer, aapl, "10", "100.00", at=MONDAY)
    reprice(aapl, "109.99", at=TUESDAY - timedelta(seconds=20))
    deposit(bob, "5500", at=TUESDAY)
    place(bob, "buy", "50", symbol="AAPL", now=TUESDAY + timedelta(seconds=1))  # at 110.00
    reprice(aapl, "115.50", at=WEDNESDAY)

    hers = shown(alice, "performance", now=WEDNESDAY)
    his = shown(bob, "performance", now=WEDNESDAY)

    assert (hers["gain"], his["gain"]) == ("155.00", "430.00")
    assert hers["time_weighted_return"] == hers["money_weighted_return"] == "0.155000"
    # He bought a cent above the last price, 50 times: 0.50 of 6,600. Most of his money came for
    # the second, worse day only.
    assert float(his["time_weighted_return"]) == pytest.approx(0.155, abs=1e-4)
    assert float(his["money_weighted_return"]) == pytest.approx(0.116, abs=5e-3)


def test_a_deposit_is_weighed_at_the_price_of_its_minute_and_not_of_the_last_midnight(aapl):
    alice = open_account("alice@example.com", deposits="1000", at=MONDAY)
    buy(alice, aapl, "10", "100.00", at=MONDAY)
    reprice(aapl, "100.00", at=MONDAY + timedelta(hours=11))
    reprice(aapl, "150.00", at=TUESDAY - timedelta(seconds=20))
    deposit(alice, "8500", at=TUESDAY)
    reprice(aapl, "150.00", at=WEDNESDAY)

    document = shown(alice, "performance", now=WEDNESDAY)

    # All of it was earned before the deposit: 1,500 / 1,000, not 10,000 / 9,500.
    assert document["time_weighted_return"] == "0.500000"
    assert document["gain"] == "500.00"


def test_withdrawals_and_returned_deposits_are_not_losses(aapl):
    alice = open_account("alice@example.com", deposits="2000", at=MONDAY)
    withdraw(alice, "500", at=TUESDAY)
    deposit(alice, "-300", at=WEDNESDAY)

    document = shown(alice, "performance", now=THURSDAY)

    assert column(document, "equity") == ["2000.00", "2000.00", "1500.00", "1200.00", "1200.00"]
    assert column(document, "net_deposits") == column(document, "equity")
    assert document["net_deposits"] == "1200.00"
    assert document["time_weighted_return"] == "0.000000"
    assert document["max_drawdown"] is None


def test_a_withdrawal_that_is_pending_has_not_left_the_account():
    alice = open_account("alice@example.com", deposits="2000", at=MONDAY)
    withdraw(alice, "500", at=TUESDAY, settled=False)

    document = shown(alice, "performance", now=WEDNESDAY)

    assert (document["end_equity"], document["net_deposits"]) == ("2000.00", "2000.00")


def test_an_account_that_was_emptied_and_filled_again_keeps_its_return(aapl):
    alice = open_account("alice@example.com", deposits="1000", at=MONDAY)
    buy(alice, aapl, "10", "100.00", at=MONDAY)
    reprice(aapl, "110.00", at=MONDAY + timedelta(hours=1))
    place(alice, "sell", "10", symbol="AAPL", now=MONDAY + timedelta(hours=1))
    withdraw(alice, "1100", at=TUESDAY)
    deposit(alice, "700", at=WEDNESDAY)

    document = shown(alice, "performance", now=THURSDAY)

    assert document["time_weighted_return"] == "0.100000"
    assert (document["end_equity"], document["gain"]) == ("700.00", "100.00")


# Bonds ---------------------------------------------------------------------------------------


def test_a_bond_earns_its_interest_day_by_day():
    alice = open_account("alice@example.com", deposits="20000", at=MONDAY)
    set_quote(make_bond("ACME-2033"), "98.499", "98.500", size="100000", at=MONDAY)
    place(alice, "buy", "10000", symbol="ACME-2033", now=MONDAY)  # 9,850.00 and 180.00

    document = shown(alice, "performance", now=WEDNESDAY)

    # 6.00 / 360 × 100 = 1.67 a day; at last the bid is a tenth of a cent lower, 0.10.
    assert column(document, "equity") == ["20000.00", "20000.00", "20001.67", "20003.23"]


def test_the_last_point_is_the_equity_of_the_holdings(aapl):
    alice = open_account("alice@example.com", deposits="20000", at=MONDAY)
    buy(alice, aapl, "3.333333", "187.65", at=MONDAY)
    set_quote(make_bond("ACME-2033"), "98.401", "98.517", size="100000", at=MONDAY)
    place(alice, "buy", "7000", symbol="ACME-2033", now=MONDAY)
    place(alice, "buy", "1", symbol="AAPL", limit="20.00", now=MONDAY)

    for now in (MONDAY, WEDNESDAY, WEDNESDAY + timedelta(days=200)):
        history = shown(alice, "performance", now=now, period="all")
        assert history["end_equity"] == shown(alice, "holdings", now=now)["totals"]["equity"]


# Others --------------------------------------------------------------------------------------


def test_another_customers_money_and_trades_do_not_show(aapl):
    alice = open_account("alice@example.com", deposits="1000", at=MONDAY)
    bob = open_account("bob@example.com", deposits="5000", at=MONDAY)
    buy(bob, aapl, "10", "100.00", at=MONDAY)
    reprice(aapl, "200.00", at=TUESDAY)

    document = shown(alice, "performance", now=WEDNESDAY)

    assert set(column(document, "equity")) == {"1000.00"}
    assert document["gain"] == "0.00"


def test_what_no_price_is_known_of_counts_as_nothing(aapl):
    alice = open_account("alice@example.com", deposits="1000", at=NOW)
    give(alice, aapl.asset, "5")

    assert shown(alice, "performance", now=NOW + timedelta(days=2))["end_equity"] == "1000.00"


def test_a_history_takes_a_few_queries_however_long_it_is(django_assert_max_num_queries):
    from portfolio import performance
    from portfolio.periods import Period

    alice = open_account("alice@example.com", deposits="100000", at=NOW - timedelta(days=300))
    for number in range(5):
        instrument = make_instrument(f"S{number}")
        buy(alice, instrument, "10", "100.00", at=NOW - timedelta(days=200))
        closes(instrument, ["100.00"] * 180, first=NOW.replace(hour=0) - timedelta(days=190))

    with django_assert_max_num_queries(8):
        performance.performance(owner_id=alice.pk, period=Period.YEAR, benchmark=None, now=NOW)


@pytest.mark.parametrize(
    ("parameter", "value", "code"),
    [
        ("period", "2d", "invalid"),
        ("period", "", "invalid"),
        ("benchmark", "SPY", "unknown_symbol"),  # SPY itself, when it is asked for
        ("benchmark", "\x00", "invalid"),
        ("benchmark", "", "invalid"),
    ],
)
def test_a_bad_parameter_is_refused_and_named(parameter, value, code):
    alice = open_account("alice@example.com", deposits="1000", at=MONDAY)

    response = get(alice, "performance", **{parameter: value})

    assert_problem(response, status=400, code=code, field=parameter)
