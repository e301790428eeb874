"""What held at the times of a grid, by NumPy over arrays of integers; exact.

Times are microseconds since 1970, in order. Quantities are in units, money is in cents, and prices
are in hundred-millionths of a dollar (`PRICE_UNIT`). Arrays have 64-bit integers where every
intermediate result fits in them, and Python's own otherwise.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[Any]

PRICE_UNIT = 10**8
"""Prices are integers of a dollar's hundred-millionths: all that a candle or a quote can have."""

_LARGEST = 2**62
"""Up to here results are computed in 64 bits, which leaves room to double them."""

_EXACT_FLOATS, _EXACT_QUOTIENTS = 2**53, 10**11
"""Bounds of numerators and denominators that `quotients` divides as floats."""


class Series(NamedTuple):
    """Values at times, in order of time."""

    at: Integers
    values: Integers


NOTHING = Series(np.zeros(0, np.int64), np.zeros(0, np.int64))


def integers(values: Sequence[int]) -> Integers:
    """An array of these values, of which any sum fits in its integers."""
    fits = sum(map(abs, values)) < _LARGEST
    return np.array(values, np.int64 if fits else object)


def series(at: Sequence[int], values: Sequence[int]) -> Series:
    """A series of these values. Times are in order."""
    return Series(np.array(at, np.int64), integers(values))


def merged(found: Sequence[Series]) -> Series:
    """All of them in order of time; at equal times those of the last come last, and so count.

    The values of each may be in any order.
    """
    at = np.concatenate([each.at for each in found])
    order = np.argsort(at, kind="stable")
    return Series(at[order], np.concatenate([each.values for each in found])[order])


def totals_at(times: Integers, changes: Series) -> Integers:
    """The sum of all changes up to and at each time."""
    totals = np.concatenate(([0], np.cumsum(changes.values)))
    return totals[np.searchsorted(changes.at, times, side="right")]


def newest_at(times: Integers, observed: Series) -> tuple[Integers, NDArray[np.bool_]]:
    """The newest value at each time, and whether there is one; zero before the first."""
    values = np.concatenate(([0], observed.values))
    places = np.searchsorted(observed.at, times, side="right")
    return values[places], places > 0


def cents(units: Integers, prices: Integers, *, divisor: int) -> Integers:
    """units × price / divisor in cents, to the nearest, half to even.

    `divisor` turns units times price, in dollars, into dollars.
    """
    divisor *= PRICE_UNIT // 100
    if _is_large(units, prices, divisor):
        # Prices are multiples of a cent or more, mostly.
        units, divisor = _reduced(units, divisor)
        prices, divisor = _reduced(prices, divisor)
        if _is_large(units, prices, divisor):
            units = units.astype(object)
    value = units * prices
    whole = value // divisor
    twice = 2 * (value - whole * divisor)
    up = (twice > divisor) | ((twice == divisor) & (whole % 2 == 1))
    return whole + up  # type: ignore[no-any-return]


def quotients(values: Integers, divisors: Integers) -> NDArray[np.float64]:
    """Each value by its divisor, or all by one, rounded as the quotient of two Decimals is.

    That is to 28 digits first, so by up to 5e-28 of itself. Integers below the bounds give the same
    as floats: their quotient is never halfway between two floats, and is further from there than
    that, by 1 / (2**54 * 10**11) of itself or more.
    """
    if not _divide_as_floats(values, divisors):
        common = math.gcd(int(np.gcd.reduce(values)), int(np.gcd.reduce(divisors)))
        values, divisors = values // common, divisors // common
    if _divide_as_floats(values, divisors):
        return (values / divisors).astype(np.float64)
    pairs = zip(values.tolist(), np.broadcast_to(divisors, values.shape).tolist(), strict=True)
    return np.array([float(Decimal(value) / divisor) for value, divisor in pairs], np.float64)


def _divide_as_floats(values: Integers, divisors: Integers) -> bool:
    return _greatest(values) < _EXACT_FLOATS and _greatest(divisors) < _EXACT_QUOTIENTS


def _is_large(units: Integers, prices: Integers, divisor: int) -> bool:
    return max(_greatest(units) * _greatest(prices), divisor) >= _LARGEST


def _reduced(factors: Integers, divisor: int) -> tuple[Integers, int]:
    """The factors and the divisor, without what all of them can be divided by."""
    common = math.gcd(int(np.gcd.reduce(factors)), divisor)
    return (factors // common, divisor // common) if factors.any() else (factors, 1)


def _greatest(values: Integers) -> int:
    return max(int(values.max(initial=0)), -int(values.min(initial=0)))
