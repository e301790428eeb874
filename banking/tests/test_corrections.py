"""Corrections: a mistake is put right by another entry, once, with a reason, never below zero."""

from datetime import timedelta
from decimal import Decimal
from functools import partial
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission

from authentication.four_eyes import NotAnApprover
from authentication.models import AuditEvent
from authentication.tests.factories import UserFactory
from banking import corrections, integrity, ledger, transactions
from banking.models import Correction, HouseAccount, JournalEntry, LedgerAccount
from banking.rules import rails
from banking.tests.factories import NOW, BankAccountFactory, give
from banking.tests.money import assert_books_are_right, dollars, house_dollars
from banking.tests.parallel import at_once
from be.kernel.refusals import Invalid, NotFound, Refusal

WHY = "The same transfer was booked twice."


def staff(*codenames):
    user = UserFactory.create(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


@pytest.fixture
def clerk(db):
    return staff("add_correction")


@pytest.fixture
def approver(db):
    return staff("approve_correction")


@pytest.fixture
def bank(alice):
    return BankAccountFactory.create(owner=alice)


def deposit(bank, amount="100.00"):
    return transactions.deposit(
        owner=bank.owner, account_id=bank.pk, amount=Decimal(amount), now=NOW
    )


def reverse(row, by):
    return corrections.reverse(transaction_id=row.pk, by=by, reason=WHY, now=NOW)


def adjust(owner, amount, by, reason=WHY):
    return corrections.adjust(owner=owner, amount=Decimal(amount), by=by, reason=reason, now=NOW)


def owed(owner):
    return LedgerAccount.objects.get(owner=owner, asset="USD").debt


def test_a_deposit_is_reversed_and_its_owner_sees_why(alice, bank, clerk):
    row = deposit(bank)

    correction = reverse(row, clerk)

    row.refresh_from_db()
    assert (row.status, row.failure_reason) == ("returned", "corrected")
    assert (correction.cents, correction.state) == (-10_000, "carried out")
    assert dollars(alice) == ("0.00", "0.00")
    assert house_dollars(HouseAccount.BANK_CLEARING) == "0.00"
    assert_books_are_right()


def test_it_happens_once_whoever_else_returns_it(alice, bank, clerk):
    row = deposit(bank)
    reverse(row, clerk)
    entries = JournalEntry.objects.count()

    with pytest.raises(corrections.NotCorrectable):
        reverse(row, clerk)
    transactions.return_payment(transaction_id=row.pk, reason="R01", now=NOW)

    assert JournalEntry.objects.count() == entries
    assert Correction.objects.count() == 1


def test_what_the_bank_has_returned_is_not_reversed_again(alice, bank, clerk):
    row = deposit(bank)
    transactions.return_payment(transaction_id=row.pk, reason="R01", now=NOW)

    with pytest.raises(corrections.NotCorrectable, match="returned"):
        reverse(row, clerk)
    assert_books_are_right()


def test_what_was_spent_of_a_deposit_is_owed(alice, bank, clerk):
    row = deposit(bank, "100.00")
    transactions.withdraw(owner=alice, account_id=bank.pk, amount=Decimal("70.00"), now=NOW)
    shown = corrections.preview_of(row)

    reverse(row, clerk)

    assert (dollars(alice), owed(alice)) == (("0.00", "0.00"), 7_000)
    assert (shown.available_after, shown.debt_after) == (Decimal(0), Decimal("70.00"))
    assert_books_are_right()


def test_a_withdrawal_is_reversed_to_what_is_available(alice, bank, clerk):
    give(alice, "100.00")
    row = transactions.withdraw(owner=alice, account_id=bank.pk, amount=Decimal("60.00"), now=NOW)

    reverse(row, clerk)

    assert dollars(alice) == ("100.00", "0.00")
    assert_books_are_right()


@pytest.mark.parametrize("number", [rails.DELAYED, rails.REFUSED])
def test_what_has_moved_nothing_is_not_reversed(alice, clerk, number):
    bank = BankAccountFactory.create(owner=alice, account_number=number)
    row = deposit(bank)
    assert row.status in ("pending", "failed")

    with pytest.raises(corrections.NotCorrectable):
        reverse(row, clerk)
    assert not Correction.objects.exists()


def test_an_adjustment_has_the_houses_errors_on_the_other_side(alice, clerk):
    adjust(alice, "25.00", clerk)
    adjust(alice, "-5.00", clerk)

    assert dollars(alice) == ("20.00", "0.00")
    assert house_dollars(HouseAccount.ERRORS) == "-20.00"
    assert_books_are_right()


def test_a_debit_never_goes_below_zero_and_leaves_nothing_behind(alice, clerk):
    give(alice, "4.99")

    with pytest.raises(ledger.InsufficientFunds):
        adjust(alice, "-5.00", clerk)

    assert dollars(alice) == ("4.99", "0.00")
    assert not Correction.objects.exists()
    assert not AuditEvent.objects.filter(event__startswith="correction").exists()


def test_a_credit_pays_a_debt_first(alice, bank, clerk):
    row = deposit(bank, "100.00")
    transactions.withdraw(owner=alice, account_id=bank.pk, amount=Decimal(100), now=NOW)
    reverse(row, clerk)
    shown = corrections.preview(alice, 13_000)

    adjust(alice, "130.00", clerk)

    assert (dollars(alice), owed(alice)) == (("30.00", "0.00"), 0)
    assert (shown.available_after, shown.debt_after) == (Decimal("30.00"), Decimal(0))
    assert_books_are_right()


def test_an_adjustment_is_reversed_once_and_a_reversal_never(alice, clerk):
    first = adjust(alice, "25.00", clerk)
    back = partial(corrections.reverse_adjustment, by=clerk, reason=WHY, now=NOW)

    second = back(correction_id=first.pk)

    assert (second.cents, second.kind) == (-2_500, "reversal of an adjustment")
    assert dollars(alice) == ("0.00", "0.00")
    for pk in (first.pk, second.pk):
        with pytest.raises(corrections.NotCorrectable):
            back(correction_id=pk)
    assert_books_are_right()


@pytest.mark.parametrize("amount", ["0", "0.001", "-0.005", "NaN", "Infinity", "1000000.01"])
def test_an_absurd_amount_is_refused(alice, clerk, amount):
    with pytest.raises(Invalid) as refused:
        adjust(alice, amount, clerk)
    assert refused.value.field == "amount"


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301])
def test_a_reason_is_wanted(alice, clerk, reason):
    with pytest.raises(Invalid) as refused:
        adjust(alice, "1.00", clerk, reason)
    assert refused.value.field == "reason"
    assert not Correction.objects.exists()


def test_what_is_not_there_is_not_found(clerk):
    for call in (
        partial(corrections.reverse, transaction_id=uuid4()),
        partial(corrections.reverse_adjustment, correction_id=uuid4()),
    ):
        with pytest.raises(NotFound):
            call(by=clerk, reason=WHY, now=NOW)


def test_nobody_without_the_permission_corrects_and_nobody_their_own_account(alice, clerk):
    with pytest.raises(corrections.MayNotCorrect):
        adjust(alice, "1.00", staff("view_correction", "approve_correction"))
    with pytest.raises(corrections.MayNotCorrect):
        adjust(clerk, "1.00", clerk)
    assert not Correction.objects.exists()


# The second look ----------------------------------------------------------------------------------


@pytest.fixture
def large(settings):
    settings.SECOND_LOOK_DOLLARS = 1000


def test_a_large_one_waits_for_a_second_person(alice, clerk, approver, large):
    give(alice, "1.00")
    waiting = adjust(alice, "1000.00", clerk)
    assert (waiting.state, dollars(alice)) == ("awaits a second look", ("1.00", "0.00"))
    assert adjust(alice, "999.99", clerk).state == "carried out"

    with pytest.raises(NotAnApprover):
        corrections.approve(correction_id=waiting.pk, by=clerk, now=NOW)
    corrections.approve(correction_id=waiting.pk, by=approver, now=NOW)

    assert dollars(alice) == ("2000.99", "0.00")
    with pytest.raises(corrections.NothingToDecide):
        corrections.approve(correction_id=waiting.pk, by=approver, now=NOW)
    assert_books_are_right()


def test_the_first_one_does_not_approve_while_another_could(alice, large):
    both = staff("add_correction", "approve_correction")
    other = staff("approve_correction")
    waiting = adjust(alice, "1000.00", both)

    with pytest.raises(NotAnApprover, match=other.email):
        corrections.approve(correction_id=waiting.pk, by=both, now=NOW)
    assert dollars(alice) == ("0.00", "0.00")


def test_a_large_reversal_waits_and_can_be_asked_for_again_once_it_is_declined(
    alice, bank, clerk, approver, large
):
    row = deposit(bank, "5000.00")
    waiting = reverse(row, clerk)
    with pytest.raises(corrections.NotCorrectable):
        reverse(row, clerk)

    corrections.decline(correction_id=waiting.pk, by=approver, reason="It is right.", now=NOW)
    assert dollars(alice) == ("5000.00", "0.00")
    with pytest.raises(corrections.NothingToDecide):
        corrections.approve(correction_id=waiting.pk, by=approver, now=NOW)

    again = reverse(row, clerk)
    corrections.approve(correction_id=again.pk, by=approver, now=NOW)
    assert dollars(alice) == ("0.00", "0.00")
    assert_books_are_right()


def test_what_the_bank_returns_meanwhile_is_not_taken_twice(alice, bank, clerk, approver, large):
    row = deposit(bank, "5000.00")
    waiting = reverse(row, clerk)
    transactions.return_payment(transaction_id=row.pk, reason="R01", now=NOW + timedelta(minutes=1))

    with pytest.raises(corrections.NotCorrectable):
        corrections.approve(correction_id=waiting.pk, by=approver, now=NOW)

    waiting.refresh_from_db()
    assert waiting.state == "awaits a second look"
    assert_books_are_right()


def test_who_and_why_is_in_the_audit_log(alice, bank, clerk, approver, large):
    waiting = reverse(deposit(bank, "5000.00"), clerk)
    corrections.approve(correction_id=waiting.pk, by=approver, now=NOW)

    told = AuditEvent.objects.filter(event__startswith="correction").order_by("pk")
    assert [(row.event, row.actor_id, row.subject_id) for row in told] == [
        ("correction asked for", clerk.pk, alice.pk),
        ("correction carried out", approver.pk, alice.pk),
    ]
    assert {row.details["reason"] for row in told} == {WHY}
    assert told[0].details["amount"] == "-5000.00"


def test_the_check_of_the_books_finds_what_an_adjustment_does_not_say(alice, clerk):
    correction = adjust(alice, "25.00", clerk)
    Correction.objects.filter(pk=correction.pk).update(cents=2_400)

    assert any(str(correction.pk) in line for line in integrity.check())
    Correction.objects.filter(pk=correction.pk).delete()
    assert any("none was carried out" in line for line in integrity.check())


@pytest.mark.django_db(transaction=True)
def test_of_several_at_once_one_reverses_it(bank, clerk):
    row = deposit(bank)

    def one():
        try:
            return reverse(row, clerk).state
        except Refusal as refusal:
            return refusal.code

    answers = at_once([one] * 4)

    assert sorted(answers) == ["carried out", *["not_correctable"] * 3]
    assert dollars(bank.owner) == ("0.00", "0.00")
    assert owed(bank.owner) == 0
    assert_books_are_right()


@pytest.mark.django_db(transaction=True)
def test_of_two_approvers_at_once_one_carries_it_out(alice, clerk, approver, large):
    waiting = adjust(alice, "1000.00", clerk)
    other = staff("approve_correction")

    def approve(by):
        try:
            return corrections.approve(correction_id=waiting.pk, by=by, now=NOW).state
        except Refusal as refusal:
            return refusal.code

    answers = at_once([partial(approve, approver), partial(approve, other)])

    assert sorted(answers) == ["carried out", "nothing_to_decide"]
    assert dollars(alice) == ("1000.00", "0.00")
    assert_books_are_right()
