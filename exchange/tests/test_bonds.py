"""Bond arithmetic against published examples.

ISDA: "30/360 day count conventions", the worked examples that accompany the 2006 Definitions.
CFR: 31 CFR part 356, Appendix B. Excel: Microsoft's documentation of PRICE, YIELD and MDURATION.
HP: HP 12C owner's manual, "Bond price" and "Bond yield".
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.market.rules import bonds, calendar
from exchange.market.rules.bonds import BondTerms


def terms(
    coupon="0.04",
    issued=date(2025, 11, 15),
    matures=date(2035, 11, 15),
    frequency=2,
    day_count="ActAct",
):
    return BondTerms(
        coupon_rate=Decimal(coupon),
        issue_date=issued,
        maturity_date=matures,
        frequency=frequency,
        day_count=day_count,
        face_value=Decimal(100),
    )


def bill(issued, matures):
    return terms(coupon="0", issued=issued, matures=matures, frequency=0)


# Day counts

ISDA_EXAMPLES = [
    # Example 1: end dates do not involve the last day of February
    (date(2006, 8, 20), date(2007, 2, 20), 180),
    (date(2007, 2, 20), date(2007, 8, 20), 180),
    (date(2007, 8, 20), date(2008, 2, 20), 180),
    (date(2008, 2, 20), date(2008, 8, 20), 180),
    (date(2008, 8, 20), date(2009, 2, 20), 180),
    (date(2009, 2, 20), date(2009, 8, 20), 180),
    # Example 2: end dates include some end-February dates
    (date(2006, 8, 31), date(2007, 2, 28), 178),
    (date(2007, 2, 28), date(2007, 8, 31), 183),
    (date(2007, 8, 31), date(2008, 2, 29), 179),
    (date(2008, 2, 29), date(2008, 8, 31), 182),
    (date(2008, 8, 31), date(2009, 2, 28), 178),
    (date(2009, 2, 28), date(2009, 8, 31), 183),
    # Example 3: miscellaneous calculations
    (date(2006, 1, 31), date(2006, 2, 28), 28),
    (date(2006, 1, 30), date(2006, 2, 28), 28),
    (date(2006, 2, 28), date(2006, 3, 3), 5),
    (date(2006, 2, 14), date(2006, 2, 28), 14),
    (date(2006, 9, 30), date(2006, 10, 31), 30),
    (date(2006, 10, 31), date(2006, 11, 28), 28),
    (date(2007, 8, 31), date(2008, 2, 28), 178),
    (date(2008, 2, 28), date(2008, 8, 28), 180),
    (date(2008, 2, 28), date(2008, 8, 30), 182),
    (date(2008, 2, 28), date(2008, 8, 31), 183),
    (date(2007, 2, 26), date(2008, 2, 28), 362),
    (date(2007, 2, 26), date(2008, 2, 29), 363),
    (date(2008, 2, 29), date(2009, 2, 28), 359),
    (date(2008, 2, 28), date(2008, 3, 30), 32),
    (date(2008, 2, 28), date(2008, 3, 31), 33),
]


@pytest.mark.parametrize(("start", "end", "days"), ISDA_EXAMPLES)
def test_30_360_counts_days_as_in_isdas_worked_examples(start, end, days):
    assert bonds.days_30_360(start, end) == days


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        (date(2007, 2, 28), date(2007, 8, 31), 180),
        (date(2008, 2, 29), date(2008, 8, 31), 180),
        (date(2008, 2, 29), date(2009, 2, 28), 360),
        (date(2008, 2, 28), date(2008, 8, 31), 183),  # not the end of that February
    ],
)
def test_30_360_of_a_month_end_bond_takes_the_end_of_february_for_the_30th(start, end, days):
    assert bonds.days_30_360(start, end, end_of_month=True) == days


# Schedule


def test_coupon_dates_count_back_from_maturity_and_leave_the_issue_date_out():
    bond = terms(issued=date(2025, 11, 15), matures=date(2027, 5, 15))

    assert bonds.coupon_dates(bond) == (date(2026, 5, 15), date(2026, 11, 15), date(2027, 5, 15))


@pytest.mark.parametrize(
    ("issued", "matures", "expected"),
    [
        # CFR section I.A.1: May 31 to November 30, and February 29 to August 31
        (date(2025, 5, 31), date(2026, 5, 31), [date(2025, 11, 30), date(2026, 5, 31)]),
        (date(2027, 8, 31), date(2028, 8, 31), [date(2028, 2, 29), date(2028, 8, 31)]),
        (date(2026, 2, 28), date(2027, 2, 28), [date(2026, 8, 31), date(2027, 2, 28)]),
        # not the last day of its month: the 30th, or as near to it as February allows
        (date(2025, 8, 30), date(2026, 8, 30), [date(2026, 2, 28), date(2026, 8, 30)]),
    ],
)
def test_a_bond_that_matures_at_a_month_end_pays_at_month_ends(issued, matures, expected):
    assert bonds.coupon_dates(terms(issued=issued, matures=matures)) == tuple(expected)


def test_a_bill_pays_no_coupons():
    short = bill(date(2026, 8, 13), date(2027, 8, 12))

    assert bonds.coupon_dates(short) == ()
    assert bonds.coupon_amount(short) == 0
    with pytest.raises(ValueError, match="no coupon periods"):
        bonds.coupon_period(short, date(2026, 9, 1))


@pytest.mark.parametrize(
    ("day", "period"),
    [
        (date(2026, 5, 14), (date(2025, 11, 15), date(2026, 5, 15))),
        (date(2026, 5, 15), (date(2026, 5, 15), date(2026, 11, 15))),
        (date(2020, 1, 1), (date(2025, 11, 15), date(2026, 5, 15))),  # when issued
    ],
)
def test_a_coupon_date_begins_the_next_period(day, period):
    assert bonds.coupon_period(terms(), day) == period


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        # CFR section I.A.2, table 1, "1st or 15th": the half-year's number of days
        (date(2026, 1, 15), date(2026, 7, 15), 181),
        (date(2028, 1, 15), date(2028, 7, 15), 182),
        (date(2026, 4, 15), date(2026, 10, 15), 183),
        (date(2026, 5, 15), date(2026, 11, 15), 184),
        # "last day"
        (date(2026, 2, 28), date(2026, 8, 31), 184),
        (date(2026, 8, 31), date(2027, 2, 28), 181),
        (date(2027, 8, 31), date(2028, 2, 29), 182),
    ],
)
def test_a_days_interest_is_the_coupon_over_the_actual_days_of_the_half_year(first, last, days):
    bond = terms(coupon="0.08", issued=first, matures=last)

    accrued = bonds.accrued_interest(bond, settlement=first + timedelta(days=1))

    assert accrued == Decimal(4) / days


# Accrued interest


def test_accrued_interest_of_the_treasurys_reopened_note():
    # CFR section II.D: 9 1/2 % note accruing from November 15, issued November 29, 1985.
    note = terms(coupon="0.095", issued=date(1985, 11, 15), matures=date(1995, 11, 15))

    accrued = bonds.accrued_interest(note, settlement=date(1985, 11, 29))

    assert round(accrued, 6) == Decimal("0.367403")


def test_accrued_interest_of_the_treasurys_reopened_bond():
    # CFR section I.D: of the 10 3/4 % bond of 2005, reopened November 4, 1985, $1,000 earn
    # $.292119565 a day in the 184-day half-year from August 15, for 81 days.
    bond = terms(coupon="0.1075", issued=date(1985, 8, 15), matures=date(2005, 8, 15))

    accrued = bonds.accrued_interest(bond, settlement=date(1985, 11, 4))

    assert round(accrued * 10 / 81, 9) == Decimal("0.292119565")


def test_a_corporate_bond_accrues_by_30_day_months():
    bond = terms(
        coupon="0.06", issued=date(2025, 12, 1), matures=date(2030, 12, 1), day_count="30/360"
    )

    assert bonds.accrued_interest(bond, settlement=date(2026, 3, 1)) == Decimal("1.5")
    assert bonds.accrued_interest(bond, settlement=date(2026, 5, 31)) == 3


def test_interest_neither_accrues_before_issue_nor_from_maturity_on():
    bond = terms()

    assert bonds.accrued_interest(bond, settlement=date(2025, 11, 1)) == 0
    assert bonds.accrued_interest(bond, settlement=bond.issue_date) == 0
    assert bonds.accrued_interest(bond, settlement=bond.maturity_date) == 0


@given(st.integers(0, 3651), st.sampled_from(["ActAct", "30/360"]))
def test_accrued_interest_never_exceeds_the_coupon_and_starts_again_after_it(days, day_count):
    bond = terms(matures=date(2036, 2, 29), issued=date(2026, 2, 28), day_count=day_count)
    settlement = bond.issue_date + timedelta(days=days)

    accrued = bonds.accrued_interest(bond, settlement=settlement)

    assert 0 <= accrued <= bonds.coupon_amount(bond)
    assert (accrued == 0) == (settlement in {bond.issue_date, *bonds.coupon_dates(bond)})


# Price and yield


def test_price_of_the_treasurys_thirty_year_bond():
    # CFR section II.A: 8 3/4 % 30-year bond issued May 15, 1990, yield 8.84 %: 99.057893.
    bond = terms(coupon="0.0875", issued=date(1990, 5, 15), matures=date(2020, 5, 15))

    price = bonds.price_from_yield(bond, settlement=date(1990, 5, 15), yield_to_maturity=0.0884)

    assert round(price, 6) == 99.057893


def test_price_and_yield_of_excels_corporate_bond():
    # Excel, PRICE: settlement 2/15/2008, maturity 11/15/2017, 5.75 %, yield 6.5 %: 94.63436162.
    bond = terms(
        coupon="0.0575",
        issued=date(2007, 11, 15),
        matures=date(2017, 11, 15),
        day_count="30/360",
    )

    price = bonds.price_from_yield(bond, settlement=date(2008, 2, 15), yield_to_maturity=0.065)

    assert round(price, 8) == 94.63436162
    # Excel, YIELD: settlement 2/15/2008, maturity 11/15/2016, 5.75 %, 95.04287: 6.5 %.
    shorter = terms(
        coupon="0.0575",
        issued=date(2007, 11, 15),
        matures=date(2016, 11, 15),
        day_count="30/360",
    )
    result = bonds.yield_from_price(
        shorter, settlement=date(2008, 2, 15), clean_price=Decimal("95.04287")
    )
    assert result == pytest.approx(0.065, abs=5e-8)


def test_price_of_the_hp_12cs_treasury_bond():
    # HP: 6.75 % of June 4, 2018, bought April 28, 2004 to yield 8.25 %: 87.62, with accrued 90.31.
    bond = terms(coupon="0.0675", issued=date(2003, 12, 4), matures=date(2018, 6, 4))
    settlement = date(2004, 4, 28)

    clean = bonds.price_from_yield(bond, settlement=settlement, yield_to_maturity=0.0825)
    dirty = bonds.dirty_price_from_yield(bond, settlement=settlement, yield_to_maturity=0.0825)

    assert round(clean, 2) == 87.62
    assert round(dirty, 2) == 90.31
    assert dirty - clean == pytest.approx(
        float(bonds.accrued_interest(bond, settlement=settlement)), abs=1e-12
    )


def test_investment_rate_of_the_treasurys_52_week_bill():
    # CFR section VI.D.2: issued June 7, 1990, due June 6, 1991, 92.265000: 8.237 %.
    short = bill(date(1990, 6, 7), date(1991, 6, 6))

    rate = bonds.yield_from_price(
        short, settlement=date(1990, 6, 7), clean_price=Decimal("92.265000")
    )

    assert round(rate, 9) == 0.082373244


def test_investment_rate_of_the_treasurys_cash_management_bill():
    # CFR section VI.D.1: issued June 1, 1990, due June 21, 1990, 99.559444. The published .080756
    # rounds (100 - P)/P to six decimals on the way.
    short = bill(date(1990, 6, 1), date(1990, 6, 21))

    rate = bonds.yield_from_price(
        short, settlement=date(1990, 6, 1), clean_price=Decimal("99.559444")
    )

    assert rate == pytest.approx(0.080756, abs=2e-6)


@pytest.mark.parametrize(
    ("issued", "days_in_year"), [(date(2027, 2, 28), 365), (date(2027, 3, 1), 366)]
)
def test_a_bills_year_is_longer_when_a_29_february_follows_its_issue(issued, days_in_year):
    short = bill(issued, issued + timedelta(days=91))

    price = bonds.price_from_yield(short, settlement=issued, yield_to_maturity=0.04)

    assert price == pytest.approx(100 / (1 + 0.04 * 91 / days_in_year), abs=1e-12)


def test_in_the_last_coupon_period_interest_is_simple():
    bond = terms(coupon="0.06", issued=date(2025, 11, 15), matures=date(2026, 11, 15))
    settlement = date(2026, 8, 15)  # 92 of 184 days after the last coupon

    dirty = bonds.dirty_price_from_yield(bond, settlement=settlement, yield_to_maturity=0.05)

    assert dirty == pytest.approx(103 / (1 + 0.5 * 0.025), abs=1e-12)


@given(
    coupon=st.integers(0, 1500).map(lambda rate: Decimal(rate) / 10_000),
    years=st.integers(1, 30),
    days=st.integers(0, 10_000),
    rate=st.floats(-0.02, 0.40),
    frequency=st.sampled_from([1, 2, 4]),
    day_count=st.sampled_from(["ActAct", "30/360"]),
)
def test_the_yield_of_the_price_of_a_yield_is_that_yield(
    coupon, years, days, rate, frequency, day_count
):
    matures = date(2026 + years, 11, 15)
    bond = terms(
        coupon=coupon,
        issued=date(2026, 11, 15),
        matures=matures,
        frequency=frequency,
        day_count=day_count,
    )
    settlement = bond.issue_date + timedelta(days=days % (matures - bond.issue_date).days)

    price = bonds.price_from_yield(bond, settlement=settlement, yield_to_maturity=rate)
    found = bonds.yield_from_price(bond, settlement=settlement, clean_price=price)

    # The price resolves a yield the worse, the less time is left.
    assert found == pytest.approx(rate, abs=1e-9)


@given(days=st.integers(0, 363), rate=st.floats(-0.02, 0.40))
def test_the_yield_of_the_price_of_a_bills_yield_is_that_yield(days, rate):
    short = bill(date(2026, 8, 13), date(2027, 8, 12))
    settlement = short.issue_date + timedelta(days=days)

    price = bonds.price_from_yield(short, settlement=settlement, yield_to_maturity=rate)
    found = bonds.yield_from_price(short, settlement=settlement, clean_price=price)

    assert found == pytest.approx(rate, abs=1e-9)


def test_at_its_coupon_rate_a_bond_costs_par_on_every_coupon_date():
    bond = terms(coupon="0.04625", issued=date(2026, 11, 15), matures=date(2056, 11, 15))

    for settlement in (bond.issue_date, *bonds.coupon_dates(bond)[:-1]):
        price = bonds.price_from_yield(bond, settlement=settlement, yield_to_maturity=0.04625)
        assert price == pytest.approx(100, abs=1e-10)


@pytest.mark.parametrize("price", [Decimal("0.01"), Decimal(1), Decimal(60), Decimal(400)])
def test_a_yield_is_found_at_prices_far_from_par(price):
    bond = terms()
    settlement = date(2026, 3, 2)

    found = bonds.yield_from_price(bond, settlement=settlement, clean_price=price)

    assert bonds.price_from_yield(
        bond, settlement=settlement, yield_to_maturity=found
    ) == pytest.approx(float(price), rel=1e-9)


# Risk


def test_modified_duration_of_excels_treasury_note():
    # Excel, MDURATION: settlement 1/1/2008, maturity 1/1/2016, 8 %, yield 9 %, basis 1: 5.73567.
    note = terms(coupon="0.08", issued=date(2008, 1, 1), matures=date(2016, 1, 1))

    duration = bonds.modified_duration(note, settlement=date(2008, 1, 1), yield_to_maturity=0.09)

    assert round(duration, 5) == 5.73567


@pytest.mark.parametrize("settlement", [date(2026, 3, 2), date(2035, 6, 1), date(2035, 11, 14)])
def test_duration_and_convexity_are_the_derivatives_of_the_dirty_price(settlement):
    bond, rate, step = terms(), 0.043, 1e-4

    def price(at):
        return bonds.dirty_price_from_yield(bond, settlement=settlement, yield_to_maturity=at)

    duration = bonds.modified_duration(bond, settlement=settlement, yield_to_maturity=rate)
    convexity = bonds.convexity(bond, settlement=settlement, yield_to_maturity=rate)

    slope = (price(rate + step) - price(rate - step)) / (2 * step)
    bend = (price(rate + step) - 2 * price(rate) + price(rate - step)) / step**2
    assert duration == pytest.approx(-slope / price(rate), rel=1e-5)
    assert convexity == pytest.approx(bend / price(rate), rel=1e-3)


# Refusals


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"matures": date(2025, 11, 15)}, "mature after its issue"),
        ({"day_count": "30E/360"}, "unknown day count"),
        ({"frequency": 3}, "not 3"),
        ({"coupon": "-0.01"}, "not negative"),
        ({"frequency": 0}, "a bill's is 0"),
        ({"issued": date(2025, 12, 1)}, "odd first periods"),
    ],
)
def test_terms_that_cannot_be_priced_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        terms(**changed)


def test_a_matured_bond_has_neither_price_nor_yield():
    bond = terms()

    with pytest.raises(ValueError, match="matured on 2035-11-15"):
        bonds.price_from_yield(bond, settlement=bond.maturity_date, yield_to_maturity=0.04)
    with pytest.raises(ValueError, match="matured on 2035-11-15"):
        bonds.yield_from_price(bond, settlement=bond.maturity_date, clean_price=Decimal(100))


@pytest.mark.parametrize("price", [Decimal(0), Decimal(-5), Decimal("NaN"), Decimal("Infinity")])
def test_a_price_that_is_not_positive_and_finite_has_no_yield(price):
    with pytest.raises(ValueError, match="positive and finite"):
        bonds.yield_from_price(terms(), settlement=date(2025, 11, 15), clean_price=price)


# Settlement


@pytest.mark.parametrize(
    ("day", "following"),
    [
        (date(2026, 11, 19), date(2026, 11, 20)),  # Thursday
        (date(2026, 11, 20), date(2026, 11, 23)),  # Friday
        (date(2026, 11, 21), date(2026, 11, 23)),
        (date(2026, 11, 22), date(2026, 11, 23)),
    ],
)
def test_nothing_settles_on_a_weekend(day, following):
    assert calendar.settlement_day_after(day) == following


def test_trades_settle_on_the_business_day_after_the_day_in_new_york():
    evening = datetime(2026, 11, 18, 3, 0, tzinfo=UTC)  # still Tuesday the 17th in New York

    assert calendar.settlement_date(evening) == date(2026, 11, 18)
    assert calendar.settlement_date(evening + timedelta(hours=3)) == date(2026, 11, 19)
