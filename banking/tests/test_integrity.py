"""The integrity check finds each kind of error in the ledger."""

import uuid
from datetime import timedelta

from banking import holds, integrity, ledger
from banking.models import (
    BankTransaction,
    EntryKind,
    Hold,
    HouseAccount,
    JournalEntry,
    LedgerAccount,
    Posting,
)
from banking.rules.assets import USD
from banking.tests.factories import NOW, BankAccountFactory, give
from banking.tests.money import assert_books_are_right


def post(entry, account, **columns):
    columns = {"bucket": "available", "created_at": entry.created_at, **columns}
    return Posting.objects.create(entry=entry, account=account, **columns)


def test_books_in_order_are_passed_in_silence(alice):
    holds.hold(account=give(alice, "10.00"), units=400, reference=uuid.uuid4(), at=NOW)

    assert_books_are_right()


def test_an_entry_that_does_not_sum_to_zero_is_found(alice):
    account = give(alice, "10.00")
    entry = JournalEntry.objects.create(
        kind=EntryKind.TRADE, reference=uuid.uuid4(), created_at=NOW
    )
    post(entry, account, owner=alice, units=7)
    LedgerAccount.objects.filter(pk=account.pk).update(available=1007)

    assert list(integrity.check()) == [f"Entry {entry.pk} is off by 7 units of USD."]


def test_a_posting_of_another_owner_than_its_accounts_is_found(alice, bob):
    account = give(alice, "10.00")
    house = ledger.house_account(HouseAccount.MARKET, USD)
    entry = JournalEntry.objects.create(
        kind=EntryKind.TRADE, reference=uuid.uuid4(), created_at=NOW
    )
    wrong = [
        post(entry, of, owner=owner, units=by)
        for of, owner, by in ((account, bob, 7), (account, None, -7), (house, bob, 7))
    ]
    post(entry, house, owner=None, units=-7)

    assert list(integrity.check()) == [
        f"Posting {posting.pk} is listed for another owner than its account's." for posting in wrong
    ]


def test_a_posting_of_another_time_than_its_entrys_is_found(alice):
    account = give(alice, "10.00")
    entry = JournalEntry.objects.create(
        kind=EntryKind.TRADE, reference=uuid.uuid4(), created_at=NOW
    )
    later = NOW + timedelta(microseconds=1)
    wrong = post(entry, account, owner=alice, units=7, created_at=later)
    post(entry, ledger.house_account(HouseAccount.MARKET, USD), owner=None, units=-7)
    LedgerAccount.objects.filter(pk=account.pk).update(available=1007)

    assert list(integrity.check()) == [
        f"Posting {wrong.pk} is listed at another time than its entry's."
    ]


def test_a_balance_that_its_postings_do_not_make_is_found(alice):
    account = give(alice, "10.00")
    LedgerAccount.objects.filter(pk=account.pk).update(available=999)

    assert list(integrity.check()) == [
        f"Account {account.pk} (USD) has 999 available; its postings say 1000."
    ]


def test_a_held_balance_without_a_hold_is_found(alice):
    account = give(alice, "10.00")
    held = holds.hold(account=account, units=400, reference=uuid.uuid4(), at=NOW)
    Hold.objects.filter(pk=held.pk).update(remaining=300)

    assert list(integrity.check()) == [
        f"Account {account.pk} (USD) has 400 held; its holds reserve 300."
    ]


def test_a_pending_withdrawal_without_a_hold_is_found(alice):
    row = BankTransaction.objects.create(
        id=uuid.uuid4(),
        owner=alice,
        account=BankAccountFactory.create(owner=alice),
        type="withdrawal",
        cents=100,
        status="pending",
        created_at=NOW,
    )

    assert list(integrity.check()) == [
        f"Withdrawal {row.pk} is pending, but its hold says otherwise."
    ]
