"""Deposits that the bank returns after their money was spent: what is owed, and how it is paid."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.db import IntegrityError, transaction

from authentication.tests.factories import UserFactory
from authentication.tests.problems import assert_problem
from banking import debts, holds, integrity, ledger, transactions
from banking.ledger import AccountInDebt, Line
from banking.models import (
    BankAccount,
    BankTransaction,
    Bucket,
    EntryKind,
    HouseAccount,
    JournalEntry,
    LedgerAccount,
    Posting,
)
from banking.rules import rails
from banking.rules.assets import USD
from banking.tests.factories import NOW, BankAccountFactory, give
from banking.tests.money import assert_books_are_right, dollars, house_dollars
from banking.tests.parallel import at_once
from be.kernel.refusals import NotFound

URL = "/api/banking/transactions/"
LATER = NOW + timedelta(seconds=10)


@pytest.fixture
def returned(alice):
    """Alice's account whose deposits can be spent, and are returned 10 s later."""
    return BankAccountFactory.create(owner=alice, account_number=rails.RETURNED_FREE)


def deposit(account, amount, now=NOW):
    return transactions.deposit(
        owner=account.owner, account_id=account.pk, amount=Decimal(amount), now=now
    )


def withdraw(account, amount, now=NOW):
    return transactions.withdraw(
        owner=account.owner, account_id=account.pk, amount=Decimal(amount), now=now
    )


def debt(owner):
    account = LedgerAccount.objects.get(owner=owner, asset="USD")
    return f"{USD.amount(account.debt)}"


def lines(owner):
    """(kind, bucket, dollars) of all lines of the owner, oldest first."""
    rows = Posting.objects.filter(owner=owner).order_by("pk")
    return [(row.entry.kind, row.bucket, f"{USD.amount(row.units)}") for row in rows]


def owing(owner, account, amount="100"):
    """Let the owner owe `amount`: deposited, withdrawn elsewhere, and then returned."""
    row = deposit(account, amount)
    withdraw(BankAccountFactory.create(owner=owner), amount)
    return transactions.return_payment(transaction_id=row.pk, reason="R01", now=LATER)


# How a debt comes to be -------------------------------------------------------------------------


def test_what_is_still_there_of_a_returned_deposit_goes_back(alice, account):
    row = deposit(account, "100")

    returned = transactions.return_payment(transaction_id=row.pk, reason="R01", now=LATER)

    assert (returned.status, returned.failure_reason) == ("returned", "R01")
    assert dollars(alice) == ("0.00", "0.00")
    assert debt(alice) == "0.00"
    assert house_dollars(HouseAccount.BANK_CLEARING) == "0.00"
    assert_books_are_right()


def test_what_has_been_spent_of_it_is_owed_by_a_new_entry(alice, account):
    row = deposit(account, "100")
    withdraw(account, "70")

    transactions.return_payment(transaction_id=row.pk, reason="R01", now=LATER)

    assert dollars(alice) == ("0.00", "0.00")
    assert debt(alice) == "70.00"
    assert lines(alice)[0] == ("deposit", "available", "100.00")
    assert lines(alice)[-3:] == [
        ("deposit_return", "debt", "-100.00"),
        ("debt_payment", "available", "-30.00"),
        ("debt_payment", "debt", "30.00"),
    ]
    assert sum(Posting.objects.values_list("units", flat=True)) == 0
    assert debts.owners() == [alice.pk]
    assert_books_are_right()


def test_the_same_return_again_changes_nothing(alice, account):
    row = owing(alice, account)
    entries = JournalEntry.objects.count()

    again = transactions.return_payment(transaction_id=row.pk, reason="R02", now=LATER)

    assert again.failure_reason == "R01"
    assert JournalEntry.objects.count() == entries
    assert debt(alice) == "100.00"


def test_a_return_of_what_is_pending_is_a_failure(alice):
    account = BankAccountFactory.create(owner=alice, account_number=rails.DELAYED)
    give(alice, "50")
    row = withdraw(account, "50")

    returned = transactions.return_payment(transaction_id=row.pk, reason="R03", now=LATER)

    assert (returned.status, returned.failure_reason) == ("failed", "R03")
    assert returned.settles_on is None
    assert dollars(alice) == ("50.00", "0.00")
    assert_books_are_right()


def test_what_has_moved_nothing_cannot_be_returned(alice, account):
    slow = BankAccountFactory.create(owner=alice, account_number=rails.DELAYED)
    row = deposit(slow, "50")
    transactions.cancel(owner=alice, transaction_id=row.pk, now=NOW)

    with pytest.raises(transactions.TransactionNotReturnable):
        transactions.return_payment(transaction_id=row.pk, reason="R01", now=LATER)
    with pytest.raises(NotFound):
        transactions.return_payment(transaction_id=uuid.uuid4(), reason="R01", now=LATER)
    assert not JournalEntry.objects.exists()


def test_a_returned_withdrawal_pays_a_debt(alice, account):
    give(alice, "60")
    row = withdraw(account, "60")
    owing(alice, account)

    transactions.return_payment(transaction_id=row.pk, reason="R03", now=LATER)

    assert (dollars(alice), debt(alice)) == (("0.00", "0.00"), "40.00")
    assert_books_are_right()


def test_the_sandbox_has_an_account_whose_deposits_can_be_spent_and_are_returned(alice, returned):
    deposit(returned, "100")
    assert dollars(alice) == ("100.00", "0.00")
    withdraw(BankAccountFactory.create(owner=alice), "100")

    assert transactions.settle_due(now=NOW + timedelta(seconds=9)) == 0
    assert transactions.settle_due(now=LATER) == 1

    assert debt(alice) == "100.00"
    assert BankTransaction.objects.get(account=returned).failure_reason == "returned_by_bank"
    assert_books_are_right()


# What it blocks ---------------------------------------------------------------------------------


def test_who_owes_money_withdraws_none(api, alice, account):
    owing(alice, account)
    entries = JournalEntry.objects.count()

    answer = api.post(URL, {"account": str(account.pk), "type": "withdrawal", "amount": "0.01"})

    assert_problem(answer, status=422, code="account_in_debt")
    assert "100.00 USD" in answer.json()["detail"]
    assert JournalEntry.objects.count() == entries
    assert_books_are_right()


def test_money_that_has_come_in_is_not_spent_before_it_pays_the_debt(alice, account):
    """Within one journal, what a sale brings is in memory before it is written."""
    owing(alice, account)
    with transaction.atomic():
        wallet = ledger.lock([alice.pk], [USD])[alice.pk, "USD"]
        wallet.available = 500

        with pytest.raises(AccountInDebt):
            ledger.require_available(wallet, 1)
        ledger.require_available(wallet, 0)


def test_the_database_itself_keeps_who_owes_money_from_having_any(alice, account):
    owing(alice, account)

    with pytest.raises(IntegrityError), transaction.atomic():
        LedgerAccount.objects.filter(owner=alice, asset="USD").update(available=1)


def test_no_more_than_is_owed_can_be_paid(alice, account):
    owing(alice, account)
    wallet = LedgerAccount.objects.get(owner=alice, asset="USD")
    clearing = ledger.house_account(HouseAccount.BANK_CLEARING, USD)

    with pytest.raises(ledger.OverdrawnHold, match="owes 10000"):
        ledger.post(
            kind=EntryKind.DEBT_PAYMENT,
            reference=uuid.uuid4(),
            lines=[Line(clearing, -10001), Line(wallet, 10001, Bucket.DEBT)],
            at=LATER,
        )
    assert debt(alice) == "100.00"


# How it is paid ---------------------------------------------------------------------------------


def test_the_next_deposit_pays_it_first(alice, account):
    owing(alice, account)

    row = deposit(account, "150", now=LATER)

    assert (dollars(alice), debt(alice)) == (("50.00", "0.00"), "0.00")
    assert lines(alice)[-3:] == [
        ("deposit", "available", "150.00"),
        ("debt_payment", "available", "-100.00"),
        ("debt_payment", "debt", "100.00"),
    ]
    assert JournalEntry.objects.get(kind="debt_payment").reference == row.pk
    withdraw(account, "50", now=LATER)
    assert_books_are_right()


def test_a_deposit_that_is_too_small_pays_a_part(alice, account):
    owing(alice, account)

    deposit(account, "0.01", now=LATER)

    assert (dollars(alice), debt(alice)) == (("0.00", "0.00"), "99.99")
    assert_books_are_right()


def test_a_deposit_that_is_held_pays_when_it_is_confirmed(alice, account, monkeypatch):
    held = BankAccountFactory.create(owner=alice, account_number=rails.RETURNED_LATER)
    owing(alice, account)

    deposit(held, "150", now=LATER)
    assert (dollars(alice), debt(alice)) == (("0.00", "150.00"), "100.00")
    assert_books_are_right()

    monkeypatch.setattr(rails.SandboxRail, "confirm", lambda *_: rails.Completed())
    transactions.settle_due(now=LATER + timedelta(seconds=10))
    assert (dollars(alice), debt(alice)) == (("50.00", "0.00"), "0.00")
    assert_books_are_right()


def test_a_held_deposit_that_is_returned_leaves_the_debt_as_it_was(alice, account):
    held = BankAccountFactory.create(owner=alice, account_number=rails.RETURNED_LATER)
    owing(alice, account)
    deposit(held, "150", now=LATER)

    transactions.settle_due(now=LATER + timedelta(seconds=10))

    assert (dollars(alice), debt(alice)) == (("0.00", "0.00"), "100.00")
    assert_books_are_right()


def test_a_released_hold_pays_it(alice, account):
    slow = BankAccountFactory.create(owner=alice, account_number=rails.DELAYED)
    row = deposit(account, "100")
    pending = withdraw(slow, "100")
    transactions.return_payment(transaction_id=row.pk, reason="R01", now=NOW)
    assert (dollars(alice), debt(alice)) == (("0.00", "100.00"), "100.00")

    transactions.cancel(owner=alice, transaction_id=pending.pk, now=NOW)

    assert (dollars(alice), debt(alice)) == (("0.00", "0.00"), "0.00")
    assert lines(alice)[-2][0] == "debt_payment"
    assert_books_are_right()


def test_debts_of_several_customers_are_paid_by_one_entry_of_both(alice, bob, account):
    owing(alice, account)
    owing(bob, BankAccountFactory.create(owner=bob))
    clearing = ledger.house_account(HouseAccount.BANK_CLEARING, USD)
    reference = uuid.uuid4()
    with transaction.atomic():
        accounts = ledger.lock([alice.pk, bob.pk], [USD])
        both = [accounts[owner.pk, "USD"] for owner in (alice, bob)]
        ledger.post(
            kind=EntryKind.RELEASE,
            reference=reference,
            lines=[Line(clearing, -20000), *(Line(each, 10000) for each in both)],
            at=LATER,
        )

    assert (debt(alice), debt(bob)) == ("0.00", "0.00")
    assert JournalEntry.objects.filter(kind="debt_payment").count() == 1
    assert_books_are_right()


# Where it is shown ------------------------------------------------------------------------------


def test_balances_show_what_is_owed_and_only_then(api, alice, account):
    (before,) = api.get("/api/banking/balances/").json()["results"]
    owing(alice, account)
    (owed,) = api.get("/api/banking/balances/").json()["results"]
    deposit(account, "100", now=LATER)
    (paid,) = api.get("/api/banking/balances/").json()["results"]

    assert "debt" not in before
    assert "debt" not in paid
    assert owed == {
        "asset": "USD",
        "total": "0.00",
        "available": "0.00",
        "held": "0.00",
        "debt": "100.00",
    }


def test_the_statement_lists_what_has_become_a_debt_and_what_paid_it(api, alice, account):
    owing(alice, account)
    deposit(account, "100", now=LATER)

    lines = api.get("/api/banking/statement/").json()["results"]

    assert [(line["kind"], line["bucket"], line["amount"]) for line in lines[:4]] == [
        ("debt_payment", "debt", "100.00"),
        ("debt_payment", "available", "-100.00"),
        ("deposit", "available", "100.00"),
        ("deposit_return", "debt", "-100.00"),
    ]


def test_the_check_finds_a_debt_that_no_posting_explains(alice, account):
    owing(alice, account)
    LedgerAccount.objects.filter(owner=alice, asset="USD").update(debt=5000)

    (problem,) = integrity.check()

    assert "owes 5000; its postings say 10000" in problem


# At once ----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_return_and_withdrawals_at_once_leave_nothing_unpaid():
    """Whatever comes first: what was withdrawn in time is owed, and nothing after that."""
    owner = UserFactory.create()
    account = BankAccountFactory.create(owner=owner)
    row = deposit(account, "100")
    others = [BankAccountFactory.create(owner=owner) for _ in range(10)]

    def withdrawal(account: BankAccount) -> int:
        try:
            withdraw(account, "20")
        except ledger.InsufficientFunds:
            return 0
        return 20

    def give_back() -> int:
        transactions.return_payment(transaction_id=row.pk, reason="R01", now=LATER)
        return 0

    calls: list[Callable[[], int]] = [partial(withdrawal, other) for other in others]
    moved = at_once([give_back, *calls])

    assert debt(owner) == f"{sum(moved)}.00"
    assert dollars(owner) == ("0.00", "0.00")
    assert_books_are_right()


@pytest.mark.django_db(transaction=True)
def test_deposits_and_returns_at_once_pay_exactly_what_is_owed():
    owner = UserFactory.create()
    accounts = [BankAccountFactory.create(owner=owner) for _ in range(6)]
    rows = [deposit(account, "100") for account in accounts]
    withdraw(accounts[0], "600")

    at_once(
        [
            *(
                partial(transactions.return_payment, transaction_id=row.pk, reason="R01", now=LATER)
                for row in rows
            ),
            *(partial(deposit, account, "90", now=LATER) for account in accounts),
        ]
    )

    assert (dollars(owner), debt(owner)) == (("0.00", "0.00"), "60.00")
    assert_books_are_right()


@pytest.mark.django_db(transaction=True)
def test_the_same_return_at_once_is_booked_once():
    owner = UserFactory.create()
    account = BankAccountFactory.create(owner=owner)
    row = deposit(account, "100")
    withdraw(account, "100")

    at_once(
        [
            partial(transactions.return_payment, transaction_id=row.pk, reason="R01", now=LATER)
            for _ in range(8)
        ]
    )

    assert debt(owner) == "100.00"
    assert JournalEntry.objects.filter(kind="deposit_return").count() == 1
    assert_books_are_right()


@pytest.mark.django_db(transaction=True)
def test_a_hold_made_at_once_with_a_return_is_refused_or_was_first():
    """An order's hold and a return meet: the money is held, or owed and not held."""
    owner = UserFactory.create()
    account = BankAccountFactory.create(owner=owner)
    row = deposit(account, "100")

    def reserve():
        try:
            with transaction.atomic():
                wallet = ledger.lock([owner.pk], [USD])[owner.pk, "USD"]
                ledger.require_available(wallet, 10000)
                holds.hold(account=wallet, units=10000, reference=uuid.uuid4(), at=NOW)
        except ledger.InsufficientFunds:
            return False
        return True

    def give_back():
        transactions.return_payment(transaction_id=row.pk, reason="R01", now=LATER)
        return False

    was_held = any(at_once([reserve, give_back]))

    expected = (("0.00", "100.00"), "100.00") if was_held else (("0.00", "0.00"), "0.00")
    assert (dollars(owner), debt(owner)) == expected
    assert_books_are_right()
