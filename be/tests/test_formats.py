"""How numbers and times are written."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banking.rules.assets import USD, Asset
from be.kernel.formats import money, money_cents, plain, plain_units, price_text, time_text


@pytest.mark.parametrize(
    ("value", "text"),
    [("1.50", "1.5"), ("1.9E+2", "190"), ("0E-8", "0"), ("-0", "0"), ("-1.10", "-1.1")],
)
def test_plain_notation(value: str, text: str):
    assert plain(Decimal(value)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15))
def test_plain_notation_loses_nothing(value: Decimal):
    text = plain(value)
    assert Decimal(text) == value
    assert "E" not in text


def test_money_has_both_cents():
    assert money(Decimal(10)) == "10.00"


@pytest.mark.parametrize(
    ("price", "increment", "text"),
    [
        ("191.5", "0.01", "191.50"),
        ("191.255", "0.01", "191.255"),
        ("99.50390625", "0.00390625", "99.50390625"),
        ("100", "0.00390625", "100.00000000"),
        ("190.00000000", "0.01000000", "190.00"),
    ],
)
def test_a_price_has_the_decimals_of_its_grid(price: str, increment: str, text: str):
    assert price_text(Decimal(price), Decimal(increment)) == text


def test_times_are_in_utc_with_z():
    eastern = timezone(timedelta(hours=-5))
    at = datetime(2026, 3, 2, 10, 0, 0, 5, tzinfo=eastern)
    assert time_text(at) == "2026-03-02T15:00:00.000005Z"
    assert time_text(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00.000000Z"


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 18))
def test_units_are_written_as_the_decimal_that_they_are(units: int, scale: int):
    assert plain_units(units, scale) == plain(Asset("X", scale).amount(units))


@given(st.integers(-(2**63), 2**63 - 1))
def test_cents_are_written_as_the_dollars_that_they_are(cents: int):
    assert money_cents(cents) == money(USD.amount(cents))
