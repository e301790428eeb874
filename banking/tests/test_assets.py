"""Decimal amounts and integer units, exactly."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banking.rules.assets import USD, Asset, InexactAmount

SCALES = st.integers(min_value=0, max_value=12)
UNITS = st.integers(min_value=-(2**63), max_value=2**63 - 1)
AMOUNTS = st.decimals(
    min_value=-(10**15), max_value=10**15, allow_nan=False, allow_infinity=False, places=9
)


@given(scale=SCALES, units=UNITS)
def test_units_survive_the_way_to_an_amount_and_back(scale, units):
    asset = Asset("TEST", scale)

    assert asset.units(asset.amount(units)) == units


@given(scale=SCALES, amount=AMOUNTS)
def test_an_amount_survives_exactly_or_is_refused(scale, amount):
    asset = Asset("TEST", scale)

    if amount == round(amount, scale):
        assert asset.amount(asset.units(amount)) == amount
    else:
        with pytest.raises(InexactAmount):
            asset.units(amount)


@given(scale=SCALES, amount=AMOUNTS)
def test_rounding_up_covers_and_rounding_down_is_covered_by_less_than_one_unit(scale, amount):
    asset = Asset("TEST", scale)
    up, down = asset.units_up(amount), asset.units_down(amount)

    assert asset.amount(down) <= amount <= asset.amount(up)
    assert up - down == (0 if asset.amount(down) == amount else 1)


def test_ten_cents_and_twenty_cents_are_thirty_cents():
    assert USD.units(Decimal("0.1")) + USD.units(Decimal("0.2")) == USD.units(Decimal("0.3"))


def test_an_amount_shows_all_decimals_of_its_asset():
    assert str(USD.amount(25000)) == "250.00"


def test_half_a_cent_is_refused_and_never_rounded_in_silence():
    with pytest.raises(InexactAmount):
        USD.units(Decimal("0.005"))
