"""Bonds as QuantLib sees them: a few hundred, generated, to 1e-8. Run by `make test-oracle`.

Conventions are matched, not copied: QuantLib discounts a last coupon period by compounding unless
it is asked for simple interest (`SimpleThenCompounded`), and its 30/360 pays uneven coupons on
month-end schedules, which are left out.
"""

import calendar as months
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.market.rules import bonds

ql = pytest.importorskip("QuantLib")

pytestmark = pytest.mark.oracle

CLOSE = 1e-8
COUNT = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def as_ql(day: date) -> Any:
    return ql.Date(day.day, day.month, day.year)


@st.composite
def traded_bonds(draw: Any, *, day_count: str) -> tuple[bonds.BondTerms, date, float]:
    """A coupon bond, a settlement date in its life, and a yield."""
    frequency = draw(st.sampled_from([1, 2, 4] if day_count == "30/360" else [1, 2]))
    month_end = day_count == "ActAct" and draw(st.booleans())
    issued = draw(st.dates(date(2000, 1, 1), date(2030, 12, 31)))
    day = months.monthrange(issued.year, issued.month)[1] if month_end else min(issued.day, 27)
    issued = issued.replace(day=day)
    years = draw(st.integers(1, 30))
    last = months.monthrange(issued.year + years, issued.month)[1]
    matures = issued.replace(year=issued.year + years, day=last if month_end else issued.day)
    terms = bonds.BondTerms(
        coupon_rate=Decimal(draw(st.integers(1, 1200))) / 10000,
        issue_date=issued,
        maturity_date=matures,
        frequency=frequency,
        day_count="ActAct" if day_count == "ActAct" else "30/360",
        face_value=Decimal(100),
    )
    settled = issued + timedelta(days=draw(st.integers(0, (matures - issued).days - 3)))
    return terms, settled, draw(st.integers(-50, 1500)) / 10000


def quantlib_bond(terms: bonds.BondTerms) -> tuple[Any, Any]:
    month_end = (
        terms.maturity_date.day
        == months.monthrange(terms.maturity_date.year, terms.maturity_date.month)[1]
    )
    schedule = ql.Schedule(
        as_ql(terms.issue_date),
        as_ql(terms.maturity_date),
        ql.Period(12 // terms.frequency, ql.Months),
        ql.NullCalendar(),
        ql.Unadjusted,
        ql.Unadjusted,
        ql.DateGeneration.Backward,
        month_end,
    )
    counter = (
        ql.ActualActual(ql.ActualActual.ISMA, schedule)
        if terms.day_count == "ActAct"
        else ql.Thirty360(ql.Thirty360.BondBasis)
    )
    rate = float(terms.coupon_rate)
    bond = ql.FixedRateBond(0, 100.0, schedule, [rate], counter)
    return bond, counter


def check(terms: bonds.BondTerms, settled: date, rate: float) -> None:
    bond, counter = quantlib_bond(terms)
    day = as_ql(settled)
    ql.Settings.instance().evaluationDate = day
    remaining = bonds.outlook(terms, settlement=settled)
    compounding = ql.SimpleThenCompounded if remaining.simple else ql.Compounded
    frequency = {1: ql.Annual, 2: ql.Semiannual, 4: ql.Quarterly}[terms.frequency]

    accrued = bonds.accrued_interest(terms, settlement=settled)
    assert float(accrued) == pytest.approx(bond.accruedAmount(day), abs=CLOSE)

    clean = bonds.price_from_yield(terms, settlement=settled, yield_to_maturity=rate)
    theirs = bond.cleanPrice(rate, counter, compounding, frequency, day)
    assert clean == pytest.approx(theirs, abs=CLOSE)

    found = bonds.yield_from_price(terms, settlement=settled, clean_price=clean)
    assert found == pytest.approx(rate, abs=CLOSE)

    interest = ql.InterestRate(rate, counter, compounding, frequency)
    functions = ql.BondFunctions
    duration = bonds.modified_duration(terms, settlement=settled, yield_to_maturity=rate)
    convexity = bonds.convexity(terms, settlement=settled, yield_to_maturity=rate)
    if not remaining.simple:
        modified = functions.duration(bond, interest, ql.Duration.Modified, day)
        assert duration == pytest.approx(modified, abs=1e-7)
        assert convexity == pytest.approx(functions.convexity(bond, interest, day), rel=1e-7)


@COUNT
@given(traded_bonds(day_count="ActAct"))
def test_treasuries_agree_with_quantlib(found: tuple[bonds.BondTerms, date, float]) -> None:
    check(*found)


@COUNT
@given(traded_bonds(day_count="30/360"))
def test_corporates_agree_with_quantlib(found: tuple[bonds.BondTerms, date, float]) -> None:
    check(*found)
