"""Figures of risk, from returns at equal intervals.

Returns are floats, 0.05 for 5 %, one for each interval and in order. `periods_per_year` is the
number of such intervals in a year (252 for trading days, 365 for days, 12 for months) and turns a
figure into one a year; `risk_free` is the risk-free rate a year, taken in equal parts.

A figure that is not defined is None, never NaN or infinite: too few returns, a division by a
spread that is not there, or an input or result that is not finite.

Sources are given with each figure. All of them are also in Carl Bacon, Practical Portfolio
Performance Measurement and Attribution, 2nd ed. 2008, chapter 4.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

_NO_SPREAD = 1e-12
"""A deviation or a fall up to this is rounding noise: a return is a quotient near 1, less 1."""

_TOO_LARGE = 1e100
"""A return from here on counts as infinite: its square, or a sum of squares, could overflow."""


@dataclass(frozen=True, slots=True)
class Drawdown:
    """A fall of the wealth index from a peak.

    `percent` of the peak that was lost, above 0 and up to 100; `start` is the time of the peak,
    `trough` of the lowest point after it, `recovered` of the first point after that which is as
    high as the peak again, or None if there is none yet.
    """

    percent: float
    start: datetime
    trough: datetime
    recovered: datetime | None


def volatility(returns: Sequence[float], *, periods_per_year: float) -> float | None:
    """The standard deviation of returns, a year: s * sqrt(periods per year).

    s is that of a sample (n - 1), and 0 if all returns are equal. None for fewer than two.
    """
    deviation = _standard_deviation(returns)
    return None if deviation is None else _finite(deviation * math.sqrt(periods_per_year))


def sharpe_ratio(
    returns: Sequence[float], *, periods_per_year: float, risk_free: float = 0.0
) -> float | None:
    """Mean excess return for each unit of its standard deviation, a year.

    (mean(r) - rf) / s * sqrt(periods per year), s of a sample (n - 1). William F. Sharpe, "The
    Sharpe Ratio", Journal of Portfolio Management 21 (1), 1994, 49-58, ex post, with the time
    dependence of its section of that name. None for fewer than two returns or no deviation.
    """
    excess = _excess(returns, periods_per_year, risk_free)
    deviation = _standard_deviation(excess)
    return _annual_ratio(excess, deviation, periods_per_year)


def sortino_ratio(
    returns: Sequence[float], *, periods_per_year: float, risk_free: float = 0.0
) -> float | None:
    """Mean excess return for each unit of downside deviation, a year.

    The downside deviation is sqrt(sum of min(0, r - rf)^2 / n), over all n returns and not only
    those below the target, which here is the risk-free rate. Frank A. Sortino and Lee N. Price,
    "Performance Measurement in a Downside Risk Framework", Journal of Investing 3 (3), 1994, 59-64;
    Thomas N. Rollinger and Scott T. Hoffman, "Sortino: A 'Sharper' Ratio", Red Rock Capital, 2013.
    None for fewer than two returns, or if none is below the target.
    """
    excess = _excess(returns, periods_per_year, risk_free)
    if not _usable(excess):
        return None
    downside = math.sqrt(math.fsum([r**2 for r in excess if r < 0]) / len(excess))
    return _annual_ratio(excess, downside, periods_per_year)


def max_drawdown(times: Sequence[datetime], index: Sequence[float]) -> Drawdown | None:
    """The largest fall, as a share of the peak before it, of an index of cumulative wealth.

    Times are in order, the index is above zero, or zero once all is lost: 1 + the time-weighted
    return, not the equity, of which a withdrawal would look like a fall. Of equal falls, the first.
    Bacon 2008, chapter 4, "Drawdown".

    None if the index never falls, and for an index that is not finite, is negative, or starts at
    zero.
    """
    values = np.array(index, np.float64)
    if not len(values) or not np.isfinite(values).all() or values.min() < 0 or values[0] == 0:
        return None
    peaks = np.maximum.accumulate(values)
    falls = 1 - values / peaks
    trough = int(falls.argmax())
    if falls[trough] <= _NO_SPREAD:
        return None
    height = peaks[trough]
    start = int(np.flatnonzero(values[:trough] == height)[-1])
    recovered = np.flatnonzero(values[trough:] >= height)
    return Drawdown(
        100 * float(falls[trough]),
        times[start],
        times[trough],
        times[trough + int(recovered[0])] if len(recovered) else None,
    )


def beta(returns: Sequence[float], benchmark: Sequence[float]) -> float | None:
    """How far returns move with the benchmark's: covariance / variance of the benchmark.

    The slope of the regression of one on the other. William F. Sharpe, "Capital Asset Prices",
    Journal of Finance 19 (3), 1964, 425-442. A constant risk-free rate makes no difference to it.
    None for fewer than two returns, or a benchmark that does not move. Raises `ValueError` if the
    two are not of the same length.
    """
    _require_pairs(returns, benchmark)
    deviation = _standard_deviation(benchmark)
    if deviation is None or deviation <= _NO_SPREAD or not _usable(returns):
        return None
    mean, mean_benchmark = _mean(returns), _mean(benchmark)
    together = math.fsum(
        [(r - mean) * (b - mean_benchmark) for r, b in zip(returns, benchmark, strict=True)]
    )
    return _finite(together / (len(returns) - 1) / deviation**2)


def alpha(
    returns: Sequence[float],
    benchmark: Sequence[float],
    *,
    periods_per_year: float,
    risk_free: float = 0.0,
) -> float | None:
    """Jensen's alpha, a year: what was earned beyond what the risk of the market explains.

    (mean(r) - rf - beta * (mean(b) - rf)) * periods per year: the intercept of the regression of
    excess returns. Michael C. Jensen, "The Performance of Mutual Funds in the Period 1945-1964",
    Journal of Finance 23 (2), 1968, 389-416. None and raises as `beta`.
    """
    slope = beta(returns, benchmark)
    if slope is None:
        return None
    own = _mean(_excess(returns, periods_per_year, risk_free))
    market = _mean(_excess(benchmark, periods_per_year, risk_free))
    return _finite((own - slope * market) * periods_per_year)


def correlation(returns: Sequence[float], benchmark: Sequence[float]) -> float | None:
    """How closely returns follow the benchmark's, from -1 to 1: covariance / (s * s of it).

    Karl Pearson's coefficient, of samples. None for fewer than two returns, or where one of the two
    does not move. Raises as `beta`.
    """
    slope = beta(returns, benchmark)
    own, market = _standard_deviation(returns), _standard_deviation(benchmark)
    if slope is None or own is None or market is None or own <= _NO_SPREAD:
        return None
    return max(-1.0, min(1.0, slope * market / own))


def tracking_error(
    returns: Sequence[float], benchmark: Sequence[float], *, periods_per_year: float
) -> float | None:
    """The standard deviation of what returns were beyond the benchmark's, a year.

    s(r - b) * sqrt(periods per year), s of a sample (n - 1). Bacon 2008, chapter 4, "Tracking
    error". None for fewer than two returns. Raises `ValueError` as `beta`.
    """
    return volatility(_active(returns, benchmark), periods_per_year=periods_per_year)


def information_ratio(
    returns: Sequence[float], benchmark: Sequence[float], *, periods_per_year: float
) -> float | None:
    """Mean return beyond the benchmark's for each unit of its deviation, a year.

    mean(r - b) / s(r - b) * sqrt(periods per year): the Sharpe ratio with the benchmark in the
    place of the risk-free rate. Thomas H. Goodwin, "The Information Ratio", Financial Analysts
    Journal 54 (4), 1998, 34-43. None and raises as `tracking_error`, and None without deviation.
    """
    return sharpe_ratio(_active(returns, benchmark), periods_per_year=periods_per_year)


def calmar_ratio(annual_return: float, largest: Drawdown) -> float | None:
    """The return a year for each unit of the largest drawdown, both of the same period.

    Terry W. Young, "Calmar Ratio: A Smoother Tool", Futures 20 (1), 1991, 40.
    """
    return _finite(100 * annual_return / largest.percent)


def win_rate(returns: Sequence[float]) -> float | None:
    """The share of gains among gains and losses; what neither rose nor fell does not count.

    None if there was neither.
    """
    rose = len([r for r in returns if r > _NO_SPREAD])
    fell = len([r for r in returns if r < -_NO_SPREAD])
    return rose / (rose + fell) if rose or fell else None


def _active(returns: Sequence[float], benchmark: Sequence[float]) -> list[float]:
    _require_pairs(returns, benchmark)
    return [own - market for own, market in zip(returns, benchmark, strict=True)]


def _require_pairs(returns: Sequence[float], benchmark: Sequence[float]) -> None:
    if len(returns) != len(benchmark):
        raise ValueError(
            f"Each return needs one of the benchmark: {len(returns)} and {len(benchmark)}."
        )


def _usable(returns: Sequence[float]) -> bool:
    """Whether there are figures to be had: two returns or more, of which none is NaN or absurd."""
    return len(returns) > 1 and all(map(_TOO_LARGE.__gt__, map(abs, returns)))


def _mean(returns: Sequence[float]) -> float:
    return math.fsum(returns) / len(returns)


def _excess(returns: Sequence[float], periods_per_year: float, risk_free: float) -> list[float]:
    return [r - risk_free / periods_per_year for r in returns]


def _standard_deviation(returns: Sequence[float]) -> float | None:
    """Of a sample: sqrt(sum of squared deviations / (n - 1)); None if there is none."""
    if not _usable(returns):
        return None
    mean = _mean(returns)
    return math.sqrt(math.fsum([(r - mean) ** 2 for r in returns]) / (len(returns) - 1))


def _annual_ratio(
    excess: Sequence[float], deviation: float | None, periods_per_year: float
) -> float | None:
    if deviation is None or deviation <= _NO_SPREAD:
        return None
    return _finite(_mean(excess) / deviation * math.sqrt(periods_per_year))


def _finite(figure: float) -> float | None:
    return figure if math.isfinite(figure) else None
