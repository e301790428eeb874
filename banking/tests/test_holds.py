"""Holds: they reserve money, and end once."""

import uuid

import pytest
from django.db import IntegrityError, transaction

from banking import holds, ledger
from banking.ledger import HoldSpent, InsufficientFunds, Line
from banking.models import Bucket, EntryKind, Hold, HouseAccount, LedgerAccount
from banking.rules.assets import USD
from banking.tests.factories import NOW, give
from banking.tests.money import assert_books_are_right, dollars


def hold(account: LedgerAccount, units: int) -> Hold:
    return holds.hold(account=account, units=units, reference=uuid.uuid4(), at=NOW)


def pay_out_of_hold(held: Hold, units: int) -> None:
    """Post the units that a settled hold gives up to a house account."""
    ledger.post(
        kind=EntryKind.TRADE,
        reference=held.reference,
        lines=[
            Line(held.account, -units, Bucket.HELD),
            Line(ledger.house_account(HouseAccount.MARKET, USD), units),
        ],
        at=NOW,
    )


def test_a_hold_reserves_money(alice):
    held = hold(give(alice, "100.00"), 6000)

    assert dollars(alice) == ("40.00", "60.00")
    assert (held.units, held.remaining, held.ended_at) == (6000, 6000, None)
    assert_books_are_right()


def test_more_than_is_available_cannot_be_reserved(alice):
    account = give(alice, "100.00")
    hold(account, 6000)

    with pytest.raises(InsufficientFunds):
        hold(account, 4001)

    assert dollars(alice) == ("40.00", "60.00")
    assert Hold.objects.count() == 1


def test_a_released_hold_gives_everything_back(alice):
    held = hold(give(alice, "100.00"), 6000)

    holds.release(held, at=NOW)

    assert dollars(alice) == ("100.00", "0.00")
    held.refresh_from_db()
    assert (held.remaining, held.ended_at) == (0, NOW)
    assert_books_are_right()


def test_a_hold_is_settled_in_parts_and_the_rest_is_released(alice):
    held = hold(give(alice, "100.00"), 6000)

    given_up = holds.settle(held, remaining=2500, final=False, at=NOW)
    pay_out_of_hold(held, given_up)

    assert given_up == 3500
    assert dollars(alice) == ("40.00", "25.00")
    assert held.ended_at is None
    assert_books_are_right()

    holds.release(held, at=NOW)

    assert dollars(alice) == ("65.00", "0.00")
    assert_books_are_right()


def test_a_hold_that_is_settled_in_full_has_ended(alice):
    held = hold(give(alice, "100.00"), 6000)

    pay_out_of_hold(held, holds.settle(held, remaining=0, final=True, at=NOW))

    assert dollars(alice) == ("40.00", "0.00")
    assert held.ended_at == NOW
    assert_books_are_right()


def test_a_hold_ends_once(alice):
    held = hold(give(alice, "100.00"), 6000)
    copy = Hold.objects.get(pk=held.pk)
    holds.release(held, at=NOW)

    for late in (held, copy):
        with pytest.raises(HoldSpent):
            holds.release(late, at=NOW)

    assert dollars(alice) == ("100.00", "0.00")
    assert_books_are_right()


def test_a_hold_does_not_grow(alice):
    held = hold(give(alice, "100.00"), 6000)

    with pytest.raises(HoldSpent):
        holds.settle(held, remaining=6001, final=False, at=NOW)

    held.refresh_from_db()
    assert held.remaining == 6000


def test_a_hold_does_not_end_while_it_reserves_something(alice):
    held = hold(give(alice, "100.00"), 6000)

    with pytest.raises(IntegrityError, match="hold_ended_is_empty"), transaction.atomic():
        holds.settle(held, remaining=1, final=True, at=NOW)


def test_one_purpose_has_one_hold(alice):
    account = give(alice, "100.00")
    held = hold(account, 1000)

    with pytest.raises(IntegrityError), transaction.atomic():
        holds.hold(account=account, units=1000, reference=held.reference, at=NOW)

    assert dollars(alice) == ("90.00", "10.00")
