"""Returns: textbook examples, and what is answered where there is no return."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio.rules import returns
from portfolio.rules.returns import NoRate, Point

START = datetime(2021, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
YEAR = timedelta(days=365)


def day(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def points(*values):
    """A point a day, from (equity, flow)."""
    return [
        Point(START + number * DAY, Decimal(equity), Decimal(flow))
        for number, (equity, flow) in enumerate(values)
    ]


def period(before, after, *, length):
    """A period without flows, in which one equity became the other."""
    return {
        "start": START,
        "start_equity": Decimal(before),
        "end": START + length,
        "end_equity": Decimal(after),
    }


def money_weighted(flows, *, end, end_equity, start=START, start_equity=0):
    return returns.money_weighted_return(
        [(at, Decimal(amount)) for at, amount in flows],
        start=start,
        start_equity=Decimal(start_equity),
        end=end,
        end_equity=Decimal(end_equity),
    )


# Kaplan Schweser, CFA Program level I, "Money-Weighted and Time-Weighted Rates of Return": a share
# is bought for $100, and another a year later for $120; both are sold after two years at $130. At
# the end of either year each share pays a dividend of $2. Of the second share $2 are paid by the
# first dividend, $118 come from outside.


def test_a_textbook_agrees_on_the_time_weighted_return():
    # Holding period returns of 22 % and 10 %; 15.84 % a year.
    history = [
        Point(START, Decimal(100), Decimal(100)),
        Point(START + YEAR, Decimal(240), Decimal(118)),
        Point(START + 2 * YEAR, Decimal(264), Decimal(0)),
    ]

    total = returns.time_weighted_return(history)

    assert total is not None
    assert total == pytest.approx(1.22 * 1.10 - 1)
    annual = returns.annualized(total, start=START, end=START + 2 * YEAR)
    assert annual == pytest.approx(0.1584, abs=5e-5)


def test_a_textbook_agrees_on_the_money_weighted_return():
    rate = money_weighted(
        [(START + YEAR, 118)], start_equity=100, end=START + 2 * YEAR, end_equity=264
    )

    assert rate == pytest.approx(0.1386, abs=5e-5)


# CFA Institute, CFA Program curriculum 2024, level I, "Rates and Returns": portfolios that are
# valued at each external flow, as its GIPS standards ask for.


@pytest.mark.parametrize(
    ("quarters", "expected"),
    [
        # Example 9, Strubeck Corporation: what came at the start of a quarter, and the value at
        # its end.
        (
            [
                (5_000_000, 6_000_000),
                (-500_000, 5_775_000),
                (225_000, 6_720_000),
                (-600_000, 5_508_000),
            ],
            0.2701,
        ),
        (
            [
                (12_000_000, 13_200_000),
                (-1_200_000, 12_240_000),
                (-7_000_000, 5_659_200),
                (-400_000, 5_469_568),
            ],
            0.2602,
        ),
    ],
)
def test_flows_at_the_start_of_quarters_are_linked_as_in_the_cfa_curriculum(quarters, expected):
    history, worth = [], 0
    for number, (flow, end) in enumerate(quarters):
        history.append(Point(START + 91 * number * DAY, Decimal(worth + flow), Decimal(flow)))
        worth = end
    history.append(Point(START + YEAR, Decimal(worth), Decimal(0)))

    assert returns.time_weighted_return(history) == pytest.approx(expected, abs=5e-5)
    cents = [int(100 * point.equity) for point in history]
    flows = [int(100 * point.flow) for point in history]
    assert returns.twr_of_cents(cents, flows)[-1] == pytest.approx(expected, abs=5e-5)


def test_both_returns_of_one_fund_are_those_of_the_cfa_curriculum():
    # Example 10, Walbright Fund: 100 million, 112 on 1 May when 20 more come, 142.64 at the end.
    may = START + YEAR / 3
    history = [
        Point(START, Decimal(100), Decimal(0)),
        Point(may, Decimal(132), Decimal(20)),
        Point(START + YEAR, Decimal("142.64"), Decimal(0)),
    ]

    assert returns.time_weighted_return(history) == pytest.approx(0.2103, abs=5e-5)
    rate = money_weighted(
        [(may, 20)], start_equity=100, end=START + YEAR, end_equity=Decimal("142.64")
    )
    # The book rounds the rate of four months to 6.28 % and then annualizes it: 20.05 %.
    assert rate == pytest.approx(1.0628**3 - 1, abs=2e-4)


def test_excel_agrees_on_the_money_weighted_return():
    # Microsoft, "XIRR function": the example of its documentation, 0.373362535. What is received
    # on the last day is the equity at the end.
    rate = money_weighted(
        [
            (day("2008-01-01"), 10_000),
            (day("2008-03-01"), -2_750),
            (day("2008-10-30"), -4_250),
            (day("2009-02-15"), -3_250),
        ],
        start=day("2008-01-01"),
        end=day("2009-04-01"),
        end_equity=2_750,
    )

    assert rate == pytest.approx(0.373362535, abs=1e-8)


def test_a_deposit_is_not_a_gain_and_a_withdrawal_not_a_loss():
    history = points((100, 0), (1100, 1000), (1210, 0), (210, -1000))

    assert returns.time_weighted_return(history) == pytest.approx(0.10)


def test_a_flow_counts_as_coming_at_the_end_of_its_interval():
    # 100 became 110 and then 90 came: 10 % and not 200/190 - 1.
    assert returns.time_weighted_return(points((100, 0), (200, 90))) == pytest.approx(0.10)


def test_the_flow_of_the_first_point_is_not_looked_at():
    assert returns.time_weighted_return(points((100, 100), (105, 0))) == pytest.approx(0.05)


def test_a_time_without_money_contributes_nothing():
    history = points((0, 0), (100, 100), (110, 0), (0, -110), (0, 0), (50, 50), (55, 0))

    assert returns.time_weighted_return(history) == pytest.approx(1.1 * 1.1 - 1)
    assert returns.twr_series(history) == pytest.approx([0, 0, 0.1, 0.1, 0.1, 0.1, 0.21])


@pytest.mark.parametrize(
    "history",
    [
        [],
        points((100, 0)),
        points((0, 0), (0, 0)),
        points((0, 0), (100, 100)),  # came at the end of the interval: there is no return yet
        points((-5, 0), (100, 0)),
        points((100, 0), (-5, 0)),
        points((100, 0), (-5, 0), (100, 0), (110, 0)),
        points((-5, 0), (-10, 0), (100, 110), (110, 0)),
        points((1, 0), (10**200, 0), (1, 1 - 10**200), (10**200, 0)),  # more than a float holds
    ],
)
def test_a_time_weighted_return_that_cannot_be_had_is_none(history):
    assert returns.time_weighted_return(history) is None


def test_a_series_has_no_returns_from_the_interval_on_that_has_none():
    history = points((100, 0), (110, 0), (-5, 0), (100, 105), (110, 0))

    assert returns.twr_series(history) == [0, pytest.approx(0.1), None, None, None]


def test_a_series_of_nothing_is_empty_and_of_one_point_is_zero():
    assert returns.twr_series([]) == []
    assert returns.twr_series(points((100, 100))) == [0]


def test_a_total_loss_is_a_hundred_percent_whatever_comes_after():
    assert returns.time_weighted_return(points((100, 0), (0, 0), (50, 50), (60, 0))) == -1


def test_points_out_of_order_are_an_error():
    with pytest.raises(ValueError, match="in order of time"):
        returns.time_weighted_return(points((100, 0), (110, 0))[::-1])


@given(st.lists(st.tuples(st.floats(-0.5, 1), st.integers(0, 10**6)), min_size=1, max_size=20))
def test_deposits_do_not_change_the_time_weighted_return(moves):
    equity, history = Decimal(1000), [Point(START, Decimal(1000), Decimal(0))]
    for number, (move, deposit) in enumerate(moves, start=1):
        equity = equity * (1 + Decimal(move)) + deposit
        history.append(Point(START + number * DAY, equity, Decimal(deposit)))

    expected = math.prod(1 + move for move, _ in moves) - 1
    assert returns.time_weighted_return(history) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert returns.twr_series(history)[-1] == returns.time_weighted_return(history)


@given(
    st.floats(-0.9, 10),
    st.lists(st.tuples(st.integers(0, 999), st.integers(1, 10**6)), min_size=1, max_size=10),
)
def test_money_that_grew_at_a_rate_has_that_money_weighted_return(rate, deposits):
    end = START + 1000 * DAY
    grown = sum(amount * (1 + rate) ** ((1000 - at) / 365) for at, amount in deposits)

    found = money_weighted(
        [(START + at * DAY, amount) for at, amount in deposits], end=end, end_equity=grown
    )

    assert found == pytest.approx(rate, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("years", [0.01, 0.5, 1, 7, 90])
@pytest.mark.parametrize("end_equity", [1, 99, 100, 101, 5000])
def test_without_flows_both_returns_are_those_of_the_equity(years, end_equity):
    growth = end_equity / 100
    length = years * YEAR

    whole = returns.money_weighted_period_return([], **period(100, end_equity, length=length))
    annual = returns.money_weighted_return([], **period(100, end_equity, length=length))

    assert whole == pytest.approx(growth - 1, abs=1e-12)
    expected = growth ** (1 / years) - 1
    inside = returns.LOWEST_RATE < expected < returns.HIGHEST_RATE
    assert annual == (pytest.approx(expected, abs=1e-9) if inside else NoRate.NO_ROOT)


@pytest.mark.parametrize("exponent", range(-250, 251, 20))
def test_a_rate_far_from_zero_is_found_too(exponent):
    a_lifetime = period(100, Decimal(100).scaleb(exponent), length=90 * YEAR)

    rate = returns.money_weighted_return([], **a_lifetime)

    assert rate == pytest.approx(10 ** (exponent / 90) - 1, rel=1e-9)


def two_years(first, second, third):
    """The rate of a deposit, and of what came or went a year and two years later."""
    return money_weighted(
        [(START, first), (START + YEAR, second), (START + 2 * YEAR, third)],
        end=START + 2 * YEAR,
        end_equity=0,
    )


def test_where_several_rates_fit_none_is_given():
    # 100 - 230/(1+r) + 132/(1+r)^2 = 0 has the roots 10 % and 20 %.
    assert two_years(100, -230, 132) is NoRate.SEVERAL_ROOTS
    # (1 - 1.1 v)(1 - v/1.1) and (1 - v)(1 - 1.2 v): on both sides of no growth, and at it.
    assert two_years(1100, -2210, 1100) is NoRate.SEVERAL_ROOTS
    assert two_years(100, -220, 120) is NoRate.SEVERAL_ROOTS


def test_flows_that_alternate_have_a_rate_if_only_one_fits():
    rate = money_weighted(
        [(START, 100), (START + YEAR, -20), (START + 2 * YEAR, 30)],
        end=START + 3 * YEAR,
        end_equity=133,
    )

    left = 100 - 20 / (1 + rate) + 30 / (1 + rate) ** 2 - 133 / (1 + rate) ** 3
    assert left == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("flows", "end_equity", "reason"),
    [
        ([], 0, NoRate.ONE_DIRECTION),  # nothing at all
        ([], 100, NoRate.ONE_DIRECTION),  # something out of nothing
        ([(0, 100)], 0, NoRate.ONE_DIRECTION),  # all lost: -100 % is no root, only a limit
        ([(1, 100)], 100, NoRate.ONE_DIRECTION),  # came in the instant it was looked at
        ([(1, 100)], 105, NoRate.ONE_DIRECTION),
        ([(0, 100), (0.5, -50)], -60, NoRate.NO_ROOT),  # the roots are not real
    ],
)
@pytest.mark.parametrize("years", [1, 90])
def test_a_money_weighted_return_that_cannot_be_had_says_why(flows, end_equity, reason, years):
    end = START + years * YEAR
    dated = [(START + when * years * YEAR, amount) for when, amount in flows]

    assert money_weighted(dated, end=end, end_equity=end_equity) is reason


def test_a_period_without_length_has_no_money_weighted_return():
    instant = period(1, 2, length=0 * DAY)

    assert returns.money_weighted_return([], **instant) is NoRate.NO_TIME
    assert returns.money_weighted_period_return([], **instant) is NoRate.NO_TIME


def test_a_quick_gain_has_a_return_of_its_period_but_no_absurd_annual_one():
    # 10 % in a day: 1.1^365 - 1 is 1.3e15.
    a_day = period(100, 110, length=DAY)

    assert returns.money_weighted_return([], **a_day) is NoRate.NO_ROOT
    assert returns.money_weighted_period_return([], **a_day) == pytest.approx(0.10)


def test_a_flow_outside_of_the_period_is_an_error():
    for at in (START - DAY, START + YEAR + DAY):
        with pytest.raises(ValueError, match="outside of the period"):
            money_weighted([(at, 100)], end=START + YEAR, end_equity=100)


def test_a_return_over_two_years_is_annualized_by_its_square_root():
    assert returns.annualized(0.21, start=START, end=START + 2 * YEAR) == pytest.approx(0.10)
    assert returns.annualized(-0.19, start=START, end=START + 2 * YEAR) == pytest.approx(-0.10)
    assert returns.annualized(-1.0, start=START, end=START + 2 * YEAR) == -1


def test_a_return_under_a_year_is_not_annualized():
    # GIPS for Firms, 2020, 2.A.12: "Returns for periods of less than one year must not be
    # annualized."
    assert returns.annualized(0.10, start=START, end=START + 364 * DAY) is None
    assert returns.annualized(0.10, start=START, end=START + 365 * DAY) == pytest.approx(0.10)


@pytest.mark.parametrize("total", [math.nan, math.inf, -1.5])
def test_what_is_no_return_is_not_annualized(total):
    assert returns.annualized(total, start=START, end=START + 2 * YEAR) is None
