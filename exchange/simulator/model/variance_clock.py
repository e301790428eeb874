"""Variance time: how much variance a stretch of time has, by the time of day, on two clocks.

Coins are as volatile on a Sunday night as at noon. Stocks move most in New York's trading hours: a
spike at the opening, a flat middle, and a small rise towards the close. A third of a day's variance
falls between a close and the next opening, whether that is a night or a long weekend (K. French and
R. Roll, "Stock return variances", 1986; R. Wood, T. McInish and J. Ord, "An investigation of
transactions data for NYSE stocks", 1985).

Within a session the rate of variance at minute u of L, over its midday rate, is

    1 + 5.5 exp(-u / 24) + 0.75 exp(-(L - u) / 20)

All moments are microseconds since 1970, in arrays.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import numpy as np

from exchange.market.rules import calendar
from exchange.simulator.model.arrays import FloatArray, IntArray
from exchange.simulator.model.timestamps import EPOCH, to_microseconds

SESSIONS_PER_YEAR = 252.0
OVERNIGHT_SHARE = 0.31
DAYS_PER_YEAR = 365.25

_MICROSECONDS_PER_YEAR = DAYS_PER_YEAR * 86400e6
_OPENING_SPIKE, _OPENING_MINUTES = 5.5, 24.0
_CLOSING_RISE, _CLOSING_MINUTES = 0.75, 20.0
_KNOTS = 401  # grid points in a session, for the integral of the square root of the rate


@dataclass(frozen=True, slots=True)
class Elapsed:
    """The variance time of each of n steps on the two clocks, shape (n,), in years.

    `overlap` is the correlation, over a step, of one and the same noise integrated by the two
    clocks: 1 where both run evenly.
    """

    stocks: FloatArray
    coins: FloatArray
    overlap: FloatArray

    def on_coin_clock(self, market: FloatArray, independent: FloatArray) -> FloatArray:
        """The market's shocks on the coins' clock: its diffusion without its jumps, shape (n, 1).

        `market` and `independent` are standard normals. Over an uneven stretch the two clocks weigh
        the same noise differently. So part of the coins' shock is independent of the stocks': a
        long step then correlates the two no more than many short ones do.
        """
        overlap = self.overlap[:, None]
        correlated = overlap * market + np.sqrt(1.0 - overlap**2) * independent
        shocks: FloatArray = np.sqrt(self.coins)[:, None] * correlated
        return shocks


def elapsed(edges: IntArray) -> Elapsed:
    """The variance time between successive `edges`, shape (n + 1,), ascending."""
    coins = np.diff(edges) / _MICROSECONDS_PER_YEAR
    variance, root = _between(edges)
    stocks = variance / SESSIONS_PER_YEAR
    crossed = root / np.sqrt(SESSIONS_PER_YEAR * _MICROSECONDS_PER_YEAR)
    overlap = np.minimum(crossed / np.sqrt(np.maximum(stocks * coins, 1e-300)), 1.0)
    return Elapsed(stocks, coins, overlap)


def _between(edges: IntArray) -> tuple[FloatArray, FloatArray]:
    """(variance in sessions, integral of the square root of its rate) over each step."""
    years = edges.astype("datetime64[us]").astype("datetime64[Y]").astype(np.int64) + EPOCH.year
    first, last = int(years[0]), int(years[-1])
    if first == last:
        variance, root = _sessions_of(first).at(edges)
        return np.diff(variance), np.diff(root)
    # Each year counts from its own start, so that a step does not depend on the ones around it.
    variance, root = np.empty(len(edges)), np.empty(len(edges))
    for year in range(first, last + 1):
        of_year = years == year
        variance[of_year], root[of_year] = _sessions_of(year).at(edges[of_year])
    steps = np.stack([np.diff(variance), np.diff(root)])
    for step in np.flatnonzero(np.diff(years)):
        for year in range(years[step], years[step + 1]):
            steps[:, step] += _sessions_of(year).totals
    return steps[0], steps[1]


class _Sessions:
    """A year's sessions: the variance from the start of the year up to any moment of it."""

    def __init__(self, year: int) -> None:
        sessions = _sessions_around(year)
        self._opens = np.array([to_microseconds(each.opens_at) for each in sessions])
        self._closes = np.array([to_microseconds(each.closes_at) for each in sessions])
        self._weights = (self._closes - self._opens) / (390 * 60e6)  # a half day is about half
        start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
        self._cumulate()
        edges = np.array([to_microseconds(start), to_microseconds(end)])
        self._start = np.zeros(2)
        self._start = np.array(self.at(edges[:1]))[:, 0]
        self.totals: FloatArray = np.array(self.at(edges[1:]))[:, 0]

    def _cumulate(self) -> None:
        """Cumulative variance and root at each close."""
        gaps = (self._opens[1:] - self._closes[:-1]).astype(np.float64)
        by_day = (1.0 - OVERNIGHT_SHARE) * self._weights
        by_night = np.concatenate([[0.0], np.full(len(gaps), OVERNIGHT_SHARE)])
        self._night_length = np.concatenate([[1.0], gaps])
        self._variance = np.concatenate([[0.0], np.cumsum(by_day + by_night)])
        day_roots = np.sqrt(by_day * (self._closes - self._opens)) * _ROOT_OF_SHAPE[-1]
        self._roots = np.concatenate(
            [[0.0], np.cumsum(day_roots + np.sqrt(by_night * self._night_length))]
        )

    def at(self, moments: IntArray) -> tuple[FloatArray, FloatArray]:
        """(variance in sessions, integral of the root) from the start of the year to `moments`."""
        which = np.searchsorted(self._closes, moments, side="left")
        opens, closes = self._opens[which], self._closes[which]
        night = np.clip((moments - opens) / self._night_length[which] + 1.0, 0.0, 1.0)
        day = np.clip((moments - opens) / (closes - opens), 0.0, 1.0)
        by_day = (1.0 - OVERNIGHT_SHARE) * self._weights[which]
        variance = self._variance[which] + OVERNIGHT_SHARE * night + by_day * _variance_shape(day)
        root = (
            self._roots[which]
            + np.sqrt(OVERNIGHT_SHARE * self._night_length[which]) * night
            + np.sqrt(by_day * (closes - opens)) * np.interp(day, _GRID, _ROOT_OF_SHAPE)
        )
        return variance - self._start[0], root - self._start[1]


@lru_cache(maxsize=64)
def _sessions_of(year: int) -> _Sessions:
    return _Sessions(year)


def _sessions_around(year: int) -> list[calendar.Session]:
    """The sessions of the year, with one before it and one after it."""
    day = date(year, 1, 1) - timedelta(days=1)
    while (before := calendar.session_on(day)) is None:
        day -= timedelta(days=1)
    sessions = [before]
    end = datetime(year + 1, 1, 1, tzinfo=UTC)
    while sessions[-1].opens_at < end:
        sessions.append(calendar.current_or_next_session(sessions[-1].closes_at))
    return sessions


def _minutes_shape(part: FloatArray) -> FloatArray:
    """The integral of the rate from the opening to `part` of the session, in midday minutes."""
    minutes = 390.0
    passed = part * minutes
    opening = _OPENING_SPIKE * _OPENING_MINUTES * -np.expm1(-passed / _OPENING_MINUTES)
    closing = np.exp((passed - minutes) / _CLOSING_MINUTES) - np.exp(-minutes / _CLOSING_MINUTES)
    total: FloatArray = passed + opening + _CLOSING_RISE * _CLOSING_MINUTES * closing
    return total


_WHOLE_SHAPE = float(_minutes_shape(np.ones(1))[0])


def _variance_shape(part: FloatArray) -> FloatArray:
    """The fraction of a session's variance up to `part` of it; a short session is squeezed."""
    return _minutes_shape(part) / _WHOLE_SHAPE


def _root_of_shape() -> FloatArray:
    """The integral of the square root of the density of `_variance_shape`, at the grid."""
    rates = np.diff(_variance_shape(_GRID)) * (_KNOTS - 1)
    return np.concatenate([[0.0], np.cumsum(np.sqrt(rates)) / (_KNOTS - 1)])


_GRID: FloatArray = np.linspace(0.0, 1.0, _KNOTS)
_ROOT_OF_SHAPE = _root_of_shape()
