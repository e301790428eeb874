"""The simulated market is statistically like a market."""

import math
from datetime import timedelta

import numpy as np
import pytest

from exchange.simulator.model import transitions
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.tests.market_models import MINUTE, SECOND, START, STOCKS, columns, log_returns, market


@pytest.fixture(scope="module")
def months():
    """150 days in steps of five minutes."""
    return market(seed=11).path(START, 5 * MINUTE, 150 * 288)


@pytest.fixture(scope="module")
def years():
    """Twelve years in steps of a day."""
    return market(seed=5).path(START, timedelta(days=1), 365 * 12)


def test_prices_stay_finite_and_positive_for_a_hundred_years(monkeypatch):
    # With a volatility that is read every four hours instead of every quarter. Held for longer, it
    # makes larger moves, so this is the harder case, and it takes a sixteenth of the time.
    monkeypatch.setattr(transitions, "QUARTER", 16 * transitions.QUARTER)
    path = market(seed=4).path(START, timedelta(days=14), 26 * 100)

    assert path.times[-1] - START > timedelta(days=36_000)
    assert np.isfinite(path.prices).all()
    assert np.isfinite(path.volumes).all()
    assert (path.volumes >= 0).all()
    starts = np.array([float(spec.start_price) for spec in CATALOGUE])
    assert (path.prices > starts / 100).all()
    assert (path.prices < starts * 100).all()


def test_funds_of_the_same_companies_move_together(years):
    returns = log_returns(columns(years, ["SPY", "QQQ", "VTI", "VOO", "IWM"]))
    correlation = np.corrcoef(returns.T)[0]

    assert 0.81 < correlation[1] < 0.97
    assert correlation[2] > 0.98
    assert correlation[3] > 0.99
    assert 0.6 < correlation[4] < 0.9


def test_returns_have_fat_tails(months):
    returns = log_returns(columns(months, STOCKS))
    excess = (returns**4).mean(axis=0) / (returns**2).mean(axis=0) ** 2 - 3

    assert np.median(excess) > 4
    assert excess.min() > 1


def test_volatility_clusters_while_returns_do_not_repeat(months):
    def autocorrelation(series, lag):
        centred = series - series.mean(axis=0)
        return (centred[:-lag] * centred[lag:]).mean(axis=0) / (centred**2).mean(axis=0)

    returns = log_returns(columns(months, STOCKS))

    assert (autocorrelation(np.abs(returns), 1) > 0.05).all()
    assert (autocorrelation(np.abs(returns), 30) > 0.02).all()
    assert (np.abs(autocorrelation(returns, 1)) < 0.05).all()


def test_realised_volatility_is_that_of_the_catalogue(years):
    returns = log_returns(years.prices)

    for column, spec in enumerate(CATALOGUE):
        if spec.bond is None:
            realised = returns[:, column].std() * math.sqrt(365.25)
            assert realised == pytest.approx(spec.annual_volatility, rel=0.25), spec.symbol


def test_stocks_become_livelier_after_they_fall_and_coins_do_not(years):
    def leverage(symbol):
        """Correlation of a day's return with the variance of the ten days after it."""
        returns = log_returns(columns(years, [symbol]))[:, 0]
        after = np.convolve(returns**2, np.ones(10), mode="valid")[1:]
        return np.corrcoef(returns[: len(after)], after)[0, 1]

    assert np.mean([leverage(fund) for fund in ("SPY", "VTI", "IWM")]) < -0.08
    assert abs(leverage("ADA-USD")) < 0.05


def test_volume_grows_with_time_and_with_the_size_of_the_move(months):
    by_second = [market(seed=seed).path(START, SECOND, 600) for seed in range(20)]
    by_minute = [market(seed=seed).path(START, MINUTE, 10) for seed in range(20)]
    in_seconds, in_minutes = (
        np.sum([path.volumes.sum(axis=0) for path in paths], axis=0)
        for paths in (by_second, by_minute)
    )
    assert in_minutes / in_seconds == pytest.approx(1, rel=0.3)
    assert (in_minutes / in_seconds).mean() == pytest.approx(1, rel=0.1)

    moves = np.abs(log_returns(columns(months, STOCKS)))
    traded = months.volumes[1:, [months.symbols.index(symbol) for symbol in STOCKS]]
    for column in range(len(STOCKS)):
        assert 0.1 < np.corrcoef(moves[:, column], traded[:, column])[0, 1] < 0.8
