"""Figures of risk: published examples, figures worked out by hand, and None where there is none."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio.rules import risk

# Bodie, Kane & Marcus, Investments, 8th ed. 2009, spreadsheet 5.2: annual holding-period returns of
# the S&P 500, 2001-2005. Arithmetic average 0.0210, standard deviation (Excel's STDEV) 0.1983.
SP500 = [-0.1189, -0.2210, 0.2869, 0.1088, 0.0491]

# Bacon, Practical Portfolio Performance Measurement and Attribution, 2nd ed. 2008, chapter 4: 24
# monthly returns (%), as distributed with the R package PerformanceAnalytics (portfolio_bacon),
# whose vignette "Performance Attribution from Bacon" gives the book's results.
BACON = [
    (0.3, 0.2), (2.6, 2.5), (1.1, 1.8), (-1.0, -1.1), (1.5, 1.4), (2.5, 1.8), (1.6, 1.4),
    (6.7, 6.5), (-1.4, -1.5), (4.0, 4.2), (-0.5, -0.6), (8.1, 8.3), (4.0, 3.9), (-3.7, -3.8),
    (-6.1, -6.2), (1.7, 1.5), (-4.9, -4.8), (-2.2, 2.1), (7.0, 6.0), (5.8, 5.6), (-6.5, -6.7),
    (2.4, 1.9), (-0.5, -0.3), (-0.9, 0.0),
]  # fmt: skip
BACON_PORTFOLIO = [portfolio / 100 for portfolio, _ in BACON]
BACON_BENCHMARK = [benchmark / 100 for _, benchmark in BACON]

# F.J. Anscombe, "Graphs in Statistical Analysis", The American Statistician 27 (1), 1973: the first
# of four sets with the regression line y = 3 + 0.5 x (more exactly 3.0001 and 0.5001).
ANSCOMBE_X = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
ANSCOMBE_Y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]

START = datetime(2000, 12, 31, tzinfo=UTC)


def month(number):
    return START + timedelta(days=30 * number)


def wealth(*values):
    return [month(number) for number in range(len(values))], values


def largest_fall(points):
    fall = risk.max_drawdown(*points)
    assert fall is not None
    return fall


def test_volatility_agrees_with_a_textbook():
    assert risk.volatility(SP500, periods_per_year=1) == pytest.approx(0.1983, abs=5e-5)


def test_volatility_grows_with_the_root_of_time():
    # Deviations of 1 % and -1 % about 0: s = sqrt(2 * 0.0001 / 1); times sqrt(252).
    expected = math.sqrt(0.0002) * math.sqrt(252)
    assert risk.volatility([0.01, -0.01], periods_per_year=252) == pytest.approx(expected)


def test_the_volatilities_of_portfolio_and_benchmark_have_the_ratio_that_bacon_gives():
    # "Fama beta", the ratio of the two standard deviations: 1.03.
    portfolio = risk.volatility(BACON_PORTFOLIO, periods_per_year=12)
    benchmark = risk.volatility(BACON_BENCHMARK, periods_per_year=12)

    assert portfolio is not None
    assert benchmark is not None
    assert portfolio / benchmark == pytest.approx(1.03, abs=5e-3)


def test_returns_that_are_all_equal_have_no_volatility_and_no_ratio():
    # 1.01^(n+1) / 1.01^n - 1 is 0.01 but for the last bits, which would make a ratio of 10^13.
    steady = [1.01 ** (n + 1) / 1.01**n - 1 for n in range(50)]

    assert risk.volatility(steady, periods_per_year=12) == pytest.approx(0, abs=1e-12)
    assert risk.sharpe_ratio(steady, periods_per_year=12) is None
    assert risk.sortino_ratio(steady, periods_per_year=12, risk_free=0.12) is None
    assert risk.beta(BACON_PORTFOLIO, [0.01] * 24) is None
    assert risk.alpha(BACON_PORTFOLIO, [0.01] * 24, periods_per_year=12) is None


def test_the_sharpe_ratio_is_mean_over_deviation():
    # From the textbook's average and standard deviation: 0.0210 / 0.1983.
    assert risk.sharpe_ratio(SP500, periods_per_year=1) == pytest.approx(0.0210 / 0.1983, abs=5e-4)


def test_the_sharpe_ratio_takes_the_risk_free_rate_in_equal_parts_and_is_a_year():
    # Monthly returns of 3 %, 1 % and 2 %, and 12 % a year, 1 % a month, free of risk: excess
    # returns of 2 %, 0 and 1 % have a mean of 1 % and s = sqrt((1 + 1 + 0) / 2) = 1 %.
    ratio = risk.sharpe_ratio([0.03, 0.01, 0.02], periods_per_year=12, risk_free=0.12)

    assert ratio == pytest.approx(1 * math.sqrt(12))


def test_the_sortino_ratio_agrees_with_its_authors_example():
    # Rollinger & Hoffman, "Sortino: A 'Sharper' Ratio", Red Rock Capital, 2013: average 10 %,
    # downside deviation sqrt((5^2 + 4^2) / 8) = 2.264 %, ratio 4.417.
    annual = [0.17, 0.15, 0.23, -0.05, 0.12, 0.09, 0.13, -0.04]

    assert risk.sortino_ratio(annual, periods_per_year=1) == pytest.approx(4.417, abs=5e-4)


def test_the_sortino_ratio_agrees_with_bacon():
    # Minimum acceptable return 0.5 % a month: downside deviation 0.0255, ratio 0.157 a month (in
    # the vignette as kappa of order 2, which is the Sortino ratio).
    ratio = risk.sortino_ratio(BACON_PORTFOLIO, periods_per_year=12, risk_free=0.06)

    assert ratio == pytest.approx(0.157 * math.sqrt(12), abs=2e-3)


def test_without_a_return_below_the_target_there_is_no_sortino_ratio():
    assert risk.sortino_ratio([0.01, 0.02, 0.0], periods_per_year=12) is None


def test_beta_and_alpha_are_the_regression_line():
    assert risk.beta(ANSCOMBE_Y, ANSCOMBE_X) == pytest.approx(0.5001, abs=5e-5)
    intercept = risk.alpha(ANSCOMBE_Y, ANSCOMBE_X, periods_per_year=1)
    assert intercept == pytest.approx(3.0001, abs=5e-5)


def test_alpha_is_what_is_left_beyond_beta_a_year():
    # Excess returns of exactly 0.1 % + 1.5 * the benchmark's, 0.2 % a month being free of risk:
    # beta 1.5, alpha 12 * 0.1 %.
    market = [0.02, -0.01, 0.03, 0.00]
    own = [0.002 + 0.001 + 1.5 * (r - 0.002) for r in market]

    assert risk.beta(own, market) == pytest.approx(1.5)
    assert risk.alpha(own, market, periods_per_year=12, risk_free=0.024) == pytest.approx(0.012)


def test_correlation_agrees_with_anscombe():
    # R^2 = 0.667 in his paper, and r = 0.816.
    assert risk.correlation(ANSCOMBE_Y, ANSCOMBE_X) == pytest.approx(math.sqrt(0.667), abs=5e-4)
    assert risk.correlation([1, 2, 3], [-1, -2, -3]) == -1
    assert risk.correlation([1, 1, 1], [1, 2, 3]) is risk.correlation([1, 2, 3], [1, 1, 1]) is None


def test_the_information_ratio_is_the_active_return_over_the_tracking_error():
    own, market = [0.03, 0.01, 0.02], [0.01, 0.01, 0.01]  # beyond it: 2 %, 0, 1 %
    error = risk.tracking_error(own, market, periods_per_year=4)
    assert error is not None
    assert error == pytest.approx(0.01 * 2)
    assert risk.information_ratio(own, market, periods_per_year=4) == pytest.approx(
        0.01 * 4 / error
    )
    assert risk.information_ratio(market, market, periods_per_year=4) is None
    assert risk.tracking_error(market, market, periods_per_year=4) == 0


def test_the_calmar_ratio_is_a_years_return_for_each_unit_of_the_largest_fall():
    assert risk.calmar_ratio(0.3, largest_fall(wealth(1, 0.8, 2))) == pytest.approx(1.5)
    assert risk.calmar_ratio(math.inf, largest_fall(wealth(1, 0.8, 2))) is None


def test_the_win_rate_leaves_out_what_did_not_move():
    assert risk.win_rate([0.1, 0, -0.1, 1e-16, 0.2, 0.3]) == 0.75
    assert risk.win_rate([0, 0]) is risk.win_rate([]) is None


def test_the_benchmark_against_itself_has_a_beta_of_one_and_no_alpha():
    assert risk.beta(BACON_BENCHMARK, BACON_BENCHMARK) == pytest.approx(1)
    alpha = risk.alpha(BACON_BENCHMARK, BACON_BENCHMARK, periods_per_year=12, risk_free=0.03)
    assert alpha == pytest.approx(0, abs=1e-12)


def test_cash_has_a_beta_of_zero():
    assert risk.beta([0.0] * 24, BACON_BENCHMARK) == 0


@pytest.mark.parametrize("figure", [risk.tracking_error, risk.information_ratio])
def test_an_active_return_needs_pairs(figure):
    with pytest.raises(ValueError, match="one of the benchmark"):
        figure([0.1, 0.2], [0.1], periods_per_year=12)


def test_a_benchmark_of_another_length_is_an_error():
    with pytest.raises(ValueError, match="2 and 3"):
        risk.beta([0.01, 0.02], [0.01, 0.02, 0.03])


def test_the_largest_fall_of_bacons_portfolio():
    # From its peak after month 13, five months on: 1 - 0.963 * 0.939 * 1.017 * 0.951 * 0.978
    # = 14.467 %. Two months of +7.0 % and +5.8 % are not enough to recover before it falls again.
    index = [1.0]
    for change in BACON_PORTFOLIO:
        index.append(index[-1] * (1 + change))

    fall = largest_fall(wealth(*index))

    assert fall.percent == pytest.approx(14.467, abs=5e-4)
    assert (fall.start, fall.trough, fall.recovered) == (month(13), month(18), None)


def test_a_fall_is_measured_from_its_own_peak_and_recovers_when_that_is_reached():
    # 100 to 80 is 20 %, 120 to 90 is 25 %, and 200 to 160 is the most dollars, but 20 % again.
    fall = risk.max_drawdown(*wealth(100, 80, 120, 110, 90, 115, 120, 200, 160))

    assert fall == risk.Drawdown(percent=25.0, start=month(2), trough=month(4), recovered=month(6))


def test_of_equal_falls_the_first_is_told():
    assert largest_fall(wealth(100, 50, 100, 50)).trough == month(1)


def test_a_peak_that_lasts_ends_at_its_last_point():
    assert largest_fall(wealth(90, 100, 100, 50)).start == month(2)


def test_losing_everything_is_a_fall_of_a_hundred_percent():
    assert risk.max_drawdown(*wealth(1, 2, 0, 0)) == risk.Drawdown(100.0, month(1), month(2), None)


@pytest.mark.parametrize(
    "history",
    [
        wealth(),
        wealth(100),
        wealth(100, 100, 101),  # never falls
        wealth(1, 1 - 1e-15, 1),  # rounding, not a fall
        wealth(100, math.nan, 90),
        wealth(100, math.inf, 90),
        wealth(100, -5),
        wealth(0, 100, 90),
    ],
)
def test_without_a_fall_to_tell_there_is_none(history):
    assert risk.max_drawdown(*history) is None


def every_figure(returns, benchmark):
    year = {"periods_per_year": 252}
    return [
        risk.volatility(returns, **year),
        risk.sharpe_ratio(returns, **year, risk_free=0.04),
        risk.sortino_ratio(returns, **year, risk_free=0.04),
        risk.beta(returns, benchmark),
        risk.alpha(returns, benchmark, **year, risk_free=0.04),
        risk.correlation(returns, benchmark),
        risk.tracking_error(returns, benchmark, **year),
        risk.information_ratio(returns, benchmark, **year),
    ]


@pytest.mark.parametrize(
    "returns",
    [[], [0.05], [0.01, math.nan, 0.02], [0.01, math.inf], [0.01, -math.inf], [1e200, -1e200]],
)
def test_too_few_or_absurd_returns_have_no_figures(returns):
    benchmark = [0.01 * number for number in range(len(returns))]

    assert every_figure(returns, benchmark) == [None] * 8


def test_an_absurd_benchmark_has_no_beta_and_no_alpha():
    for absurd in (math.nan, math.inf, 1e200):
        assert risk.beta([0.01, 0.02], [0.01, absurd]) is None
        assert risk.alpha([0.01, 0.02], [0.01, absurd], periods_per_year=12) is None


@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=8))
def test_no_figure_is_ever_nan_or_infinite(pairs):
    figures = every_figure([own for own, _ in pairs], [market for _, market in pairs])

    assert all(figure is None or math.isfinite(figure) for figure in figures)


@given(st.lists(st.floats(min_value=0.01, max_value=1e6), min_size=2, max_size=30))
def test_no_other_fall_is_larger_than_the_largest(values):
    fall = risk.max_drawdown(*wealth(*values))

    deepest = max(
        100 * (1 - later / earlier)
        for place, earlier in enumerate(values)
        for later in values[place:]
    )
    assert (fall.percent if fall else 0) == pytest.approx(deepest, abs=1e-9)
