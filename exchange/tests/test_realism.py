"""Each statistic on input with a known result."""

import numpy as np
import pytest

from exchange.simulator.report import realism

RNG = np.random.default_rng(3)


def test_autocorrelation_of_an_alternating_series_is_minus_one_then_one():
    series = np.tile([1.0, -1.0], 500)
    assert realism.autocorrelation(series, 1) == pytest.approx(-1)
    assert realism.autocorrelation(series, 2) == pytest.approx(1)


def test_autocorrelation_of_an_autoregression_is_a_power_of_its_coefficient():
    noise = RNG.standard_normal(200_000)
    series = np.empty_like(noise)
    series[0] = noise[0]
    for index in range(1, len(noise)):
        series[index] = 0.8 * series[index - 1] + noise[index]
    assert realism.autocorrelation(series, 1) == pytest.approx(0.8, abs=0.01)
    assert realism.autocorrelation(series, 3) == pytest.approx(0.8**3, abs=0.02)


def test_autocorrelation_takes_no_product_across_sessions():
    sessions = np.array([[1.0, 1.0], [-1.0, -1.0]])
    assert realism.autocorrelation(sessions, 1) == pytest.approx(1)


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (np.array([-1.0, 1.0]), -2.0),
        (RNG.standard_normal(400_000), 0.0),
        (RNG.laplace(size=400_000), 3.0),
        (RNG.uniform(size=400_000), -1.2),
    ],
)
def test_excess_kurtosis_is_that_of_the_law(sample, expected):
    assert realism.excess_kurtosis(sample) == pytest.approx(expected, abs=0.15)


@pytest.mark.parametrize("exponent", [2.0, 3.0, 5.0])
def test_hills_estimate_finds_the_exponent_of_a_pareto_tail(exponent):
    signs = RNG.choice([-1.0, 1.0], size=400_000)
    sample = signs * (1 + RNG.pareto(exponent, 400_000))
    assert realism.hill_exponent(sample) == pytest.approx(exponent, rel=0.05)


def test_a_normal_tail_is_thinner_than_any_markets():
    assert realism.hill_exponent(RNG.standard_normal(400_000)) > 5


def test_variance_ratio_compares_two_parts_of_a_session():
    returns = np.array([[2.0, -2.0, 1.0, -1.0], [-2.0, 2.0, 1.0, 1.0]])
    assert realism.variance_ratio(returns, part=slice(0, 2), of=slice(2, 4)) == 4


def test_the_nights_share_of_variance():
    assert realism.overnight_share(np.array([1.0, -1.0]), np.array([2.0, 2.0])) == 0.2


def test_correlation_of_lines():
    line = np.arange(10.0)
    assert realism.correlation(line, 2 * line + 1) == pytest.approx(1)
    assert realism.correlation(line, -line) == pytest.approx(-1)


def test_volume_goes_with_the_size_of_a_return_and_not_its_sign():
    returns = np.array([[-3.0, 1.0, 2.0, -1.0]])
    assert realism.size_and_volume(returns, np.abs(returns) * 100) == pytest.approx(1)


def test_yearly_volatility_is_relative_to_the_long_run():
    quiet, lively = np.tile([1.0, -1.0], 4), np.tile([3.0, -3.0], 4)
    relative = realism.yearly_volatility(np.concatenate([quiet, lively]), 8)
    assert relative == pytest.approx(np.array([1, 3]) / np.sqrt(5))


def test_returns_of_minutes_are_summed_to_longer_ones_within_their_session():
    minutes = np.arange(12.0).reshape(2, 6)
    assert realism.summed(minutes, 5).tolist() == [[10.0], [40.0]]
    assert realism.summed(minutes, 3).tolist() == [[3.0, 12.0], [21.0, 30.0]]
