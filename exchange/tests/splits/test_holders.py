"""Holders and holds after a split, also with orders at the same time."""

from decimal import Decimal
from fractions import Fraction
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banking.models import JournalEntry, LedgerAccount
from banking.tests.parallel import at_once
from be.kernel.refusals import Refusal
from exchange.corporate import processing
from exchange.corporate.rules import terms
from exchange.models import (
    Entitlement,
    Quote,
)
from exchange.tests.market import (
    NOW,
    assert_books_are_right,
    balance,
    make_customer,
    make_instrument,
    place,
    set_quote,
)
from exchange.tests.splits.cast import LATER, enter_split, gtc, shares, split
from exchange.trading import orders

pytestmark = pytest.mark.django_db


def test_holders_get_new_shares_for_old_and_the_market_quotes_them(aapl, alice):
    place(alice, "buy", "10.5")
    cash = balance(alice)

    split(aapl, 4, 1)

    assert shares(alice, aapl) == (42, 0)
    assert balance(alice) == cash
    quote = Quote.objects.get()
    assert (quote.bid, quote.ask, quote.price) == (
        Decimal("49.99"),
        Decimal("50.00"),
        Decimal("49.99"),
    )
    assert quote.ask_size == aapl.asset.units(Decimal(4_000_000))
    assert_books_are_right()


def test_a_fraction_of_the_smallest_unit_is_dropped(aapl, alice):
    place(alice, "buy", "10.000001")

    split(aapl, 1, 3)

    assert shares(alice, aapl) == (Decimal("3.333333"), 0)
    given = Entitlement.objects.get()
    assert (given.units, given.units_after) == (10_000_001, 3_333_333)
    assert_books_are_right()


def test_an_instrument_without_quote_candles_and_holders_can_be_split_too():
    action = enter_split(make_instrument(), 2, 1)

    (done,) = processing.run(now=LATER)

    assert (done.action, done.holders) == (action, 0)


def test_what_is_too_little_to_change_is_noted_and_not_posted(aapl, alice):
    place(alice, "buy", "0.000001")

    split(aapl, 3, 2)

    given = Entitlement.objects.get()
    assert (given.units, given.units_after) == (1, 1)
    assert not JournalEntry.objects.filter(kind="split").exists()
    assert_books_are_right()


@pytest.mark.django_db(transaction=True)
def test_orders_that_come_during_a_split_are_before_it_or_after_it():
    aapl, alice = make_instrument(), make_customer(dollars="1000000")
    set_quote(aapl, "199.98", "200.00", size="1000000")
    place(alice, "buy", "100")
    enter_split(aapl, 2, 1)

    def attempt(call):
        try:
            call()
        except Refusal as refusal:
            return refusal.code
        return ""

    calls = [
        *[partial(processing.run, now=LATER)] * 2,
        *[partial(place, alice, "buy", "1")] * 5,
        *[partial(place, alice, "sell", "1")] * 5,
        *[partial(gtc, alice, "sell", "1", "300.00")] * 4,
        partial(orders.cancel_all, owner_id=alice.pk, now=NOW),
    ]
    assert set(at_once([partial(attempt, call) for call in calls])) == {""}

    assert JournalEntry.objects.filter(kind="split").count() == 1
    account = LedgerAccount.objects.get(owner=alice, asset="AAPL")
    given = Entitlement.objects.get()
    assert given.units_after == 2 * given.units
    assert account.available + account.held >= 195_000_000
    assert_books_are_right()


@given(
    units=st.integers(1, 10**12),
    parts=st.lists(st.integers(0, 10**9), max_size=5),
    new=st.integers(1, 50),
    old=st.integers(1, 50),
)
def test_what_holds_reserve_is_never_more_than_what_there_is(units, parts, new, old):
    ratio = Fraction(new, old)
    reserved = [part for part in parts if part <= units // len(parts)]

    after = sum(terms.units_after_split(part, ratio) for part in reserved)

    assert after <= terms.units_after_split(units, ratio)
    assert terms.units_after_split(units - sum(reserved), ratio) <= (
        terms.units_after_split(units, ratio) - after
    )


@given(
    quantity=st.integers(1, 10**9),
    cents=st.integers(1, 10**6),
    new=st.integers(1, 50),
    old=st.integers(1, 50),
)
def test_what_was_held_for_a_buy_covers_it_after_a_split(quantity, cents, new, old):
    ratio, price = Fraction(new, old), Decimal(cents) / 100
    new_price = terms.order_price_after_split(price, ratio, Decimal("0.01"), "stock", buys=True)

    assert Fraction(new_price) * terms.units_after_split(quantity, ratio) <= (
        Fraction(price) * quantity
    )
