"""The journal: it balances, it never overdraws, and it cannot be rewritten."""

import uuid

import pytest
from django.db import IntegrityError, connection, transaction

from authentication.tests.factories import UserFactory
from banking import ledger
from banking.ledger import InsufficientFunds, InsufficientPosition, Line, UnbalancedEntry
from banking.models import (
    Bucket,
    EntryKind,
    HouseAccount,
    JournalEntry,
    LedgerAccount,
    Posting,
)
from banking.rules.assets import USD, Asset
from banking.tests.factories import NOW, give
from banking.tests.money import assert_books_are_right, dollars
from banking.tests.parallel import at_once

AAPL = Asset("AAPL", 6)


def post(*lines: Line) -> JournalEntry:
    reference = uuid.uuid4()
    ledger.post(kind=EntryKind.TRADE, reference=reference, lines=lines, at=NOW)
    return JournalEntry.objects.get(reference=reference)


def test_an_entry_takes_from_one_account_what_it_gives_to_another(alice, bob):
    alices, bobs = give(alice, "100.00"), give(bob, "1.00")

    entry = post(Line(alices, -4000), Line(bobs, 4000))

    assert dollars(alice) == ("60.00", "0.00")
    assert dollars(bob) == ("41.00", "0.00")
    assert {posting.units for posting in entry.postings.all()} == {-4000, 4000}
    assert_books_are_right()


def test_one_entry_can_exchange_two_assets(alice, bob):
    cash, shares = give(alice, "100.00"), give(bob, "2", AAPL)
    bobs_cash, alices_shares = ledger.account_of(bob.pk, USD), ledger.account_of(alice.pk, AAPL)

    post(
        Line(cash, -10000),
        Line(bobs_cash, 10000),
        Line(shares, -2_000_000),
        Line(alices_shares, 2_000_000),
    )

    assert dollars(bob) == ("100.00", "0.00")
    alices_shares.refresh_from_db()
    assert alices_shares.available == 2_000_000
    assert_books_are_right()


def test_an_entry_that_does_not_sum_to_zero_is_refused_and_moves_nothing(alice, bob):
    alices, bobs = give(alice, "100.00"), ledger.account_of(bob.pk, USD)
    shares = ledger.account_of(bob.pk, AAPL)
    entries = JournalEntry.objects.count()

    for lines in ([], [Line(alices, -1)], [Line(alices, -2), Line(bobs, 1)]):
        with pytest.raises(UnbalancedEntry):
            post(*lines)
    with pytest.raises(UnbalancedEntry):  # a cent is not a share
        post(Line(alices, -1), Line(shares, 1))

    assert dollars(alice) == ("100.00", "0.00")
    assert JournalEntry.objects.count() == entries


def test_lines_of_nothing_are_left_out(alice, bob):
    alices, bobs = give(alice, "1.00"), give(bob, "1.00")

    entry = post(Line(alices, -1), Line(bobs, 1), Line(bobs, 0))

    assert entry.postings.count() == 2


def test_an_overdraft_is_refused_and_moves_nothing(alice, bob):
    alices, bobs = give(alice, "99.99"), give(bob, "5.00")
    postings = Posting.objects.count()

    with pytest.raises(InsufficientFunds) as refusal:
        post(Line(bobs, 10000), Line(alices, -10000))

    assert refusal.value.code == "insufficient_funds"
    assert refusal.value.detail == "This needs 100.00 USD; 99.99 is available."
    assert dollars(alice) == ("99.99", "0.00")
    assert dollars(bob) == ("5.00", "0.00")
    assert Posting.objects.count() == postings
    assert_books_are_right()


def test_selling_more_than_there_is_is_refused_by_its_own_name(alice):
    shares = give(alice, "1.5", AAPL)

    with pytest.raises(InsufficientPosition) as refusal:
        post(
            Line(shares, -1_500_001),
            Line(ledger.house_account(HouseAccount.MARKET, AAPL), 1_500_001),
        )

    assert refusal.value.code == "insufficient_position"
    shares.refresh_from_db()
    assert shares.available == 1_500_000


def test_held_money_is_not_available(alice, bob):
    alices, bobs = give(alice, "10.00"), give(bob, "1.00")
    post(Line(alices, -1000), Line(alices, 1000, Bucket.HELD))

    with pytest.raises(InsufficientFunds):
        post(Line(alices, -1), Line(bobs, 1))

    assert dollars(alice) == ("0.00", "10.00")


def test_an_owner_has_one_account_for_each_asset(alice):
    assert ledger.account_of(alice.pk, USD) == ledger.account_of(alice.pk, USD)
    assert ledger.account_of(alice.pk, AAPL) != ledger.account_of(alice.pk, USD)


def test_a_house_account_keeps_no_balance_of_its_own(alice):
    give(alice, "10.00")

    clearing = ledger.house_account(HouseAccount.BANK_CLEARING, USD)

    assert (clearing.available, clearing.held) == (0, 0)
    assert sum(clearing.postings.values_list("units", flat=True)) == -1000


def test_locking_reads_the_balances_as_they_are_now_and_opens_what_is_missing(alice):
    give(alice, "10.00")

    with transaction.atomic():
        locked = ledger.lock([alice.pk], [USD, AAPL])

    assert {key: row.available for key, row in locked.items()} == {
        (alice.pk, "USD"): 1000,
        (alice.pk, "AAPL"): 0,
    }


def test_balances_begin_with_dollars(alice):
    for asset in (Asset("ZM", 6), AAPL, USD):
        ledger.account_of(alice.pk, asset)

    assert [row.asset for row in ledger.balances_of(alice.pk)] == ["USD", "AAPL", "ZM"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE banking_posting SET units = units + 1",
        "DELETE FROM banking_posting",
        "UPDATE banking_journalentry SET kind = 'trade'",
        "DELETE FROM banking_journalentry",
    ],
)
def test_the_database_refuses_to_rewrite_the_journal(alice, statement):
    give(alice, "10.00")
    before = list(Posting.objects.values_list()), list(JournalEntry.objects.values_list())

    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert (list(Posting.objects.values_list()), list(JournalEntry.objects.values_list())) == before


@pytest.mark.parametrize("bucket", ["available", "held"])
def test_the_database_refuses_a_negative_balance(alice, bucket):
    account = give(alice, "10.00")

    with pytest.raises(IntegrityError), transaction.atomic():
        LedgerAccount.objects.filter(pk=account.pk).update(**{bucket: -1})

    assert dollars(alice) == ("10.00", "0.00")


@pytest.mark.django_db(transaction=True)
def test_threads_that_open_the_same_account_get_the_same_one():
    owner = UserFactory.create()

    opened = at_once([lambda: ledger.account_of(owner.pk, USD).pk] * 8)

    assert len(set(opened)) == 1


@pytest.mark.django_db(transaction=True)
def test_threads_that_spend_the_same_money_spend_it_once():
    payer, payee = UserFactory.create(), UserFactory.create()
    source, target = give(payer, "100.00"), give(payee, "0.01")

    def pay() -> bool:
        try:
            post(Line(source, -10000), Line(target, 10000))
        except InsufficientFunds:
            return False
        return True

    assert sum(at_once([pay] * 10)) == 1
    assert dollars(payer) == ("0.00", "0.00")
    assert dollars(payee) == ("100.01", "0.00")
    assert_books_are_right()


@pytest.mark.django_db(transaction=True)
def test_payments_in_both_directions_do_not_deadlock():
    one, other = UserFactory.create(), UserFactory.create()
    left, right = give(one, "100.00"), give(other, "100.00")

    at_once(
        [lambda: post(Line(left, -100), Line(right, 100))] * 5
        + [lambda: post(Line(right, -100), Line(left, 100))] * 5
    )

    assert dollars(one) == dollars(other) == ("100.00", "0.00")
    assert_books_are_right()


def test_taking_more_out_of_held_than_is_there_is_a_defect_and_moves_nothing(alice, bob):
    alices, bobs = give(alice, "100.00"), ledger.account_of(bob.pk, USD)

    with pytest.raises(ledger.OverdrawnHold):
        post(Line(alices, -1, Bucket.HELD), Line(bobs, 1))

    assert dollars(alice) == ("100.00", "0.00")
    assert_books_are_right()
