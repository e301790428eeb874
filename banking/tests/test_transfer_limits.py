"""Limits of deposits and withdrawals: at once, a day and a month; and of an account's age."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from authentication.models import AuditEvent
from authentication.tests.api_client import signed_in_client
from authentication.tests.factories import UserFactory
from authentication.tests.problems import assert_problem
from banking import bank_accounts, transactions, transfer_limits
from banking.models import BankAccount, BankTransaction, TransactionType, TransferLimit
from banking.rules import rails
from banking.tests.factories import NOW, BankAccountFactory, give
from banking.tests.money import assert_books_are_right, dollars
from banking.tests.parallel import at_once
from banking.transfer_limits import TransferLimitExceeded
from be.kernel.refusals import Invalid

URL = "/api/banking/transactions/"
LIMITS = "/api/banking/limits/"
# A business day in New York begins at 5:00 in winter, in UTC.
MIDNIGHT = datetime(2026, 3, 3, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def limits(settings):
    """Small limits: 100 at once, 250 a day, 400 a month; withdrawals a tenth of it."""
    settings.TRANSFER_LIMITS = {
        "deposit": {"transaction": 100, "day": 250, "month": 400},
        "withdrawal": {"transaction": 10, "day": 25, "month": 40},
    }


@pytest.fixture
def staff():
    """Somebody who may set limits."""
    user = UserFactory.create(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="add_transferlimit"))
    return user


def deposit(account, amount, now=NOW):
    return transactions.deposit(
        owner=account.owner, account_id=account.pk, amount=Decimal(amount), now=now
    )


def withdraw(account, amount, now=NOW):
    return transactions.withdraw(
        owner=account.owner, account_id=account.pk, amount=Decimal(amount), now=now
    )


def refused(move, *args, **kwargs):
    """The detail of the refusal, after which nothing has moved."""
    before = BankTransaction.objects.count()
    with pytest.raises(TransferLimitExceeded) as refusal:
        move(*args, **kwargs)
    assert BankTransaction.objects.count() == before
    assert refusal.value.field == "amount"
    assert_books_are_right()
    return refusal.value.detail


def set_limits(owner, by, type_="deposit", **cents):
    usual = {"transaction_cents": None, "day_cents": None, "month_cents": None}
    return transfer_limits.set_for(
        owner=owner,
        type_=TransactionType(type_),
        **{**usual, **cents},
        by=by,
        reason="Known for years.",
        now=NOW,
    )


# What is allowed --------------------------------------------------------------------------------


def test_one_transaction_may_move_its_limit_and_no_cent_more(account):
    deposit(account, "100.00")

    assert refused(deposit, account, "100.01") == "One deposit is at most 100.00 USD."


def test_a_refusal_is_a_problem_of_its_own(api, alice, account):
    answer = api.post(URL, {"account": str(account.pk), "type": "deposit", "amount": "100.01"})

    assert_problem(answer, status=422, code="transfer_limit_exceeded", field="amount")
    assert dollars(alice) == ("0.00", "0.00")


def test_a_day_is_that_of_new_york(account):
    for _ in range(2):
        deposit(account, "100", now=MIDNIGHT - timedelta(seconds=1))
    detail = refused(deposit, account, "50.01", now=MIDNIGHT - timedelta(microseconds=1))
    assert detail == "All deposits of a day are at most 250.00 USD; 50.00 are left."

    deposit(account, "50", now=MIDNIGHT - timedelta(microseconds=1))
    deposit(account, "100", now=MIDNIGHT)


def test_a_month_is_that_of_new_york(account):
    # In summer New York is four hours behind: the first of May begins at 4:00.
    may = datetime(2026, 5, 1, 4, tzinfo=UTC)
    for day in (4, 3, 2, 1):
        deposit(account, "100", now=may - timedelta(days=day))

    detail = refused(deposit, account, "0.01", now=may - timedelta(microseconds=1))
    assert detail == "All deposits of a month are at most 400.00 USD; 0.00 are left."
    deposit(account, "100", now=may)


def test_what_has_failed_or_was_canceled_does_not_count(alice):
    slow = BankAccountFactory.create(owner=alice, account_number=rails.DELAYED)
    closed = BankAccountFactory.create(owner=alice, account_number=rails.REFUSED)
    for _ in range(3):
        deposit(closed, "100")
        row = deposit(slow, "100")
        transactions.cancel(owner=alice, transaction_id=row.pk, now=NOW)
    for _ in range(2):
        deposit(slow, "100")

    refused(deposit, slow, "100")


def test_what_was_returned_does(alice, account):
    for _ in range(2):
        row = deposit(account, "100")
        transactions.return_payment(transaction_id=row.pk, reason="R01", now=NOW)

    refused(deposit, account, "100")


def test_deposits_and_withdrawals_count_apart(alice, account):
    deposit(account, "100")
    withdraw(account, "10")

    refused(withdraw, account, "10.01")
    withdraw(account, "10")
    refused(withdraw, account, "5.01")
    deposit(account, "100")


def test_nobody_uses_the_limits_of_another(bob, account):
    for _ in range(2):
        deposit(account, "100")

    deposit(BankAccountFactory.create(owner=bob), "100")


# Of one customer --------------------------------------------------------------------------------


def test_a_customer_may_have_other_limits_until_they_are_set_anew(alice, account, staff):
    set_limits(alice, staff, transaction_cents=20000, day_cents=20000)
    deposit(account, "200")
    refused(deposit, account, "50")  # the usual day would have room for it

    set_limits(alice, staff, transaction_cents=0)
    detail = refused(deposit, account, "0.01")
    assert detail == "One deposit is at most 0.00 USD."

    set_limits(alice, staff)
    deposit(account, "50")
    assert TransferLimit.objects.count() == 3


def test_who_has_set_a_limit_and_why_is_kept(alice, staff):
    row = set_limits(alice, staff, type_="withdrawal", month_cents=5)
    set_limits(alice, staff, type_="withdrawal", day_cents=7)

    assert (row.set_by, row.reason, row.set_at) == (staff, "Known for years.", NOW)
    first, second = AuditEvent.objects.filter(event="withdrawal limits set").order_by("pk")
    assert (first.actor_id, first.subject_id) == (staff.pk, alice.pk)
    assert (second.before or {})["month_cents"] == 5
    assert (second.after or {})["day_cents"] == 7


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"reason": " "}, "reason"),
        ({"reason": "x" * 301}, "reason"),
        ({"day_cents": -1}, "day_cents"),
    ],
)
def test_a_limit_needs_a_reason_and_is_not_negative(alice, staff, change, field):
    given = {
        "transaction_cents": 1,
        "day_cents": 1,
        "month_cents": 1,
        "reason": "He asked.",
        **change,
    }
    with pytest.raises(Invalid) as refusal:
        transfer_limits.set_for(
            owner=alice, type_=TransactionType.DEPOSIT, by=staff, now=NOW, **given
        )
    assert refusal.value.field == field
    assert not TransferLimit.objects.exists()


def test_nobody_sets_limits_without_the_permission(alice):
    with pytest.raises(transfer_limits.MayNotSetLimits):
        set_limits(alice, UserFactory.create(is_staff=True), day_cents=1)
    assert not TransferLimit.objects.exists()


# What is shown ----------------------------------------------------------------------------------


def test_limits_show_what_is_allowed_used_and_left(alice, account, settings, time_machine):
    settings.LARGE_WITHDRAWAL_DOLLARS, settings.WITHDRAWAL_ACCOUNT_AGE_DAYS = 5000, 0
    deposit(account, "90", now=NOW - timedelta(days=1))
    deposit(account, "60.50")
    withdraw(account, "10")
    time_machine.move_to(NOW, tick=False)

    found = signed_in_client(alice).get(LIMITS).json()

    assert found == {
        "deposit": {
            "transaction": {"limit": "100.00"},
            "day": {"limit": "250.00", "used": "60.50", "left": "189.50"},
            "month": {"limit": "400.00", "used": "150.50", "left": "249.50"},
        },
        "withdrawal": {
            "transaction": {"limit": "10.00"},
            "day": {"limit": "25.00", "used": "10.00", "left": "15.00"},
            "month": {"limit": "40.00", "used": "10.00", "left": "30.00"},
        },
        "day_ends_at": "2026-03-03T05:00:00.000000Z",
        "month_ends_at": "2026-04-01T04:00:00.000000Z",
        "approved_above": "5000.00",
        "account_age_days": 0,
    }


def test_what_is_left_is_never_below_zero(alice, account, staff):
    deposit(account, "100")
    set_limits(alice, staff, day_cents=4000)

    found = transfer_limits.read(alice, now=NOW)

    assert (found.deposit.used_day, found.deposit.left_day) == (10000, 0)


def test_limits_are_shown_to_who_is_signed_in(client):
    assert_problem(client.get(LIMITS), status=401, code="not_authenticated")


# The age of an account --------------------------------------------------------------------------


def test_money_is_sent_to_an_account_only_some_days_after_it_was_verified(settings, alice):
    settings.WITHDRAWAL_ACCOUNT_AGE_DAYS = 3
    give(alice, "100")
    account = BankAccountFactory.create(owner=alice)
    early = NOW + timedelta(days=3) - timedelta(microseconds=1)

    with pytest.raises(transactions.BankAccountTooNew, match=r"2026-03-05T14:30:00\.000000Z"):
        withdraw(account, "5", now=early)
    assert not BankTransaction.objects.exists()
    deposit(account, "5", now=NOW)
    withdraw(account, "5", now=NOW + timedelta(days=3))


def test_the_days_count_from_the_verification_and_not_from_the_link(settings, alice):
    settings.WITHDRAWAL_ACCOUNT_AGE_DAYS = 1
    give(alice, "100")
    account = BankAccountFactory.create(owner=alice, account_number=rails.NEEDS_MICRO_DEPOSITS)
    later = NOW + timedelta(days=2)
    assert account.verified_at is None
    account = bank_accounts.verify(
        owner=alice, account_id=account.pk, amounts=rails.MICRO_DEPOSITS, now=later
    )

    with pytest.raises(transactions.BankAccountTooNew):
        withdraw(account, "5", now=later)
    # Said again, it stays what it was.
    bank_accounts.verify(owner=alice, account_id=account.pk, amounts=[], now=later)
    withdraw(account, "5", now=later + timedelta(days=1))


def test_a_new_account_is_a_problem_of_its_own(settings, api, alice):
    settings.WITHDRAWAL_ACCOUNT_AGE_DAYS = 3
    give(alice, "100")
    linked = api.post(
        "/api/banking/accounts/",
        {
            "account_holder": "Alice",
            "bank_name": "Bank",
            "account_type": "checking",
            "account_number": "123456",
            "routing_number": "021000021",
        },
    ).json()

    answer = api.post(URL, {"account": linked["id"], "type": "withdrawal", "amount": "5"})

    assert_problem(answer, status=422, code="bank_account_too_new", field="account")
    assert dollars(alice) == ("100.00", "0.00")


# At once ----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_twenty_withdrawals_at_once_exactly_what_the_day_allows_is_accepted():
    owner = UserFactory.create()
    give(owner, "1000.00")
    accounts = [BankAccountFactory.create(owner=owner) for _ in range(20)]
    clients = [signed_in_client(owner) for _ in range(20)]

    def withdrawal(client: APIClient, account: BankAccount) -> Any:
        return client.post(URL, {"account": str(account.pk), "type": "withdrawal", "amount": "3"})

    answers = at_once(
        [
            partial(withdrawal, client, account)
            for client, account in zip(clients, accounts, strict=True)
        ]
    )

    assert sorted(answer.status_code for answer in answers) == [201] * 8 + [422] * 12
    codes = {answer.json()["code"] for answer in answers if answer.status_code == 422}
    assert codes == {"transfer_limit_exceeded"}
    assert dollars(owner) == ("976.00", "0.00")
    assert_books_are_right()


@pytest.mark.django_db(transaction=True)
def test_of_twenty_deposits_at_once_exactly_what_the_month_allows_is_accepted(settings):
    settings.TRANSFER_LIMITS = {
        **settings.TRANSFER_LIMITS,
        "deposit": {"transaction": 100, "day": 1000, "month": 400},
    }
    owner = UserFactory.create()
    accounts = [BankAccountFactory.create(owner=owner) for _ in range(20)]

    def attempt(account: BankAccount) -> bool:
        try:
            deposit(account, "30")
        except TransferLimitExceeded:
            return False
        return True

    passed = at_once([partial(attempt, account) for account in accounts])

    assert sum(passed) == 13
    assert dollars(owner) == ("390.00", "0.00")
    assert_books_are_right()
