"""Two clocks of variance: how much a market moves in a stretch of time, by the time of day.

Coins are as lively on a Sunday night as at noon. Stocks move most in New York's trading hours: a
spike at the opening, a flat middle, a small rise towards the close, and a third of a day's variance
between a close and the next opening (K. French and R. Roll, "Stock return variances", 1986;
R. Wood, T. McInish and J. Ord, "An investigation of transactions data for NYSE stocks", 1985),
whether that is a night or a long weekend.

Within a session the rate of variance at minute u of L, over its midday rate, is

    1 + 5.5 exp(-u / 24) + 0.75 exp(-(L - u) / 20)

All moments are microseconds since 1970, in arrays.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import numpy as np

from exchange.market.rules import calendar
from exchange.simulator.model.draws import FloatArray, IntArray

SESSIONS_PER_YEAR = 252.0
OVERNIGHT_SHARE = 0.31
DAYS_PER_YEAR = 365.25

_MICROSECONDS_PER_YEAR = DAYS_PER_YEAR * 86400e6
_OPENING_SPIKE, _OPENING_MINUTES = 5.5, 24.0
_CLOSING_RISE, _CLOSING_MINUTES = 0.75, 20.0
_KNOTS = 401  # of a session, where the square root of the rate is integrated
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Elapsed:
    """What passes in each of n steps, shape (n,), in years of the usual variance.

    `overlap` is the correlation over a step of one and the same noise as the two clocks show it: 1
    where both run evenly.
    """

    stocks: FloatArray
    coins: FloatArray
    overlap: FloatArray

    def as_coins_see(self, market: FloatArray, apart: FloatArray) -> FloatArray:
        """The market's shocks on the coins' clock: its diffusion without its jumps, shape (n, 1).

        `market` and `apart` are standard normals. Over an uneven stretch the two clocks weigh one
        noise differently: then a part of what coins see is `apart` from what stocks see, so that
        long steps tie them no closer than many short ones.
        """
        overlap = self.overlap[:, None]
        shared = overlap * market + np.sqrt(1.0 - overlap**2) * apart
        seen: FloatArray = np.sqrt(self.coins)[:, None] * shared
        return seen


def elapsed(edges: IntArray) -> Elapsed:
    """The steps between successive `edges`, shape (n + 1,), rising."""
    coins = np.diff(edges) / _MICROSECONDS_PER_YEAR
    variance, root = _between(edges)
    stocks = variance / SESSIONS_PER_YEAR
    crossed = root / np.sqrt(SESSIONS_PER_YEAR * _MICROSECONDS_PER_YEAR)
    overlap = np.minimum(crossed / np.sqrt(np.maximum(stocks * coins, 1e-300)), 1.0)
    return Elapsed(stocks, coins, overlap)


def _between(edges: IntArray) -> tuple[FloatArray, FloatArray]:
    """(sessions' variance, integral of its rate's square root) over each step."""
    years = edges.astype("datetime64[us]").astype("datetime64[Y]").astype(np.int64) + _EPOCH.year
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
    """A year's sessions: the variance that has passed at any moment of it."""

    def __init__(self, year: int) -> None:
        sessions = _sessions_around(year)
        self._opens = np.array([_microseconds(each.opens_at) for each in sessions])
        self._closes = np.array([_microseconds(each.closes_at) for each in sessions])
        self._weights = (self._closes - self._opens) / (390 * 60e6)  # a half day is about half
        start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
        self._cumulate()
        edges = np.array([_microseconds(start), _microseconds(end)])
        self._start = np.zeros(2)
        self._start = np.array(self.at(edges[:1]))[:, 0]
        self.totals: FloatArray = np.array(self.at(edges[1:]))[:, 0]

    def _cumulate(self) -> None:
        """What has passed at each close."""
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
        """Variance, in sessions, and the root's integral, from the start of the year on."""
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
    """Those of the year, with one before it and one after it."""
    day = date(year, 1, 1) - timedelta(days=1)
    while (before := calendar.session_on(day)) is None:
        day -= timedelta(days=1)
    sessions = [before]
    end = datetime(year + 1, 1, 1, tzinfo=UTC)
    while sessions[-1].opens_at < end:
        sessions.append(calendar.current_or_next_session(sessions[-1].closes_at))
    return sessions


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _minutes_shape(part: FloatArray) -> FloatArray:
    """The integral of the session's rate from its start to this part of it, in midday minutes."""
    minutes = 390.0
    passed = part * minutes
    opening = _OPENING_SPIKE * _OPENING_MINUTES * -np.expm1(-passed / _OPENING_MINUTES)
    closing = np.exp((passed - minutes) / _CLOSING_MINUTES) - np.exp(-minutes / _CLOSING_MINUTES)
    total: FloatArray = passed + opening + _CLOSING_RISE * _CLOSING_MINUTES * closing
    return total


_WHOLE_SHAPE = float(_minutes_shape(np.ones(1))[0])


def _variance_shape(part: FloatArray) -> FloatArray:
    """How much of a session's variance has passed at this part of it; a short one is squeezed."""
    return _minutes_shape(part) / _WHOLE_SHAPE


def _root_of_shape() -> FloatArray:
    """The integral of the square root of the density of `_variance_shape`, at the grid."""
    rates = np.diff(_variance_shape(_GRID)) * (_KNOTS - 1)
    return np.concatenate([[0.0], np.cumsum(np.sqrt(rates)) / (_KNOTS - 1)])


_GRID: FloatArray = np.linspace(0.0, 1.0, _KNOTS)
_ROOT_OF_SHAPE = _root_of_shape()
