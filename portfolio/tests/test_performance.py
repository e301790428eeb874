"""Performance: the equity of an account over time, and what follows from it."""

import statistics
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import sqrt

import pytest

from authentication.tests.problems import assert_problem
from exchange.models import Interval
from exchange.tests.market import NOW, advance, give, make_bond, make_instrument, place, set_quote
from exchange.tests.market import tick as tick_of
from portfolio.tests.accounts import (
    buy,
    closes,
    deposit,
    get,
    open_account,
    reprice,
    shown,
    withdraw,
)

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TUESDAY, WEDNESDAY, THURSDAY = (MONDAY + timedelta(days=days) for days in (1, 2, 3))
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
RISK = ["volatility", "sharpe_ratio", "sortino_ratio", "beta", "alpha"]


@pytest.fixture
def aapl():
    return make_instrument("AAPL")


def midnight(day):
    return day.replace(hour=0)


def text(at):
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def column(document, name):
    return [point[name] for point in document["series"]]


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


# Periods -------------------------------------------------------------------------------------


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


# A benchmark ---------------------------------------------------------------------------------


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
