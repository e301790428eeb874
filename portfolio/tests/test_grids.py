"""Sums and values over arrays of integers: the same as one by one, of any size."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from banking.rules.assets import USD
from exchange.market.rules import bonds
from exchange.models import AssetClass, Instrument
from portfolio import valuation
from portfolio.rules import grids, returns
from portfolio.rules.returns import Point
from portfolio.tests import plain_series

START = datetime(2026, 1, 1, tzinfo=UTC)
A_QUANTITY = st.one_of(st.integers(-(10**6), 10**6), st.integers(-(2**63), 2**63 - 1))
A_PRICE = st.one_of(
    st.integers(0, 10**5).map(lambda cents: cents * 10**6), st.integers(0, 10**18 - 1)
)


@given(st.lists(st.tuples(A_QUANTITY, A_PRICE), min_size=1), st.sampled_from(AssetClass.values))
def test_values_in_cents_are_those_of_one_position_each(positions, asset_class):
    instrument = Instrument(symbol="X", asset_class=asset_class, scale=6)
    units, prices = zip(*positions, strict=True)

    values = grids.cents(
        grids.integers(units),
        grids.integers(prices),
        divisor=10**6 * int(instrument.price_divisor),
    )

    assert values.tolist() == [
        USD.units(valuation.dollars(instrument, quantity, Decimal(price).scaleb(-8)))
        for quantity, price in positions
    ]


@given(
    st.one_of(st.integers(-20, 20).map(lambda halves: halves * 500), st.integers(-(10**4), 10**4)),
    st.sampled_from([1, 3, 5]),
)
def test_half_a_cent_is_rounded_to_the_even_one(units, price):
    value = grids.cents(np.array([units]), np.array([price * 10**6]), divisor=1000)
    assert value.tolist() == [round(Fraction(units * price, 1000))]


SOME_CHANGES = st.lists(st.tuples(st.integers(0, 30), A_QUANTITY)).map(
    lambda changes: sorted(changes, key=lambda change: change[0])
)


@given(SOME_CHANGES, st.sets(st.integers(0, 31), min_size=1).map(sorted))
def test_totals_and_the_newest_values_are_those_found_one_by_one(changes, times):
    series = grids.series([at for at, _ in changes], [value for _, value in changes])

    totals = grids.totals_at(np.array(times), series)
    newest, known = grids.newest_at(np.array(times), grids.merged([series]))

    assert totals.tolist() == plain_series.totals_at(times, changes)
    expected = plain_series.newest_at(times, changes)
    assert [value if is_known else None for value, is_known in zip(newest, known, strict=True)] == (
        expected
    )


@given(SOME_CHANGES, SOME_CHANGES)
def test_at_equal_times_the_last_series_counts(first, second):
    found = [grids.series([at for at, _ in each], [x for _, x in each]) for each in (first, second)]
    times: Any = list(range(32))
    newest, known = grids.newest_at(np.array(times), grids.merged(found))
    both = sorted([*first, *second], key=lambda change: change[0])
    assert [value if is_known else None for value, is_known in zip(newest, known, strict=True)] == (
        plain_series.newest_at(times, both)
    )


@given(
    st.lists(st.tuples(st.integers(-(2**60), 2**60), st.integers(1, 10**13)), min_size=1),
    st.sampled_from([1, 10**6]),
)
@example([(2**53 - 1, 10**11 - 1), (-1, 3), (0, 7)], 1)
@example([(2**53 + 1, 2), (2**54 + 2, 4)], 1)
def test_quotients_of_integers_are_those_of_decimals(pairs, common):
    pairs = [(value * common, divisor * common) for value, divisor in pairs]
    values, divisors = (grids.integers(column) for column in zip(*pairs, strict=True))

    assert grids.quotients(values, divisors).tolist() == [
        float(Decimal(value) / Decimal(divisor)) for value, divisor in pairs
    ]
    assert grids.quotients(values, divisors[:1]).tolist() == [
        float(Decimal(value) / Decimal(pairs[0][1])) for value, _ in pairs
    ]


CENTS = st.one_of(st.just(0), st.integers(-(10**4), 10**9))


@given(st.lists(st.tuples(CENTS, st.one_of(st.just(0), CENTS)), min_size=1))
def test_a_time_weighted_return_of_cents_is_that_of_dollars(worth):
    points = [
        Point(START + number * timedelta(days=1), USD.amount(equity), USD.amount(flow))
        for number, (equity, flow) in enumerate(worth)
    ]
    assert returns.twr_of_cents(
        [equity for equity, _ in worth], [flow for _, flow in worth]
    ) == returns.twr_series(points)


@pytest.mark.parametrize("day_count", ["ActAct", "30/360"])
@given(st.lists(st.integers(-100, 3000)))
def test_interest_on_many_dates_is_that_of_each(day_count, days):
    terms = bonds.BondTerms(
        coupon_rate=Decimal("0.043750"),
        issue_date=date(2024, 2, 29),
        maturity_date=date(2030, 8, 31),
        frequency=2,
        day_count=day_count,
        face_value=Decimal(1000),
    )
    dates = [date(2024, 2, 29) + timedelta(days=number) for number in days]
    assert list(bonds.accrued_on(terms, dates)) == [
        bonds.accrued_interest(terms, settlement=each) for each in dates
    ]
