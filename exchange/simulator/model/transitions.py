"""How steps are cut into parts, and how the market's processes change over a part.

The volatility that scales returns is read at each full quarter of an hour (UTC) and held until the
next one. So steps are cut at the quarters, and a return does not depend on how the time before and
after it is cut. A step of an hour, a day or ten years then has the same law as the seconds that
make it up. Quarters fit because sessions begin and end on them, and within one of them variance
passes almost evenly.
"""

from dataclasses import dataclass

import numpy as np

from exchange.simulator.model.arrays import BoolArray, FloatArray, IntArray
from exchange.simulator.model.return_factors import ReturnFactors

_SECOND = 1_000_000
QUARTER = 900 * _SECOND
"""A quarter of an hour, in microseconds."""
_LAWS_KEPT = 256


def cut(start: int, duration: int, steps: int) -> tuple[IntArray, BoolArray]:
    """Cut `steps` steps of `duration` microseconds at the quarters between them.

    Returns the edges of the parts, shape (parts + 1,), in microseconds since 1970 as `start` is,
    and for each part whether it ends a step, shape (parts,).
    """
    ends = start + duration * np.arange(1, steps + 1, dtype=np.int64)
    first = (start // QUARTER + 1) * QUARTER
    inner = np.union1d(np.arange(first, ends[-1], QUARTER, dtype=np.int64), ends)
    return np.concatenate([[start], inner]), ends[np.searchsorted(ends, inner)] == inner


@dataclass(frozen=True, slots=True)
class Transitions:
    """What successive parts do to the processes; each array has one row for each part.

    `mixing` has one entry for each length that occurs instead, and `kind` holds the entry's number
    for each part.
    """

    mixing: FloatArray  # shape (lengths, factors, 5, 5)
    kind: IntArray
    volatility_decay: FloatArray
    level_decay: FloatArray
    shrinkage: FloatArray  # of returns, by mean reversion within the part; shape (parts, 1)
    curve_shrinkage: FloatArray  # the same for the factors of the yield curve


@dataclass(frozen=True, slots=True)
class _Law:
    """The transition over a part of one length."""

    mixing: FloatArray
    volatility_decay: FloatArray
    level_decay: FloatArray
    shrinkage: FloatArray
    curve_shrinkage: FloatArray


class TransitionLaws:
    """Transitions by the length of a part, cached. All rates of reversion are per second."""

    def __init__(
        self,
        factors: ReturnFactors,
        *,
        name_reversion: float,
        level_reversion: FloatArray,
        curve_reversion: FloatArray,
    ) -> None:
        self._factors = factors
        self._name_reversion = np.array([name_reversion])
        self._level_reversion, self._curve_reversion = level_reversion, curve_reversion
        self._laws: dict[int, _Law] = {}

    def of(self, durations: IntArray) -> Transitions:
        """The transitions over parts of these lengths in microseconds, shape (parts,)."""
        if (durations == durations[0]).all():
            lengths, kind = durations[:1], np.zeros(len(durations), dtype=np.intp)
        else:
            lengths, kind = np.unique(durations, return_inverse=True)
        laws = [self._law(length) for length in lengths.tolist()]
        return Transitions(
            mixing=np.stack([law.mixing for law in laws]),
            kind=kind,
            volatility_decay=np.stack([law.volatility_decay for law in laws])[kind],
            level_decay=np.stack([law.level_decay for law in laws])[kind],
            shrinkage=np.stack([law.shrinkage for law in laws])[kind],
            curve_shrinkage=np.stack([law.curve_shrinkage for law in laws])[kind],
        )

    def _law(self, duration: int) -> _Law:
        law = self._laws.get(duration)
        if law is None:
            if len(self._laws) >= _LAWS_KEPT:
                self._laws.clear()
            law = self._laws[duration] = self._law_of(duration / _SECOND)
        return law

    def _law_of(self, seconds: float) -> _Law:
        decay, mixing = self._factors.transition(seconds)
        return _Law(
            mixing=mixing,
            volatility_decay=decay,
            level_decay=np.exp(-self._level_reversion * seconds),
            shrinkage=_shrinkage(self._name_reversion, seconds),
            curve_shrinkage=_shrinkage(self._curve_reversion, seconds),
        )


def _shrinkage(rates: FloatArray, seconds: float) -> FloatArray:
    """The factor by which mean reversion within a part reduces its innovation's deviation.

    An Ornstein-Uhlenbeck process with rate k has the variance (1 - exp(-2kt)) / 2k after t, where
    Brownian motion has t.
    """
    within = 2.0 * rates * seconds
    left: FloatArray = np.sqrt(-np.expm1(-within) / within)
    return left
