"""Returns and risk as four libraries see them, on real prices. Run by `make test-oracle`.

Where a definition is the same, figures agree to 1e-10. Where it is not, a test shows on which input
and by how much: the table in docs/portfolio.md.
"""

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from portfolio.rules import returns, risk

empyrical = pytest.importorskip("empyrical")
ffn = pytest.importorskip("ffn")
pyxirr = pytest.importorskip("pyxirr")
qs = pytest.importorskip("quantstats").stats
pd = pytest.importorskip("pandas")

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore"),
]

YEAR = 252
CLOSE = 1e-10


def real_prices(name):
    from bokeh_sampledata import stocks

    found = dict(getattr(stocks, name))
    return pd.Series(found["adj_close"], pd.to_datetime(found["date"])).astype(float).sort_index()


@pytest.fixture(scope="module", params=["AAPL", "GOOG", "MSFT"])
def prices(request):
    """A stock, and IBM beside it as its benchmark, on the days that both have."""
    both = pd.concat([real_prices(request.param), real_prices("IBM")], axis=1, join="inner")
    return both[0], both[1]


@pytest.fixture
def moves(prices):
    own, market = (each.pct_change().dropna() for each in prices)
    return own, market


def close(value):
    return pytest.approx(value, rel=CLOSE, abs=CLOSE)


# Agreement ------------------------------------------------------------------------------------


def test_volatility(moves):
    own, _ = moves
    mine = risk.volatility(list(own), periods_per_year=YEAR)
    assert mine == close(empyrical.annual_volatility(own))
    assert mine == close(qs.volatility(own))


def test_sharpe_ratio(moves):
    own, _ = moves
    mine = risk.sharpe_ratio(list(own), periods_per_year=YEAR)
    assert mine == close(empyrical.sharpe_ratio(own))
    assert mine == close(qs.sharpe(own))
    assert mine == close(ffn.calc_sharpe(own, nperiods=YEAR))


def test_sortino_ratio(moves):
    own, _ = moves
    mine = risk.sortino_ratio(list(own), periods_per_year=YEAR)
    assert mine == close(empyrical.sortino_ratio(own))
    assert mine == close(qs.sortino(own))
    assert mine == close(ffn.calc_sortino_ratio(own, nperiods=YEAR))


def test_ratios_with_a_risk_free_rate_that_is_taken_in_equal_parts(moves):
    own, _ = moves
    rate = {"periods_per_year": YEAR, "risk_free": 0.03}
    assert risk.sharpe_ratio(list(own), **rate) == close(
        empyrical.sharpe_ratio(own, risk_free=0.03 / YEAR)
    )
    assert risk.sortino_ratio(list(own), **rate) == close(
        empyrical.sortino_ratio(own, required_return=0.03 / YEAR)
    )


def test_beta_and_alpha(moves):
    own, market = moves
    beta = risk.beta(list(own), list(market))
    assert beta == close(empyrical.beta(own, market))
    assert beta == close(qs.greeks(own, market)["beta"])
    alpha = risk.alpha(list(own), list(market), periods_per_year=YEAR)
    assert alpha == close(qs.greeks(own, market, periods=YEAR)["alpha"])


def test_figures_beside_the_benchmark(moves):
    own, market = moves
    mine = list(own), list(market)
    assert risk.correlation(*mine) == close(own.corr(market))
    assert risk.correlation(*mine) == close(math.sqrt(qs.r_squared(own, market)))
    error = risk.tracking_error(*mine, periods_per_year=YEAR)
    assert error == close(empyrical.annual_volatility(own - market))
    ratio = risk.information_ratio(*mine, periods_per_year=YEAR)
    assert ratio == close(empyrical.sharpe_ratio(own - market))
    # These leave it as it is of one period.
    for other in (
        empyrical.excess_sharpe(own, market),
        qs.information_ratio(own, market),
        ffn.calc_information_ratio(own, market),
    ):
        assert ratio == close(other * math.sqrt(YEAR))


def test_win_rate(moves):
    assert risk.win_rate(list(moves[0])) == close(qs.win_rate(moves[0]))


def test_largest_drawdown_and_its_dates(prices, moves):
    own, _ = prices
    found = risk.max_drawdown(list(own.index), list(own))
    assert found is not None
    assert -found.percent / 100 == close(empyrical.max_drawdown(moves[0]))
    assert -found.percent / 100 == close(qs.max_drawdown(own))
    assert -found.percent / 100 == close(ffn.calc_max_drawdown(own))
    details = ffn.drawdown_details(ffn.to_drawdown_series(own))
    worst = details.loc[details["drawdown"].astype(float).idxmin()]
    # There a drawdown begins with the first day below the peak, and one that goes on ends today.
    assert worst["Start"] == own.index[own.index.get_loc(found.start) + 1]
    assert worst["End"] == (found.recovered or own.index[-1])


def test_return_of_the_whole_period(prices, moves):
    own, _ = prices
    points = [returns.Point(at, Decimal(price), Decimal(0)) for at, price in own.items()]
    mine = returns.time_weighted_return(points)
    assert mine == close(empyrical.cum_returns_final(moves[0]))
    assert mine == close(qs.comp(moves[0]))
    assert mine == close(ffn.calc_total_return(own))


def money_weighted(flows):
    """Ours, of flows seen from the investor as pyxirr takes them: the last one is what came out."""
    *before, (end, received) = flows
    start, paid = before[0]
    return returns.money_weighted_return(
        [(at, -amount) for at, amount in before[1:]],
        start=start,
        start_equity=-paid,
        end=end,
        end_equity=received,
    )


def rate_of(flows):
    return pyxirr.xirr([at.date() for at, _ in flows], [float(amount) for _, amount in flows])


def test_excels_example_of_a_money_weighted_return():
    # Microsoft, "XIRR function": 0.373362535.
    dates = ((2008, 1, 1), (2008, 3, 1), (2008, 10, 30), (2009, 2, 15), (2009, 4, 1))
    amounts = (-10_000, 2_750, 4_250, 3_250, 2_750)
    flows = [
        (datetime(*day, tzinfo=UTC), Decimal(each))
        for day, each in zip(dates, amounts, strict=True)
    ]
    assert money_weighted(flows) == close(rate_of(flows))
    assert rate_of(flows) == pytest.approx(0.373362535, abs=1e-8)


deposits = st.lists(
    st.tuples(st.integers(1, 3000), st.decimals(Decimal(-900), Decimal(5000), places=2)),
    max_size=8,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(deposits, st.decimals(Decimal(1), Decimal(60_000), places=2))
def test_money_weighted_return_where_only_one_rate_fits(later, received):
    start = datetime(2015, 1, 1, tzinfo=UTC)
    flows = [(start, Decimal(-1000)), *((start + timedelta(each), -cash) for each, cash in later)]
    flows = [*sorted(flows), (start + timedelta(3650), received)]
    signs = [cash > 0 for _, cash in flows if cash]
    changes = sum(before != after for before, after in pairwise(signs))
    assume(changes == 1)  # more than one rate may fit otherwise
    mine = money_weighted(flows)
    assume(not isinstance(mine, returns.NoRate))  # out of bounds
    found = rate_of(flows)
    if found is None:  # it finds no rate after a heavy loss
        assert mine < -0.9
    else:
        assert mine == pytest.approx(found, rel=1e-8, abs=1e-8)


# Differences ----------------------------------------------------------------------------------


def test_a_risk_free_rate_of_a_year_is_a_root_in_two_libraries(moves):
    own, _ = moves
    mine = risk.sharpe_ratio(list(own), periods_per_year=YEAR, risk_free=0.03)
    per_day = 1.03 ** (1 / YEAR) - 1
    rooted = risk.sharpe_ratio(list(own), periods_per_year=YEAR, risk_free=per_day * YEAR)
    assert qs.sharpe(own, rf=0.03) == close(rooted)
    assert ffn.calc_sharpe(own, rf=0.03, nperiods=YEAR) == close(rooted)
    assert rooted is not None
    assert mine is not None
    assert rooted - mine == pytest.approx(0.0012, abs=0.0006)


def test_alpha_is_compounded_in_empyrical(moves):
    own, market = moves
    mine = risk.alpha(list(own), list(market), periods_per_year=YEAR)
    assert mine is not None
    assert empyrical.alpha(own, market) == close((1 + mine / YEAR) ** YEAR - 1)


def test_a_year_has_252_sessions_365_or_365_and_a_quarter_days(prices, moves):
    own, _ = prices
    total, start, end = own.iloc[-1] / own.iloc[0] - 1, own.index[0], own.index[-1]
    mine = returns.annualized(total, start=start, end=end)
    days = (end - start).days
    assert mine == close((1 + total) ** (365 / days) - 1)
    assert ffn.calc_cagr(own) == close((1 + total) ** (365.25 / days) - 1)
    sessions = (1 + total) ** (YEAR / len(moves[0])) - 1
    assert empyrical.cagr(moves[0]) == close(sessions)
    assert qs.cagr(moves[0]) == close(sessions)


def series(values):
    return pd.Series(values, pd.bdate_range("2024-01-01", periods=len(values)))


def test_a_short_gain_is_annualized_elsewhere():
    # 1 % a day for five days.
    gained = series([0.01] * 5)
    assert empyrical.cagr(gained) == pytest.approx(11.27, abs=0.01)
    start, end = gained.index[0], gained.index[-1]
    assert returns.annualized(1.01**5 - 1, start=start, end=end) is None


def test_returns_without_spread_have_no_ratio_here():
    steady = series([0.01] * 30)
    mine = list(steady)
    assert risk.sharpe_ratio(mine, periods_per_year=YEAR) is None
    assert risk.sortino_ratio(mine, periods_per_year=YEAR) is None
    assert qs.sharpe(steady) > 1e15
    assert math.isinf(empyrical.sortino_ratio(steady))
    assert math.isinf(ffn.calc_sortino_ratio(steady, nperiods=YEAR))


def test_the_first_loss_is_a_drawdown_unless_the_series_begins_after_it():
    fallen = series([-0.5, 0.1, 0.1])
    wealth = (1 + fallen).cumprod()
    mine = risk.max_drawdown([datetime(2023, 12, 29, tzinfo=UTC), *wealth.index], [1.0, *wealth])
    assert mine is not None
    assert mine.percent == close(50)
    assert empyrical.max_drawdown(fallen) == close(-0.5)
    assert qs.max_drawdown(fallen) == close(-0.5)
    assert ffn.calc_max_drawdown(wealth) == 0


def test_a_small_rate_of_a_day_is_a_large_one_of_a_year_that_is_not_told_here():
    start = datetime(2024, 1, 1, tzinfo=UTC)
    flows = [(start, Decimal(-100)), (start + timedelta(1), Decimal(104))]
    assert money_weighted(flows) is returns.NoRate.NO_ROOT
    assert rate_of(flows) == pytest.approx(1.04**365 - 1, rel=1e-8)
    period = returns.money_weighted_period_return(
        [], start=start, start_equity=Decimal(100), end=flows[1][0], end_equity=Decimal(104)
    )
    assert period == close(0.04)


def test_a_heavy_loss_has_a_rate_here():
    months = [date(2014 + month // 12, 1 + month % 12, 1) for month in range(120)]
    paid = [(datetime(day.year, day.month, 1, tzinfo=UTC), Decimal(-100)) for day in months]
    flows = [*paid, (datetime(2024, 1, 1, tzinfo=UTC), Decimal(100))]
    mine = money_weighted(flows)
    assert mine == pytest.approx(-0.99974, abs=1e-5)
    assert rate_of(flows) is None


def test_of_two_rates_that_fit_none_is_given_here():
    # -100, +230, -132 fits 10 % and 20 % in equal years.
    flows = [(-100, 0), (230, 365), (-132, 730)]
    dates = [date(2021, 1, 1) + timedelta(days) for _, days in flows]
    assert pyxirr.xirr(dates, [cash for cash, _ in flows]) == close(0.1)
    assert pyxirr.irr([cash for cash, _ in flows]) == close(0.2)
    start = datetime(2021, 1, 1, tzinfo=UTC)
    mine = returns.money_weighted_return(
        [(start + timedelta(365), Decimal(-230))],
        start=start,
        start_equity=Decimal(100),
        end=start + timedelta(730),
        end_equity=Decimal(-132),
    )
    assert mine is returns.NoRate.SEVERAL_ROOTS
