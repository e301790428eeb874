"""Dividends: who is entitled to how much."""

from datetime import UTC, date, datetime, timedelta

import pytest

from banking.models import JournalEntry
from exchange.corporate import holders, processing
from exchange.market.rules import calendar
from exchange.models import (
    ActionKind,
    Entitlement,
    TimeInForce,
)
from exchange.tests.corporate.actions import announce_dividend, announce_split, noon
from exchange.tests.market import (
    assert_books_are_right,
    balance,
    make_customer,
    make_instrument,
    place,
    requote,
)

pytestmark = pytest.mark.django_db

BOUGHT_AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def test_a_dividend_is_for_those_who_held_before_the_ex_date_held_shares_included():
    aapl = make_instrument()
    requote(aapl, "99.98", "100.00", BOUGHT_AT)
    early, late = make_customer("early@example.com"), make_customer("late@example.com")
    place(early, "buy", "3", now=BOUGHT_AT)
    place(early, "sell", "1", limit="200.00", time_in_force=TimeInForce.GTC, now=BOUGHT_AT)
    ex_date = date(2026, 3, 4)
    announce_dividend(aapl, "0.255", ex_date=ex_date, payable_date=date(2026, 3, 18))
    midnight = calendar.start_of_day(ex_date)
    requote(aapl, "99.98", "100.00", midnight)
    place(late, "buy", "5", now=midnight)
    requote(aapl, "99.98", "100.00", midnight + timedelta(hours=1))
    place(early, "sell", "2", now=midnight + timedelta(hours=1))

    assert processing.run(now=noon(date(2026, 3, 17))) == []
    processing.run(now=noon(date(2026, 3, 18)))

    # 3 × 0.255 is 0.765: what a customer receives is rounded down.
    given = Entitlement.objects.get()
    assert (given.owner, given.cents) == (early, 76)
    assert_books_are_right()


@pytest.mark.parametrize(
    ("split_on", "run_on", "cents"),
    [
        (date(2026, 3, 3), [date(2026, 3, 3), date(2026, 3, 9)], 300),  # in time
        (date(2026, 3, 3), [date(2026, 3, 9)], 300),  # both late: nobody was there
        (date(2026, 3, 5), [date(2026, 3, 9)], 150),  # after the dividend's ex-date
        (date(2026, 3, 4), [date(2026, 3, 4), date(2026, 3, 9)], 150),  # on it
    ],
)
def test_a_dividend_is_for_the_shares_that_its_ex_date_knows(split_on, run_on, cents):
    aapl, alice = make_instrument(), make_customer()
    requote(aapl, "99.98", "100.00", BOUGHT_AT)
    place(alice, "buy", "3", now=BOUGHT_AT)
    announce_split(aapl, 2, 1, ex_date=split_on)
    announce_dividend(aapl, "0.50", ex_date=date(2026, 3, 4), payable_date=date(2026, 3, 9))

    for day in run_on:
        processing.run(now=noon(day))

    assert Entitlement.objects.get(action__kind="dividend").cents == cents
    assert balance(alice, aapl.asset) == (6, 0)
    assert_books_are_right()


def test_a_dividend_counts_a_split_that_was_left_to_the_simulator():
    aapl, alice = make_instrument(), make_customer()
    requote(aapl, "99.98", "100.00", BOUGHT_AT)
    place(alice, "buy", "0.000003", now=BOUGHT_AT)
    announce_split(aapl, 1, 4, ex_date=date(2026, 3, 3))
    announce_dividend(aapl, "0.50", ex_date=date(2026, 3, 4))

    processing.run(now=noon(date(2026, 3, 4)), without=[ActionKind.SPLIT])

    # Nothing will be left of these shares, so nothing is owed on them.
    assert not Entitlement.objects.exists()


def test_a_dividend_of_less_than_a_cent_is_noted_and_pays_nothing():
    aapl = make_instrument()
    alice = make_customer()
    requote(aapl, "99.98", "100.00", BOUGHT_AT)
    place(alice, "buy", "0.01", now=BOUGHT_AT)
    announce_dividend(aapl, "0.25", ex_date=date(2026, 3, 4))

    (done,) = processing.run(now=noon(date(2026, 3, 4)))

    assert done.holders == 1
    assert Entitlement.objects.get().cents == 0
    assert not JournalEntry.objects.filter(kind="dividend").exists()
    assert_books_are_right()


def test_holders_are_known_as_they_were_at_any_moment():
    aapl, alice = make_instrument(), make_customer()
    requote(aapl, "99.98", "100.00", BOUGHT_AT)
    place(alice, "buy", "3", now=BOUGHT_AT)
    later = BOUGHT_AT + timedelta(seconds=10)
    place(alice, "sell", "3", now=later)

    assert holders.of_record("AAPL", BOUGHT_AT) == []
    assert holders.of_record("AAPL", later) == [(alice.pk, 3_000_000)]
    assert holders.of_record("AAPL", later + timedelta(seconds=1)) == []
    assert holders.current("AAPL") == []
