"""Transactions that are delayed, refused, returned or canceled."""

from datetime import timedelta
from decimal import Decimal

import pytest

from authentication.tests.problems import assert_problem
from banking import ledger, transactions
from banking.models import BankAccount, Hold, HouseAccount, JournalEntry
from banking.rules import rails
from banking.tests.factories import NOW, BankAccountFactory, give
from banking.tests.money import assert_books_are_right, dollars, house_dollars

URL = "/api/banking/transactions/"


def after(seconds):
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def delayed(alice):
    return BankAccountFactory.create(owner=alice, account_number=rails.DELAYED)


@pytest.fixture
def refused(alice):
    return BankAccountFactory.create(owner=alice, account_number=rails.REFUSED)


@pytest.fixture
def returned(alice):
    return BankAccountFactory.create(owner=alice, account_number=rails.RETURNED_LATER)


def deposit(account, amount="100"):
    return transactions.deposit(
        owner=account.owner, account_id=account.pk, amount=Decimal(amount), now=NOW
    )


def withdraw(account, amount="100"):
    return transactions.withdraw(
        owner=account.owner, account_id=account.pk, amount=Decimal(amount), now=NOW
    )


# Delayed ------------------------------------------------------------------------------------------


def test_a_delayed_deposit_is_available_when_it_has_settled(alice, delayed):
    row = deposit(delayed)
    assert (row.status, row.completed_at) == ("pending", None)

    assert transactions.settle_due(now=after(4.9)) == 0
    assert dollars(alice) == ("0.00", "0.00")

    assert transactions.settle_due(now=after(5)) == 1
    assert dollars(alice) == ("100.00", "0.00")
    row.refresh_from_db()
    assert (row.status, row.completed_at, row.due_at) == ("completed", after(5), None)

    assert transactions.settle_due(now=after(3600)) == 0
    assert dollars(alice) == ("100.00", "0.00")
    assert_books_are_right()


def test_a_delayed_withdrawal_holds_its_money_until_it_has_settled(alice, delayed):
    give(alice, "150.00")
    row = withdraw(delayed)
    assert row.status == "pending"
    assert dollars(alice) == ("50.00", "100.00")
    assert_books_are_right()

    assert transactions.settle_due(now=after(5)) == 1

    assert dollars(alice) == ("50.00", "0.00")
    assert not Hold.objects.filter(ended_at=None).exists()
    assert_books_are_right()


def test_held_money_cannot_be_withdrawn_a_second_time(api, alice, delayed):
    give(alice, "150.00")
    withdraw(delayed)

    answer = api.post(URL, {"account": str(delayed.pk), "type": "withdrawal", "amount": "50.01"})

    assert_problem(answer, status=422, code="insufficient_funds")
    assert dollars(alice) == ("50.00", "100.00")
    assert_books_are_right()


def test_the_bank_may_ask_for_more_patience(alice, delayed, monkeypatch):
    row = deposit(delayed)
    monkeypatch.setattr(
        rails.current, "settle", lambda payment, now: rails.Pending(timedelta(seconds=60))
    )

    transactions.settle_due(now=after(5))

    row.refresh_from_db()
    assert (row.status, row.due_at) == ("pending", after(65))
    assert dollars(alice) == ("0.00", "0.00")


def test_one_unreadable_account_number_does_not_keep_the_others_waiting(alice, bob, delayed):
    broken, whole = (
        deposit(delayed),
        deposit(BankAccountFactory.create(owner=bob, account_number=rails.DELAYED)),
    )
    BankAccount.objects.filter(pk=delayed.pk).update(account_number_encrypted=b"nonsense")

    assert transactions.settle_due(now=after(5)) == 1

    broken.refresh_from_db()
    whole.refresh_from_db()
    assert (broken.status, whole.status) == ("pending", "completed")
    assert dollars(bob) == ("100.00", "0.00")


# Refused ------------------------------------------------------------------------------------------


def test_a_refused_deposit_brings_nothing(api, alice, refused):
    answer = api.post(URL, {"account": str(refused.pk), "type": "deposit", "amount": "100"})

    assert answer.status_code == 201
    assert answer.json()["status"] == "failed"
    assert answer.json()["failure_reason"] == "account_closed"
    assert answer.json()["completed_at"] is None
    assert dollars(alice) == ("0.00", "0.00")
    assert not JournalEntry.objects.exists()


def test_a_refused_withdrawal_gives_its_money_back(api, alice, refused):
    give(alice, "100.00")

    answer = api.post(URL, {"account": str(refused.pk), "type": "withdrawal", "amount": "100"})

    assert answer.json()["status"] == "failed"
    assert dollars(alice) == ("100.00", "0.00")
    assert_books_are_right()


def test_a_refused_withdrawal_still_needs_its_money(api, alice, refused):
    answer = api.post(URL, {"account": str(refused.pk), "type": "withdrawal", "amount": "100"})

    assert_problem(answer, status=422, code="insufficient_funds")


# Returned -----------------------------------------------------------------------------------------


def test_a_returned_deposit_is_taken_back(api, alice, returned):
    row = deposit(returned)
    assert row.status == "completed"
    assert dollars(alice) == ("0.00", "100.00")

    assert transactions.settle_due(now=after(9.9)) == 0
    assert transactions.settle_due(now=after(10)) == 1

    shown = api.get(f"{URL}{row.pk}/").json()
    assert (shown["status"], shown["failure_reason"]) == ("returned", "returned_by_bank")
    assert shown["completed_at"] == "2026-03-02T14:30:00.000000Z"
    assert dollars(alice) == ("0.00", "0.00")
    assert house_dollars(HouseAccount.BANK_CLEARING) == "0.00"
    assert transactions.settle_due(now=after(3600)) == 0
    assert_books_are_right()


def test_what_the_bank_may_still_take_back_can_not_be_spent(alice, returned):
    deposit(returned, "100")

    with pytest.raises(ledger.InsufficientFunds):
        withdraw(BankAccountFactory.create(owner=alice), "70")

    assert dollars(alice) == ("0.00", "100.00")
    assert_books_are_right()


def test_a_returned_withdrawal_is_available_again(alice, returned):
    give(alice, "100.00")
    row = withdraw(returned, "60")
    assert dollars(alice) == ("40.00", "0.00")

    transactions.settle_due(now=after(10))

    row.refresh_from_db()
    assert row.status == "returned"
    assert dollars(alice) == ("100.00", "0.00")
    assert_books_are_right()


def test_a_payment_that_the_bank_confirms_stands(alice, returned, monkeypatch):
    row = deposit(returned)
    monkeypatch.setattr(rails.current, "confirm", lambda payment, now: rails.Completed())

    assert transactions.settle_due(now=after(10)) == 1

    row.refresh_from_db()
    assert (row.status, row.due_at) == ("completed", None)
    assert dollars(alice) == ("100.00", "0.00")


# Canceled -----------------------------------------------------------------------------------------


def test_a_canceled_deposit_never_arrives(api, alice, delayed):
    row = deposit(delayed)

    answer = api.post(f"{URL}{row.pk}/cancel/")

    assert answer.status_code == 200
    assert answer.json()["status"] == "canceled"
    assert transactions.settle_due(now=after(5)) == 0
    assert dollars(alice) == ("0.00", "0.00")


def test_a_canceled_withdrawal_gives_its_money_back(api, alice, delayed):
    give(alice, "100.00")
    row = withdraw(delayed)

    api.post(f"{URL}{row.pk}/cancel/")

    assert dollars(alice) == ("100.00", "0.00")
    assert transactions.settle_due(now=after(5)) == 0
    assert dollars(alice) == ("100.00", "0.00")
    assert_books_are_right()


def test_what_is_no_longer_pending_cannot_be_canceled(api, alice, delayed, refused, returned):
    give(alice, "1000.00")
    ended = [
        withdraw(BankAccountFactory.create(owner=alice)),
        withdraw(refused),
        withdraw(returned),
    ]
    canceled = withdraw(delayed)
    api.post(f"{URL}{canceled.pk}/cancel/")
    before = dollars(alice)

    for row in [*ended, canceled]:
        answer = api.post(f"{URL}{row.pk}/cancel/")

        assert_problem(answer, status=409, code="transaction_not_cancelable")
    assert dollars(alice) == before
    assert_books_are_right()
