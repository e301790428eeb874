"""Returns of an account with deposits and withdrawals.

The *time-weighted* return excludes the effect of deposits and withdrawals: how well was the money
managed? The *money-weighted* return includes it: how well did the owner's money do, given when it
was deposited and withdrawn?

Money is Decimal, returns are floats: 0.05 is 5 %. A return that is not defined is None.

Sources: CFA Institute, Global Investment Performance Standards (GIPS) for Firms, 2020, section 2;
Carl Bacon, Practical Portfolio Performance Measurement and Attribution, 2nd ed. 2008, chapter 2.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

import numpy as np

from portfolio.rules import grids

YEAR = timedelta(days=365)
"""The year of annualized returns: actual days over 365, as in Excel's XIRR."""

LOWEST_RATE, HIGHEST_RATE = -0.999999, 1e6
"""Money-weighted rates outside of these bounds are not given: they only reflect a short period."""


class NoRate(StrEnum):
    """Why there is no money-weighted return.

    `NO_TIME`: the period has no length. `ONE_DIRECTION`: money only came, or only went. `NO_ROOT`:
    no rate within the bounds fits. `SEVERAL_ROOTS`: more than one does, which takes withdrawals
    that alternate with deposits, so that none of them means anything.
    """

    NO_TIME = "no_time_passed"
    ONE_DIRECTION = "money_in_one_direction"
    NO_ROOT = "no_rate_fits"
    SEVERAL_ROOTS = "several_rates_fit"


# Present value, as a list of (when, as a share of the period; dollars into the account).
_Cash = list[tuple[float, float]]

_SCAN_STEPS, _STEPS_AT_ONCE = 128, 64
_SURE = 1e-6
"""A sum of floats that is more than this share of all that it adds up has the right sign."""

_MAX_ITERATIONS = 200
_PRECISION = 1e-14


@dataclass(frozen=True, slots=True)
class Point:
    """The value of an account at one time.

    `equity` in dollars, after `flow`: the net external deposit (deposits less withdrawals, in
    dollars) since the point before. The flow of the first point is ignored.
    """

    at: datetime
    equity: Decimal
    flow: Decimal


def time_weighted_return(points: Sequence[Point]) -> float | None:
    """Link the returns of the intervals between points, which are in order of time.

    Over each interval r = (equity - flow) / equity before - 1, and 1 + R = (1 + r1)(1 + r2)...
    (Bacon, "True time-weighted"). A flow counts as coming at the end of its interval: it earned
    nothing in it. That is exact if there is a point at every flow, and good enough if points are
    close together. An interval that starts with nothing in the account contributes nothing.

    None if no interval starts with money in it, or if one starts or ends below zero, for then
    there is no return to link. Not annualized. Raises `ValueError` if points are out of order.
    """
    if not any(point.equity > 0 for point in points[:-1]):
        return None
    return twr_series(points)[-1]


def twr_series(points: Sequence[Point]) -> list[float | None]:
    """The time-weighted return from the first point up to each point; the first is 0.

    As `time_weighted_return`, except that it stays 0 while nothing has been in the account. From
    an interval that has no return on, everything is None.
    """
    if not points:
        return []
    growth: float | None = 1.0
    series: list[float | None] = [0.0]
    for before, after in pairwise(points):
        interval = _growth(before, after)
        growth = None if growth is None or interval is None else growth * interval
        if growth is not None and not math.isfinite(growth):
            growth = None
        series.append(None if growth is None else growth - 1)
    return series


def twr_of_cents(equity: Sequence[int], flows: Sequence[int]) -> list[float | None]:
    """`twr_series` of points in order of time, with equity and flows in whole cents."""
    worth, moved = grids.integers(equity), grids.integers(flows)
    before, after = worth[:-1], worth[1:] - moved[1:]
    had_money = before != 0
    intervals = np.ones(len(before))
    intervals[had_money] = grids.quotients(after[had_money], before[had_money])
    intervals[(before < 0) | (intervals < 0)] = math.nan
    with np.errstate(over="ignore", invalid="ignore"):
        growth = np.multiply.accumulate(intervals)
    has_none = ~np.isfinite(growth)
    defined = int(has_none.argmax()) if has_none.any() else len(growth)
    return [0.0, *(growth[:defined] - 1).tolist(), *[None] * (len(growth) - defined)]


def money_weighted_return(
    flows: Sequence[tuple[datetime, Decimal]],
    *,
    start: datetime,
    start_equity: Decimal,
    end: datetime,
    end_equity: Decimal,
) -> float | NoRate:
    """The annual rate at which the money that came in would have grown to what came out.

    `flows` are (time, net deposit in dollars), withdrawals negative, between start and end and not
    in `start_equity`, but in `end_equity`. The rate r is the root of

        start_equity + sum of flow / (1 + r)^t = end_equity / (1 + r)^T,    t in years of 365 days,

    which is Excel's XIRR (Microsoft, "XIRR function") seen from the account. The root is the only
    one between -0.999999 and 1e6; otherwise the answer is why there is none. For periods of less
    than a year, see `money_weighted_period_return`. Raises `ValueError` for a flow outside of the
    period.
    """
    if end <= start:
        return NoRate.NO_TIME
    cash = _cash_into_account(
        flows, start=start, start_equity=start_equity, end=end, end_equity=end_equity
    )
    years = (end - start) / YEAR
    log_growth = _log_growth(
        cash, low=math.log1p(LOWEST_RATE) * years, high=math.log1p(HIGHEST_RATE) * years
    )
    return log_growth if isinstance(log_growth, NoRate) else math.expm1(log_growth / years)


def money_weighted_period_return(
    flows: Sequence[tuple[datetime, Decimal]],
    *,
    start: datetime,
    start_equity: Decimal,
    end: datetime,
    end_equity: Decimal,
) -> float | NoRate:
    """The money-weighted return over the whole period, not annualized.

    (1 + r)^T - 1, where r is the rate of `money_weighted_return` and T the period in years. This is
    the one to show for less than a year (GIPS 2020, 2.A.12): 2 % in a day stay 2 %.
    The bounds are on the return of the period.
    """
    if end <= start:
        return NoRate.NO_TIME
    cash = _cash_into_account(
        flows, start=start, start_equity=start_equity, end=end, end_equity=end_equity
    )
    log_growth = _log_growth(cash, low=math.log1p(LOWEST_RATE), high=math.log1p(HIGHEST_RATE))
    return log_growth if isinstance(log_growth, NoRate) else math.expm1(log_growth)


def annualized(total_return: float, *, start: datetime, end: datetime) -> float | None:
    """Turn a return over a period into one a year: (1 + R)^(365 / days) - 1.

    None for a period under 365 days ("Returns for periods of less than one year must not be
    annualized", GIPS 2020, 2.A.12), and for a return that is not finite or below -1.
    """
    if end - start < YEAR or not math.isfinite(total_return) or total_return < -1:
        return None
    # At most the first power, so it cannot overflow.
    return math.pow(1 + total_return, YEAR / (end - start)) - 1


def _growth(before: Point, after: Point) -> float | None:
    """What one dollar became between two points; None if there is no such figure."""
    if after.at < before.at:
        raise ValueError(f"Points are in order of time: {after.at} comes after {before.at}.")
    if before.equity == 0:
        return 1.0
    growth = float((after.equity - after.flow) / before.equity)
    return growth if before.equity > 0 and growth >= 0 else None


def _cash_into_account(
    flows: Sequence[tuple[datetime, Decimal]],
    *,
    start: datetime,
    start_equity: Decimal,
    end: datetime,
    end_equity: Decimal,
) -> _Cash:
    """All that went in (the equity at the start too) and came out (the equity at the end too)."""
    net: dict[datetime, Decimal] = {}
    for at, amount in [(start, start_equity), *flows, (end, -end_equity)]:
        if not start <= at <= end:
            raise ValueError(f"The flow at {at} is outside of the period, {start} to {end}.")
        # Netted first: money that comes and goes in the same instant has no return.
        net[at] = net.get(at, Decimal(0)) + amount
    period = end - start
    return [((at - start) / period, float(amount)) for at, amount in net.items() if amount]


def _log_growth(cash: _Cash, *, low: float, high: float) -> float | NoRate:
    """The logarithm of the growth over the period at which all cash has a present value of zero.

    The only root in (low, high), low < 0 < high. Where the flows change their sign once there is
    no more than one (Descartes' rule of signs), and the search ends with it.
    """
    amounts = [amount for _, amount in sorted(cash)]
    if not amounts or min(amounts) > 0 or max(amounts) < 0:
        return NoRate.ONE_DIRECTION
    changes = sum((before > 0) != (after > 0) for before, after in pairwise(amounts))
    found: float | None = None
    for root in _roots(cash, low, high):
        if changes == 1:
            return root
        if found is not None:
            return NoRate.SEVERAL_ROOTS
        found = root
    return NoRate.NO_ROOT if found is None else found


def _roots(cash: _Cash, low: float, high: float) -> Iterator[float]:
    """The roots, those nearer to zero first.

    Both sides are searched outwards, in steps that widen, for a change of sign, within which the
    root is then found. Two roots within one step are not seen.
    """
    scale = [(step / _SCAN_STEPS) ** 2 for step in range(_SCAN_STEPS + 1)]
    if _value_and_slope(cash, 0.0)[0] == 0:
        yield 0.0
    for steps in range(0, _SCAN_STEPS, _STEPS_AT_ONCE):
        some = scale[steps : steps + _STEPS_AT_ONCE + 1]
        values = {bound: _signs(cash, [step * bound for step in some]) for bound in (high, low)}
        for place, (near, far) in enumerate(pairwise(some)):
            for bound in (high, low):
                before, after = values[bound][place : place + 2]
                if after == 0 and far < 1:
                    yield far * bound
                elif before * math.copysign(1, after) < 0:
                    yield _root_between(cash, near * bound, far * bound)


def _signs(cash: _Cash, log_growths: Sequence[float]) -> list[float]:
    """Numbers that have the sign of the value that `_value_and_slope` gives at each growth.

    The growths are on one side of zero. Where the value is close to zero beside what it is the sum
    of, it is the value itself.
    """
    when, amounts = np.array(cash).T
    growths = np.array(log_growths)
    base = 1.0 if growths[-1] < 0 else 0.0
    terms = amounts * np.exp(np.outer(growths, base - when))
    sums: list[float] = terms.sum(axis=1).tolist()
    unsure = np.abs(sums) <= _SURE * np.abs(terms).sum(axis=1)
    for place in np.flatnonzero(unsure).tolist():
        sums[place] = _value_and_slope(cash, log_growths[place])[0]
    return sums


def _value_and_slope(cash: _Cash, log_growth: float) -> tuple[float, float]:
    """The net value of all cash at a growth, and its derivative by the logarithm of the growth.

    As a value at the start if the growth is positive and at the end if it is negative, which have
    the same sign, so that no exponent is above zero and nothing overflows.
    """
    base = 1.0 if log_growth < 0 else 0.0
    terms = [(base - when, amount * math.exp(log_growth * (base - when))) for when, amount in cash]
    return math.fsum(term for _, term in terms), math.fsum(lead * term for lead, term in terms)


def _root_between(cash: _Cash, near: float, far: float) -> float:
    """The root between two points of different sign: Newton's method, kept in by bisection.

    After Press et al., Numerical Recipes, 3rd ed. 2007, section 9.4 (rtsafe): a step that leaves
    the bracket, or that does not halve the one before, is replaced by one to the middle.
    """
    sign_near = math.copysign(1, _value_and_slope(cash, near)[0])
    guess, last_step = (near + far) / 2, abs(far - near)
    for _ in range(_MAX_ITERATIONS):
        value, slope = _value_and_slope(cash, guess)
        if math.copysign(1, value) == sign_near:
            near = guess
        else:
            far = guess
        target = guess - value / slope if slope else math.inf
        outside = not min(near, far) <= target <= max(near, far)
        if outside or abs(target - guess) > last_step / 2:
            target = (near + far) / 2
        last_step = abs(target - guess)
        guess = target
        if last_step <= _PRECISION * (1 + abs(guess)):
            break
    return guess
