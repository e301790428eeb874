"""Fixed-coupon bond arithmetic: day counts, accrued interest, price, yield and risk.

Conventions
    Prices are per 100 of face value. Quotes are clean; a buyer pays clean plus accrued.
    Yields and coupon rates are fractions a year (0.0425 for 4.25 %); a yield compounds as often
    as the bond pays, a bill's twice a year.
    Price from yield follows the street convention (J. Mayle, *Standard Securities Calculation
    Methods*, vol. 1, 3rd ed., SIFMA 1993): the part period to the next coupon is discounted by
    compounding, except in the last coupon period, where interest is simple.
    A bill follows 31 CFR 356 Appendix B section VI.D, the Treasury's investment rate: simple
    interest up to half a year, one compounding at the half-year beyond it (and, by the same
    rule, one more for each further half-year).
    A settlement before the issue date counts as settlement at issue, as in when-issued trading.

A coupon is the rate divided by the frequency, whatever the day count of its period. Accrued
interest is money and a Decimal. What depends on a yield is a statistic and a float.
"""

import calendar
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

DayCount = Literal["ActAct", "30/360"]

PAR = Decimal(100)
_MONTHS = 12
_THIRTY = 30
_FEBRUARY = 2
_YEAR_OF_360 = 360
_BILL_COMPOUNDING = 2
_LOWEST_PERIOD_YIELD = -0.9
_HIGHEST_YIELD = 1e6
_NEWTON_STEPS = 100
_YIELD_TOLERANCE = 1e-14


@dataclass(frozen=True, kw_only=True)
class BondTerms:
    """The terms of a bond, as far as price and interest depend on them.

    `coupon_rate` is a fraction a year; `frequency` counts coupons a year (1, 2, 4, or 0 for a
    bill, which pays only its face value); `issue_date` is the dated date, from which interest
    accrues; `face_value` is the smallest denomination, in dollars. Raises ValueError for terms
    that this module cannot price, odd first coupon periods among them.
    """

    coupon_rate: Decimal
    issue_date: date
    maturity_date: date
    frequency: int
    day_count: DayCount
    face_value: Decimal

    def __post_init__(self) -> None:
        if self.issue_date >= self.maturity_date:
            raise ValueError(f"a bond must mature after its issue date, {self.issue_date}")
        if self.day_count not in {"ActAct", "30/360"}:
            raise ValueError(f"unknown day count {self.day_count!r}: use ActAct or 30/360")
        if self.frequency not in {0, 1, 2, 4}:
            raise ValueError(f"coupons come 0, 1, 2 or 4 times a year, not {self.frequency}")
        if self.coupon_rate < 0 or (self.frequency == 0 and self.coupon_rate != 0):
            raise ValueError("a coupon rate is not negative, and a bill's is 0")
        if self.frequency and self.issue_date != coupon_period(self, self.issue_date)[0]:
            raise ValueError(
                f"{self.issue_date} is not a coupon date of a bond that matures on "
                f"{self.maturity_date}: odd first periods are not supported"
            )


@dataclass(frozen=True, slots=True)
class Outlook:
    """The payments that remain on a settlement date, in the form that pricing needs.

    `periods` payments of `coupon` (per 100) remain, the last with 100 of principal. The first is
    a fraction `stub` of a period away, the others one period apart, `frequency` of them a year.
    `simple` says that the stub is discounted by simple interest. `accrued` is the interest earned
    so far (per 100).
    """

    coupon: float
    periods: int
    stub: float
    frequency: int
    simple: bool
    accrued: float


# Day counts -------------------------------------------------------------------------------------


def days_30_360(start: date, end: date, *, end_of_month: bool = False) -> int:
    """Days from `start` to `end` on the 30/360 bond basis: 2006 ISDA Definitions, 4.16(f).

    With `end_of_month`, for bonds that pay on the last day of a month, the last day of February
    counts as the 30th (the 30U/360 rule of the US market), so that each of their coupon periods
    that starts in February has 180 days too.
    """
    first, last = start.day, end.day
    if end_of_month and _is_end_of_february(start):
        if _is_end_of_february(end):
            last = _THIRTY
        first = _THIRTY
    first = min(first, _THIRTY)
    if first == _THIRTY:
        last = min(last, _THIRTY)
    return _months_between(start, end) * _THIRTY + last - first


def _is_end_of_february(day: date) -> bool:
    return day.month == _FEBRUARY and _is_end_of_month(day)


def _is_end_of_month(day: date) -> bool:
    return day.day == calendar.monthrange(day.year, day.month)[1]


# Schedule and interest --------------------------------------------------------------------------


def coupon_dates(terms: BondTerms) -> tuple[date, ...]:
    """The unadjusted dates on which interest is due, ascending; the last is the maturity.

    They lie a whole number of periods before maturity; a bond that matures on the last day of a
    month pays on last days. Empty for a bill.
    """
    if terms.frequency == 0:
        return ()
    count = _coupons_after(terms, terms.issue_date)
    return tuple(_coupon_date(terms, back) for back in reversed(range(count)))


def coupon_period(terms: BondTerms, settlement: date) -> tuple[date, date]:
    """The coupon dates around `settlement`: the last one on or before it, the next after it.

    Raises ValueError for a bill, and on or after maturity.
    """
    if terms.frequency == 0:
        raise ValueError("a bill has no coupon periods")
    _refuse_matured(terms, settlement)
    left = _coupons_after(terms, max(settlement, terms.issue_date))
    return _coupon_date(terms, left), _coupon_date(terms, left - 1)


def coupon_amount(terms: BondTerms) -> Decimal:
    """One coupon payment, per 100 of face value; 0 for a bill."""
    return terms.coupon_rate * PAR / terms.frequency if terms.frequency else Decimal(0)


def accrued_interest(terms: BondTerms, *, settlement: date) -> Decimal:
    """Interest earned since the last coupon date, per 100 of face value.

    The coupon times the fraction of its period that has passed: actual days over actual days for
    ActAct (ICMA Rule 251; 31 CFR 356 Appendix B section I.A.2), in 30/360 days over
    360/frequency for corporates. Zero for a bill, before issue, and from maturity on, when
    interest is paid rather than accrued.
    """
    if terms.frequency == 0 or settlement >= terms.maturity_date:
        return Decimal(0)
    passed, whole = _days_in_period(terms, settlement)
    return coupon_amount(terms) * passed / whole


def accrued_on(terms: BondTerms, settlements: Iterable[date]) -> Iterator[Decimal]:
    """`accrued_interest` on each date; fast where dates of one coupon period follow each other."""
    coupon, start, end = coupon_amount(terms), date.max, date.min
    for settlement in settlements:
        if terms.frequency == 0 or settlement >= terms.maturity_date:
            yield Decimal(0)
            continue
        day = max(settlement, terms.issue_date)
        if not start <= day < end:
            start, end = coupon_period(terms, day)
        passed, whole = _days_between(terms, start, day, end)
        yield coupon * passed / whole


def _days_in_period(terms: BondTerms, settlement: date) -> tuple[int, int]:
    """(days accrued, days in the period) of the coupon period around `settlement`."""
    settlement = max(settlement, terms.issue_date)
    start, end = coupon_period(terms, settlement)
    return _days_between(terms, start, settlement, end)


def _days_between(terms: BondTerms, start: date, settlement: date, end: date) -> tuple[int, int]:
    """The same, of the coupon period from `start` to `end`."""
    if terms.day_count == "ActAct":
        return (settlement - start).days, (end - start).days
    whole = _YEAR_OF_360 // terms.frequency
    passed = days_30_360(start, settlement, end_of_month=_is_end_of_month(terms.maturity_date))
    # From 28 February to 30 August is 182 such days, yet no more than one coupon accrues.
    return min(passed, whole), whole


def _coupons_after(terms: BondTerms, day: date) -> int:
    """How many coupon dates lie after `day`, maturity included."""
    months = _months_between(day, terms.maturity_date)
    count = months * terms.frequency // _MONTHS
    return count if _coupon_date(terms, count) <= day else count + 1


def _coupon_date(terms: BondTerms, back: int) -> date:
    """The date `back` coupon periods before maturity, which may be before the issue date."""
    maturity = terms.maturity_date
    months = maturity.year * _MONTHS + maturity.month - 1 - back * (_MONTHS // terms.frequency)
    year, month = months // _MONTHS, months % _MONTHS + 1
    length = calendar.monthrange(year, month)[1]
    return date(year, month, length if _is_end_of_month(maturity) else min(maturity.day, length))


def _months_between(start: date, end: date) -> int:
    return (end.year - start.year) * _MONTHS + end.month - start.month


# Price and yield --------------------------------------------------------------------------------


def outlook(terms: BondTerms, *, settlement: date) -> Outlook:
    """What remains to be paid after `settlement`. Raises ValueError on or after maturity."""
    _refuse_matured(terms, settlement)
    settlement = max(settlement, terms.issue_date)
    if terms.frequency == 0:
        return _bill_outlook(terms, settlement)
    passed, whole = _days_in_period(terms, settlement)
    periods = _coupons_after(terms, settlement)
    return Outlook(
        coupon=float(coupon_amount(terms)),
        periods=periods,
        stub=(whole - passed) / whole,
        frequency=terms.frequency,
        simple=periods == 1,
        accrued=float(accrued_interest(terms, settlement=settlement)),
    )


def _bill_outlook(terms: BondTerms, settlement: date) -> Outlook:
    half_year = _days_in_year_after(terms.issue_date) / _BILL_COMPOUNDING
    half_years = (terms.maturity_date - settlement).days / half_year
    # Exactly half a year is simple interest: VI.D.1 covers "not more than one half-year".
    whole = max(math.ceil(half_years) - 1, 0)
    return Outlook(
        coupon=0.0,
        periods=whole + 1,
        stub=half_years - whole,
        frequency=_BILL_COMPOUNDING,
        simple=True,
        accrued=0.0,
    )


def _days_in_year_after(day: date) -> int:
    """365, or 366 when the year that follows `day` contains a 29 February (VI.D)."""
    leap_year = day.year if (day.month, day.day) <= (_FEBRUARY, 28) else day.year + 1
    return 366 if calendar.isleap(leap_year) else 365


def price_from_yield(terms: BondTerms, *, settlement: date, yield_to_maturity: float) -> float:
    """The clean price per 100 at a yield. Raises ValueError on or after maturity."""
    remaining = outlook(terms, settlement=settlement)
    return _present_value(remaining, yield_to_maturity)[0] - remaining.accrued


def dirty_price_from_yield(
    terms: BondTerms, *, settlement: date, yield_to_maturity: float
) -> float:
    """The full price per 100 at a yield, accrued interest included."""
    return _present_value(outlook(terms, settlement=settlement), yield_to_maturity)[0]


def yield_from_price(terms: BondTerms, *, settlement: date, clean_price: Decimal | float) -> float:
    """The yield at which the bond costs `clean_price` per 100.

    In the last period the yield is explicit. Before it, Newton's method runs within a bracket that
    every step narrows. A step that would leave the bracket is replaced by bisection, so that it
    converges from any price. Raises ValueError for a price that is not positive or that no
    yield between -90 % a period and a million gives, and on or after maturity.
    """
    remaining = outlook(terms, settlement=settlement)
    target = float(clean_price) + remaining.accrued
    if not (target > 0 and math.isfinite(target)):
        raise ValueError(f"a bond's price is positive and finite, not {clean_price}")
    if remaining.periods == 1:
        return _yield_in_last_period(remaining, target)
    low, high = _bracket(remaining, target)
    guess = min(max(float(terms.coupon_rate), low), high)
    for _ in range(_NEWTON_STEPS):
        value, slope, _ = _present_value(remaining, guess)
        if value > target:
            low = guess
        else:
            high = guess
        newton = guess - (value - target) / slope
        following = newton if low < newton < high else (low + high) / 2
        if abs(following - guess) <= _YIELD_TOLERANCE:
            return following
        guess = following
    return guess


def _yield_in_last_period(remaining: Outlook, target: float) -> float:
    if remaining.stub == 0:
        raise ValueError("no 30/360 day is left to maturity, so no yield is defined")
    gain = (remaining.coupon + float(PAR)) / target - 1
    return remaining.frequency * gain / remaining.stub


def modified_duration(terms: BondTerms, *, settlement: date, yield_to_maturity: float) -> float:
    """-(dP/dy)/P of the dirty price, in years: 100 basis points move it by about that percent."""
    value, slope, _ = _present_value(outlook(terms, settlement=settlement), yield_to_maturity)
    return -slope / value


def convexity(terms: BondTerms, *, settlement: date, yield_to_maturity: float) -> float:
    """(d2P/dy2)/P of the dirty price, in years squared."""
    value, _, bend = _present_value(outlook(terms, settlement=settlement), yield_to_maturity)
    return bend / value


def _present_value(remaining: Outlook, rate: float) -> tuple[float, float, float]:
    """(P, dP/dy, d2P/dy2): the dirty price per 100 and its derivatives by the yield."""
    per_period = rate / remaining.frequency
    if per_period <= -1:
        raise ValueError(f"a yield of {rate} loses more than everything in a period")
    discount = 1 / (1 + per_period)
    value = slope = bend = 0.0
    for index in range(remaining.periods):
        last = index == remaining.periods - 1
        amount = remaining.coupon + (float(PAR) if last else 0.0)
        time = index if remaining.simple else index + remaining.stub
        present = amount * discount**time
        value += present
        slope -= time * discount * present
        bend += time * (time + 1) * discount**2 * present
    if remaining.simple:
        value, slope, bend = _with_simple_stub(value, slope, bend, remaining.stub, per_period)
    return value, slope / remaining.frequency, bend / remaining.frequency**2


def _with_simple_stub(
    value: float, slope: float, bend: float, stub: float, per_period: float
) -> tuple[float, float, float]:
    """Discount a value at the next payment date to settlement, by the product rule."""
    factor = 1 / (1 + stub * per_period)
    falling = -stub * factor**2
    curving = 2 * stub**2 * factor**3
    return (
        value * factor,
        slope * factor + value * falling,
        bend * factor + 2 * slope * falling + value * curving,
    )


def _bracket(remaining: Outlook, target: float) -> tuple[float, float]:
    """Two yields between which the price passes `target`; price falls as yield rises."""
    low, high = _LOWEST_PERIOD_YIELD * remaining.frequency, 1.0
    if _present_value(remaining, low)[0] < target:
        raise ValueError(f"no yield above {low:.0%} gives a price of {target}")
    while _present_value(remaining, high)[0] > target:
        low, high = high, high * 4
        if high > _HIGHEST_YIELD:
            raise ValueError(f"no yield up to {high:.0%} gives a price of {target}")
    return low, high


def _refuse_matured(terms: BondTerms, settlement: date) -> None:
    if settlement >= terms.maturity_date:
        raise ValueError(f"the bond matured on {terms.maturity_date}")
