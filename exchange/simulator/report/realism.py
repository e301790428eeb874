"""Statistics that distinguish market prices from a random walk: the "stylised facts".

After R. Cont, "Empirical properties of asset returns: stylized facts and statistical issues"
(Quantitative Finance 1, 2001). Returns are logarithmic. Returns inside trading sessions have shape
(sessions, returns in a session). Products of two returns are taken within one session only, so that
no night lies between them.
"""

from collections.abc import Sequence

import numpy as np

from exchange.simulator.model.arrays import FloatArray

_NORMAL_KURTOSIS = 3.0


def autocorrelation(returns: FloatArray, lag: int) -> float:
    """Correlation of returns with those `lag` steps later in the session; (n,) is one session."""
    rows = np.atleast_2d(returns)
    centred = rows - rows.mean()
    products = centred[:, lag:] * centred[:, : centred.shape[1] - lag]
    return float(products.mean() / (centred**2).mean())


def excess_kurtosis(returns: FloatArray) -> float:
    """The fourth central moment over the squared variance, less the normal law's three."""
    centred = returns - returns.mean()
    return float((centred**4).mean() / (centred**2).mean() ** 2 - _NORMAL_KURTOSIS)


def hill_exponent(returns: FloatArray, tail: float = 0.01) -> float:
    """The exponent of the tail of |r|, from the largest fraction `tail` of its values.

    B. Hill, "A simple general approach to inference about the tail of a distribution", Annals of
    Statistics 3 (1975).
    """
    sizes = np.sort(np.abs(returns).ravel())[::-1]
    count = max(int(len(sizes) * tail), 1)
    return float(1.0 / np.log(sizes[:count] / sizes[count]).mean())


def variance_ratio(returns: FloatArray, part: slice, of: slice) -> float:
    """Mean square of the returns in one part of the session, over that in another part."""
    return float((returns[:, part] ** 2).mean() / (returns[:, of] ** 2).mean())


def overnight_share(overnight: FloatArray, intraday: FloatArray) -> float:
    """The fraction of the variance from close to close that falls between close and opening.

    `overnight` are returns from close to opening, `intraday` from opening to close, both (days,).
    """
    night, day = (overnight**2).mean(), (intraday**2).mean()
    return float(night / (night + day))


def correlation(first: FloatArray, second: FloatArray) -> float:
    """Pearson's correlation of two series."""
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def size_and_volume(returns: FloatArray, volumes: FloatArray) -> float:
    """Correlation of |r| with the volume of the same step (J. Karpoff, JFQA 22, 1987)."""
    return correlation(np.abs(returns), volumes)


def yearly_volatility(returns: FloatArray, periods: int) -> FloatArray:
    """The volatility of each year of `periods` returns, over that of all of them, (years,)."""
    years = len(returns) // periods
    whole = returns[: years * periods].reshape(years, periods)
    relative: FloatArray = whole.std(axis=1) / whole.std()
    return relative


def summed(returns: FloatArray, count: int) -> FloatArray:
    """Returns over `count` steps each, shape (sessions, whole groups): 1 minute to 5 minutes."""
    groups = returns.shape[1] // count
    total: FloatArray = (
        returns[:, : groups * count].reshape(len(returns), groups, count).sum(axis=2)
    )
    return total


def median(values: Sequence[float]) -> float:
    return float(np.median(values))
