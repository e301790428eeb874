"""The same money moved by several threads at once."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from authentication.tests.api_client import signed_in_client
from authentication.tests.factories import UserFactory
from authentication.tests.problems import assert_problem
from banking import bank_accounts, bank_answers, transactions
from banking.bank_accounts import BankAccountInUse
from banking.models import BankTransaction, Hold
from banking.rules import rails
from banking.tests.factories import NOW, BankAccountFactory, give
from banking.tests.money import assert_books_are_right, dollars
from banking.tests.parallel import at_once
from be.kernel.refusals import NotFound

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/banking/transactions/"
LATER = NOW + timedelta(seconds=5)


def withdraw_100(client, account):
    return client.post(URL, {"account": str(account.pk), "type": "withdrawal", "amount": "100"})


def test_of_twenty_withdrawals_at_once_exactly_what_fits_is_accepted():
    owner = UserFactory.create()
    give(owner, "750.00")
    # Several bank accounts, so that only the money itself is contended for.
    accounts = [BankAccountFactory.create(owner=owner) for _ in range(20)]
    clients = [signed_in_client(owner) for _ in range(20)]

    answers = at_once(
        [
            partial(withdraw_100, client, account)
            for client, account in zip(clients, accounts, strict=True)
        ]
    )

    assert sorted(answer.status_code for answer in answers) == [201] * 7 + [422] * 13
    for answer in answers:
        if answer.status_code == 422:
            assert_problem(answer, status=422, code="insufficient_funds")
    assert dollars(owner) == ("50.00", "0.00")
    assert BankTransaction.objects.count() == 7
    assert_books_are_right()


def test_of_twenty_withdrawals_on_their_way_at_once_exactly_what_fits_is_held():
    owner = UserFactory.create()
    give(owner, "750.00")
    account = BankAccountFactory.create(owner=owner, account_number=rails.DELAYED)
    clients = [signed_in_client(owner) for _ in range(20)]

    at_once([partial(withdraw_100, client, account) for client in clients])

    assert dollars(owner) == ("50.00", "700.00")
    assert Hold.objects.count() == 7
    assert_books_are_right()


def pending_withdrawals(owner, count):
    give(owner, f"{100 * count}")
    account = BankAccountFactory.create(owner=owner, account_number=rails.DELAYED)
    return [
        transactions.withdraw(owner=owner, account_id=account.pk, amount=Decimal(100), now=NOW)
        for _ in range(count)
    ]


def test_several_settlers_settle_each_transaction_once():
    owner = UserFactory.create()
    account = pending_withdrawals(owner, 6)[0].account
    for _ in range(6):
        transactions.deposit(owner=owner, account_id=account.pk, amount=Decimal(7), now=NOW)

    settled = at_once([partial(transactions.settle_due, now=LATER)] * 4)

    assert sum(settled) == 12
    assert dollars(owner) == ("42.00", "0.00")
    assert set(BankTransaction.objects.values_list("status", flat=True)) == {"completed"}
    assert_books_are_right()


def test_a_transaction_is_either_settled_or_canceled():
    owner = UserFactory.create()
    rows = pending_withdrawals(owner, 8)

    def cancel(row):
        try:
            transactions.cancel(owner=owner, transaction_id=row.pk, now=LATER)
        except transactions.TransactionNotCancelable:
            return 0
        return 1

    results = at_once(
        [
            partial(transactions.settle_due, now=LATER),
            partial(transactions.settle_due, now=LATER),
            *(partial(cancel, row) for row in rows),
        ]
    )

    # settle_due skips locked rows; one more call takes what is left.
    settled = results[0] + results[1] + transactions.settle_due(now=LATER)
    canceled = sum(results[2:])
    assert settled + canceled == 8
    assert BankTransaction.objects.filter(status="completed").count() == settled
    assert BankTransaction.objects.filter(status="canceled").count() == canceled
    assert dollars(owner) == (f"{100 * canceled}.00", "0.00")
    assert_books_are_right()


def test_a_transaction_that_is_being_canceled_is_not_settled(is_postgresql, monkeypatch):
    if not is_postgresql:
        pytest.skip("SQLite has one writer at a time: the other would wait for the first")
    owner = UserFactory.create()
    account = BankAccountFactory.create(owner=owner, account_number=rails.DELAYED)
    row = transactions.deposit(owner=owner, account_id=account.pk, amount=Decimal(7), now=NOW)
    cancel, settled = bank_answers.end_without_payment, []

    def settle_in_between(*args):
        settled.extend(at_once([partial(transactions.settle_due, now=LATER)]))
        cancel(*args)

    monkeypatch.setattr(bank_answers, "end_without_payment", settle_in_between)
    transactions.cancel(owner=owner, transaction_id=row.pk, now=LATER)

    row.refresh_from_db()
    assert settled == [0]
    assert row.status == "canceled"
    assert dollars(owner) == ("0.00", "0.00")


def test_an_account_is_either_unlinked_or_used():
    accounts = [
        BankAccountFactory.create(owner=UserFactory.create(), account_number=rails.DELAYED)
        for _ in range(4)
    ]

    def unlink(account):
        try:
            bank_accounts.unlink(owner=account.owner, account_id=account.pk, now=NOW)
        except BankAccountInUse:
            return False
        return True

    def deposit(account):
        try:
            transactions.deposit(
                owner=account.owner, account_id=account.pk, amount=Decimal(1), now=NOW
            )
        except NotFound:
            return False
        return True

    results = at_once(
        [
            call
            for account in accounts
            for call in (partial(unlink, account), partial(deposit, account))
        ]
    )

    for account, unlinked, used in zip(accounts, results[::2], results[1::2], strict=True):
        assert unlinked != used
        account.refresh_from_db()
        assert account.status == ("unlinked" if unlinked else "verified")
        assert account.transactions.exists() != unlinked
