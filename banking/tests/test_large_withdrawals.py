"""Large withdrawals: they wait for two administrators, with their money held."""

import uuid
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction

from authentication.four_eyes import NotAnApprover
from authentication.models import AuditEvent
from authentication.tests.api_client import signed_in_client
from authentication.tests.factories import UserFactory
from authentication.tests.problems import assert_problem
from banking import ledger, transactions
from banking.models import BankTransaction, Hold, LedgerAccount, WithdrawalReview
from banking.rules import rails
from banking.tests.factories import NOW, BankAccountFactory, give
from banking.tests.money import assert_books_are_right, dollars
from banking.tests.parallel import at_once
from banking.transfer_limits import TransferLimitExceeded
from be.kernel.refusals import Invalid, NotFound

URL = "/api/banking/transactions/"
LATER = NOW + timedelta(days=1)


@pytest.fixture(autouse=True)
def large(settings):
    settings.LARGE_WITHDRAWAL_DOLLARS = 1000


def staff(*codenames):
    user = UserFactory.create(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


@pytest.fixture
def proposer():
    return staff("propose_withdrawal")


@pytest.fixture
def approver():
    return staff("approve_withdrawal")


@pytest.fixture
def waiting(alice, account):
    """A withdrawal of 1,500 of Alice's 2,000 that waits."""
    give(alice, "2000.00")
    return withdraw(account, "1500.00")


def withdraw(account, amount):
    return transactions.withdraw(
        owner=account.owner, account_id=account.pk, amount=Decimal(amount), now=NOW
    )


def approve(row, by, now=LATER):
    return transactions.approve(transaction_id=row.pk, by=by, now=now)


def reject(row, by, reason="It does not look like her."):
    return transactions.reject(transaction_id=row.pk, by=by, reason=reason, now=LATER)


def states(row):
    row.refresh_from_db()
    return row.status, row.review


def test_a_large_withdrawal_waits_and_its_money_is_held(api, alice, account):
    give(alice, "2000.00")

    answer = api.post(URL, {"account": str(account.pk), "type": "withdrawal", "amount": "1000.01"})

    assert answer.status_code == 201
    document = answer.json()
    assert (document["status"], document["review"]) == ("pending", "waiting")
    assert (document["settles_on"], document["completed_at"]) == (None, None)
    assert api.get(f"{URL}{document['id']}/").json() == document
    assert dollars(alice) == ("999.99", "1000.01")
    assert transactions.settle_due(now=LATER) == 0
    assert_books_are_right()


def test_one_of_the_limit_itself_does_not_wait(alice, account):
    give(alice, "2000.00")

    row = withdraw(account, "1000.00")

    assert states(row) == ("completed", "")
    assert row.settles_on == date(2026, 3, 3)
    assert not WithdrawalReview.objects.exists()


def test_a_large_deposit_does_not_wait(alice, account):
    row = transactions.deposit(owner=alice, account_id=account.pk, amount=Decimal(5000), now=NOW)

    assert states(row) == ("completed", "")


def test_one_proposes_and_a_second_one_approves(alice, waiting, proposer, approver):
    approve(waiting, proposer)
    assert states(waiting) == ("pending", "waiting")
    assert dollars(alice) == ("500.00", "1500.00")

    approve(waiting, approver, now=LATER + timedelta(hours=1))

    assert states(waiting) == ("completed", "approved")
    assert waiting.settles_on == date(2026, 3, 4)
    assert dollars(alice) == ("500.00", "0.00")
    review = waiting.withdrawal_review
    assert (review.proposed_by, review.proposed_at) == (proposer, LATER)
    assert (review.approved_by, review.approved_at) == (approver, LATER + timedelta(hours=1))
    assert_books_are_right()


def test_what_is_approved_goes_to_the_bank_like_any_other(alice, proposer, approver):
    give(alice, "2000.00")
    account = BankAccountFactory.create(owner=alice, account_number=rails.DELAYED)
    row = withdraw(account, "1500.00")
    approve(row, proposer)
    approve(row, approver)
    assert states(row) == ("pending", "approved")

    transactions.settle_due(now=LATER + timedelta(seconds=5))

    assert states(row) == ("completed", "approved")
    assert_books_are_right()


def test_every_step_is_in_the_audit_log(alice, waiting, proposer, approver):
    approve(waiting, proposer)
    approve(waiting, approver)

    events = AuditEvent.objects.filter(event__startswith="withdrawal ").order_by("pk")
    steps = events.filter(actor__in=[proposer, approver])
    assert [(each.event, each.actor_id, each.subject_id) for each in steps] == [
        ("withdrawal proposed for approval", proposer.pk, alice.pk),
        ("withdrawal approved", approver.pk, alice.pk),
        ("withdrawal completed", approver.pk, alice.pk),
    ]
    assert all(each.details["transaction_id"] == str(waiting.pk) for each in steps)


def test_nobody_approves_alone_while_another_could(waiting, approver):
    other = staff("approve_withdrawal")
    approve(waiting, approver)

    with pytest.raises(NotAnApprover, match=other.email):
        approve(waiting, approver)
    assert states(waiting) == ("pending", "waiting")
    assert_books_are_right()


def test_who_may_only_propose_does_not_approve(waiting, proposer, approver):
    approve(waiting, approver)

    with pytest.raises(NotAnApprover):
        approve(waiting, proposer)
    assert states(waiting) == ("pending", "waiting")


def test_a_lone_administrator_approves_in_a_second_step(waiting, approver):
    approve(waiting, approver)
    approve(waiting, approver)

    assert states(waiting) == ("completed", "approved")


@pytest.mark.parametrize("decide", [approve, reject])
def test_nobody_decides_without_a_permission(waiting, decide):
    with pytest.raises(NotAnApprover):
        decide(waiting, staff("view_banktransaction"))
    assert states(waiting) == ("pending", "waiting")
    assert WithdrawalReview.objects.get().proposed_by is None


def test_rejected_it_has_failed_and_its_money_is_available_again(api, alice, waiting, proposer):
    reject(waiting, proposer)

    assert states(waiting) == ("failed", "rejected")
    document = api.get(f"{URL}{waiting.pk}/").json()
    assert (document["failure_reason"], document["review"]) == ("rejected_by_review", "rejected")
    assert dollars(alice) == ("2000.00", "0.00")
    review = waiting.withdrawal_review
    assert (review.rejected_by, review.reason) == (proposer, "It does not look like her.")
    assert not Hold.objects.filter(ended_at=None).exists()
    assert_books_are_right()


def test_a_proposed_one_can_be_rejected(waiting, proposer, approver):
    approve(waiting, proposer)

    reject(waiting, approver)

    assert states(waiting) == ("failed", "rejected")


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301])
def test_a_rejection_says_why(waiting, proposer, reason):
    with pytest.raises(Invalid) as refusal:
        reject(waiting, proposer, reason)
    assert refusal.value.field == "reason"
    assert states(waiting) == ("pending", "waiting")


def test_its_owner_can_cancel_it_while_it_waits(api, alice, waiting, proposer, approver):
    approve(waiting, proposer)

    answer = api.post(f"{URL}{waiting.pk}/cancel/")

    assert (answer.json()["status"], answer.json()["review"]) == ("canceled", None)
    assert dollars(alice) == ("2000.00", "0.00")
    with pytest.raises(transactions.NothingToReview):
        approve(waiting, approver)
    assert_books_are_right()


@pytest.mark.parametrize("decide", [approve, reject])
def test_what_does_not_wait_is_not_decided(alice, account, approver, decide):
    give(alice, "100")
    row = withdraw(account, "50")

    with pytest.raises(transactions.NothingToReview):
        decide(row, approver)
    with pytest.raises(NotFound):
        transactions.approve(transaction_id=uuid.uuid4(), by=approver, now=LATER)


def test_a_waiting_one_is_not_returned_by_a_bank(waiting):
    with pytest.raises(transactions.TransactionNotReturnable):
        transactions.return_payment(transaction_id=waiting.pk, reason="R01", now=LATER)


def test_the_database_lets_nothing_else_wait(waiting):
    for change in ({"status": "completed"}, {"type": "deposit"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            BankTransaction.objects.filter(pk=waiting.pk).update(**change)


def test_its_limit_of_the_day_counts_from_when_it_was_asked_for(settings, waiting, account):
    settings.TRANSFER_LIMITS = {
        **settings.TRANSFER_LIMITS,
        "withdrawal": {"transaction": 2000, "day": 1600, "month": 9000},
    }
    with pytest.raises(TransferLimitExceeded):
        withdraw(account, "101")


# Debts ------------------------------------------------------------------------------------------


@pytest.fixture
def in_debt(alice, account):
    """Alice waits for 1,500 of her 1,600, which came by a deposit; and the bank returns that."""
    row = transactions.deposit(owner=alice, account_id=account.pk, amount=Decimal(1600), now=NOW)
    waiting = withdraw(account, "1500.00")
    transactions.return_payment(transaction_id=row.pk, reason="R01", now=NOW)
    return waiting


def test_who_owes_money_gets_no_approval(in_debt, proposer, approver):
    approve(in_debt, proposer)

    with pytest.raises(ledger.AccountInDebt):
        approve(in_debt, approver)
    assert states(in_debt) == ("pending", "waiting")
    assert WithdrawalReview.objects.get().approved_by is None
    assert_books_are_right()


def test_the_money_of_a_waiting_one_pays_a_debt(alice, in_debt):
    assert transactions.reject_in_debt([alice.pk], now=LATER) == 1

    assert states(in_debt) == ("failed", "rejected")
    assert in_debt.failure_reason == "account_in_debt"
    assert WithdrawalReview.objects.get().rejected_by is None
    wallet = LedgerAccount.objects.get(owner=alice, asset="USD")
    assert (wallet.available, wallet.held, wallet.debt) == (0, 0, 0)
    assert transactions.reject_in_debt([alice.pk], now=LATER) == 0
    assert_books_are_right()


def test_a_waiting_one_goes_on_waiting_when_the_debt_has_been_paid(alice, account, in_debt):
    transactions.deposit(owner=alice, account_id=account.pk, amount=Decimal(1500), now=NOW)

    assert transactions.reject_in_debt([alice.pk], now=LATER) == 0

    assert states(in_debt) == ("pending", "waiting")
    assert_books_are_right()


# At once ----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_decisions_and_a_cancelation_at_once_have_one_outcome():
    owner = UserFactory.create()
    give(owner, "2000.00")
    account = BankAccountFactory.create(owner=owner)
    row = withdraw(account, "1500.00")
    first, second = staff("approve_withdrawal"), staff("approve_withdrawal")
    approve(row, first)
    client = signed_in_client(owner)

    def attempt(call: Callable[[], object]) -> bool:
        try:
            call()
        except transactions.NothingToReview:
            return False
        return True

    def cancel() -> bool:
        return client.post(f"{URL}{row.pk}/cancel/").status_code == 200

    calls: list[Callable[[], bool]] = [cancel]
    calls += [partial(attempt, partial(approve, row, second)) for _ in range(4)]
    calls += [partial(attempt, partial(reject, row, first)) for _ in range(4)]
    decided = at_once(calls)

    assert sum(decided) == 1
    expected = {
        ("completed", "approved"): ("500.00", "0.00"),
        ("failed", "rejected"): ("2000.00", "0.00"),
        ("canceled", ""): ("2000.00", "0.00"),
    }
    assert dollars(owner) == expected[states(row)]
    assert_books_are_right()


@pytest.mark.django_db(transaction=True)
def test_two_who_look_at_it_first_at_once_do_not_both_propose():
    """Whoever comes second approves what the other has proposed."""
    owner = UserFactory.create()
    give(owner, "2000.00")
    row = withdraw(BankAccountFactory.create(owner=owner), "1500.00")
    both = [staff("approve_withdrawal"), staff("approve_withdrawal")]

    at_once([partial(approve, row, each) for each in both])

    assert states(row) == ("completed", "approved")
    review = row.withdrawal_review
    assert {review.proposed_by, review.approved_by} == set(both)
    assert_books_are_right()


def test_nobody_cancels_the_withdrawal_of_another(bobs_api, waiting):
    answer = bobs_api.post(f"{URL}{waiting.pk}/cancel/")

    assert_problem(answer, status=404, code="not_found")
    assert states(waiting) == ("pending", "waiting")
