"""Rounding of fills, and the cents to hold."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from banking.rules.assets import Asset
from exchange.trading.rules import amounts
from exchange.trading.rules.amounts import Cash, Totals

AAPL = Asset("AAPL", 6)
ONE = Decimal(1)


def value(units: int, price: str) -> Decimal:
    return amounts.exact_value(AAPL, units, Decimal(price), ONE)


def test_a_buyer_pays_the_next_whole_cent_and_a_seller_receives_the_last_one():
    # 0.333333 at 10.01 is 3.33666333 dollars.
    after = Totals().plus(value(333_333, "10.01"), 0)
    assert amounts.bought(Totals(), after) == Cash(334, 0)
    assert amounts.sold(Totals(), after) == Cash(333, 0)


def test_a_bonds_price_is_per_hundred_of_face():
    face = Asset("ACME-2033", 2)
    assert amounts.exact_value(face, 1_000_00, Decimal("98.5"), Decimal(100)) == Decimal(985)


def test_a_fee_is_rounded_up_and_comes_on_top():
    # 25 basis points of 100.10 dollars are 25.025 cents.
    after = Totals().plus(Decimal("100.10"), 25)
    assert amounts.bought(Totals(), after) == Cash(10010, 26)
    # The seller is left with the last whole cent of 100.10 - 0.25025.
    assert amounts.sold(Totals(), after) == Cash(10010, 26)


def test_a_fill_too_small_for_a_cent_never_costs_the_seller_anything():
    first = Totals().plus(Decimal("4.00"), 25)
    assert amounts.sold(Totals(), first) == Cash(400, 1)
    dust = first.plus(Decimal("0.004"), 25)
    assert dust.fee > Decimal("0.01"), "the fee passes a whole cent"
    fill = amounts.sold(first, dust)
    assert fill.cents - fill.fee_cents == 0


fills = st.lists(
    st.tuples(st.integers(1, 10**9), st.decimals("0.0001", "5000", places=4)),
    min_size=1,
    max_size=8,
)


@given(fills, st.sampled_from([0, 15, 25]))
def test_however_an_order_is_cut_it_costs_the_exact_value_rounded_once(
    cuts: list[tuple[int, Decimal]], fee_bps: int
):
    totals, paid, received = Totals(), Cash(0, 0), Cash(0, 0)
    exact = Fraction(0)
    for units, price in cuts:
        after = totals.plus(amounts.exact_value(AAPL, units, price, ONE), fee_bps)
        bought, sold = amounts.bought(totals, after), amounts.sold(totals, after)
        assert min(bought.cents, bought.fee_cents, sold.fee_cents) >= 0
        assert sold.cents >= sold.fee_cents
        paid = Cash(paid.cents + bought.cents, paid.fee_cents + bought.fee_cents)
        received = Cash(received.cents + sold.cents, received.fee_cents + sold.fee_cents)
        exact += Fraction(units, 10**6) * Fraction(price) * 100
        totals = after
    assert 0 <= paid.cents - exact < 1
    exact_fee = exact * fee_bps / 10_000
    assert 0 <= exact - exact_fee - (received.cents - received.fee_cents) < 1
    assert 0 <= paid.fee_cents - exact_fee < 1


@given(fills, st.decimals("0", "1", places=4), st.sampled_from([0, 15, 25]))
def test_a_hold_always_covers_what_the_next_fill_takes(
    cuts: list[tuple[int, Decimal]], improvement: Decimal, fee_bps: int
):
    """Whatever the fills are, the hold shrinks by at least what each of them costs."""
    limit = max(price for _, price in cuts)
    left = sum(units for units, _ in cuts)
    totals = Totals()
    held = amounts.cents_to_hold(totals, amounts.exact_value(AAPL, left, limit, ONE), fee_bps)
    for units, price in cuts:
        left -= units
        after = totals.plus(
            amounts.exact_value(AAPL, units, min(price, limit) * (1 - improvement / 2), ONE),
            fee_bps,
        )
        cost = amounts.bought(totals, after)
        still = amounts.cents_to_hold(after, amounts.exact_value(AAPL, left, limit, ONE), fee_bps)
        assert held - still >= cost.cents + cost.fee_cents
        held, totals = still, after
    assert held == 0
