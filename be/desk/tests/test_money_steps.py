"""Money at the desk: large withdrawals by two people, corrections, and what is shown before."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from authentication.models import AuditEvent, User
from authentication.tests.browsers import browser
from banking import transactions
from banking.models import BankTransaction, Correction, LedgerAccount
from be.desk.tests.conftest import desk_of, in_role
from be.desk.tests.test_story import words
from exchange.tests import market
from exchange.tests.administrators import confirmed
from exchange.tests.market import NOW


def of_transaction(row, name):
    return reverse(f"admin:banking_banktransaction_{name}", args=[row.pk])


def page(client, row):
    options = row._meta
    url = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[row.pk])
    return client.get(url).content.decode()


def available(customer):
    return LedgerAccount.objects.get(owner=customer, asset="USD").available


@pytest.fixture
def waiting(everything, settings):
    settings.LARGE_WITHDRAWAL_DOLLARS = 1000
    return transactions.withdraw(
        owner=everything.alice, account_id=everything.bank.pk, amount=Decimal(2000), now=NOW
    )


def test_a_large_withdrawal_goes_to_the_bank_once_two_people_have_looked(waiting):
    first, second = desk_of("operations"), desk_of("compliance")
    assert of_transaction(waiting, "propose") in page(first, waiting)
    assert of_transaction(waiting, "approve") not in page(first, waiting)

    shown = words(first.get(of_transaction(waiting, "propose")).content.decode())
    assert "alice@example.com withdraws 2,000.00 USD to First Example Bank …6789" in shown
    assert "A second person approves it: compliance@example.com" in shown
    first.post(of_transaction(waiting, "propose"))
    waiting.refresh_from_db()
    assert (waiting.status, waiting.review) == ("pending", "waiting")

    again = first.post(of_transaction(waiting, "approve"), follow=True)
    assert "One of these can approve it" in again.content.decode()
    waiting.refresh_from_db()
    assert waiting.review == "waiting"

    shown = words(second.get(of_transaction(waiting, "approve")).content.decode())
    assert "operations@example.com has proposed to approve it" in shown
    second.post(of_transaction(waiting, "approve"))
    waiting.refresh_from_db()
    assert (waiting.status, waiting.review) == ("completed", "approved")
    market.assert_books_are_right()


def test_one_that_is_rejected_leaves_its_money_where_it_is(waiting, everything):
    before = available(everything.alice)
    client = desk_of("operations")

    assert client.post(of_transaction(waiting, "reject"), {"reason": ""}).status_code == 200
    client.post(of_transaction(waiting, "reject"), {"reason": "They did not know of it"})

    waiting.refresh_from_db()
    assert (waiting.status, waiting.review) == ("failed", "rejected")
    assert available(everything.alice) == before + 200_000
    assert of_transaction(waiting, "propose") not in page(client, waiting)


def test_a_withdrawal_is_reversed_from_its_page(everything):
    client, row = desk_of("operations"), everything.withdrawal
    before = available(everything.alice)
    shown = words(client.get(of_transaction(row, "reverse")).content.decode())
    assert "Amount: +100.00 USD" in shown

    client.post(of_transaction(row, "reverse"), {"reason": "The bank sent it back by post"})

    row.refresh_from_db()
    assert (row.status, row.failure_reason) == ("returned", "corrected")
    assert available(everything.alice) == before + 10_000
    assert of_transaction(row, "reverse") not in page(client, row)
    assert AuditEvent.objects.filter(event="correction carried out").count() == 1
    market.assert_books_are_right()


def adjust(client, customer, **form):
    return client.post(reverse("admin:desk_customer_adjust", args=[customer.pk]), form)


def test_a_credit_is_shown_with_its_effect_before_it_is_done(everything):
    client, alice = desk_of("operations"), everything.alice
    before = available(alice)

    asked = adjust(client, alice, amount="12.50", reason="For the trouble")

    assert "Amount: +12.50 USD" in words(asked.content.decode())
    assert available(alice) == before
    assert adjust(client, alice, **confirmed(asked)).status_code == 302
    assert available(alice) == before + 1_250
    market.assert_books_are_right()


def test_what_was_changed_after_it_was_shown_is_shown_again(everything):
    client, alice = desk_of("operations"), everything.alice
    before = available(alice)
    fields = confirmed(adjust(client, alice, amount="12.50", reason="For the trouble"))

    for other in ({"amount": "1250.00"}, {"reason": "Because"}, {"_confirmed": "x"}):
        answer = adjust(client, alice, **{**fields, **other})
        assert answer.status_code == 200
    somebody = in_role("compliance")
    somebody.groups.add(Group.objects.get(name="operations"))
    assert adjust(browser(somebody), alice, **fields).status_code == 200

    assert available(alice) == before


def test_a_debit_of_more_than_there_is_says_so_and_is_refused(everything):
    client, alice = desk_of("operations"), everything.alice

    asked = adjust(client, alice, amount="-9999.00", reason="For the trouble")
    assert "There is not enough money" in words(asked.content.decode())
    refused = client.post(
        reverse("admin:desk_customer_adjust", args=[alice.pk]), confirmed(asked), follow=True
    )

    assert "is available" in refused.content.decode()
    assert Correction.objects.filter(owner=alice, carried_out_at__isnull=False).count() == 0


@pytest.mark.parametrize("amount", ["", "0.001", "1e3", "NaN", "a lot", "99999999999"])
def test_an_amount_that_is_none_is_refused_by_the_form(everything, amount):
    answer = adjust(desk_of("operations"), everything.alice, amount=amount, reason="Because")
    assert answer.status_code in (200, 302)
    assert not Correction.objects.filter(owner=everything.alice, reason="Because").exists()


def test_times_are_written_as_everywhere_else(root, everything):
    assert "2026-03-02 15:00:00" in page(root, everything.withdrawal)


def test_a_large_one_waits_for_a_second_person(everything):
    correction = Correction.objects.get()
    before = available(everything.alice)
    second = desk_of("compliance")
    url = reverse("admin:banking_correction_approve", args=[correction.pk])
    assert "asks@example.com asked for it: A double debit" in words(
        second.get(url).content.decode()
    )

    second.post(url)

    correction.refresh_from_db()
    assert correction.approved_by == User.objects.get(email="compliance@example.com")
    assert available(everything.alice) == before + 5_000_000
    market.assert_books_are_right()


def test_money_and_trades_have_no_form_to_edit(root, everything):
    execution = everything.bought.executions.get()
    entry = reverse("admin:banking_journalentry_change", args=[1])
    for url in (entry, reverse("admin:exchange_execution_change", args=[execution.pk])):
        assert root.post(url, {"price": "1"}).status_code in (302, 403, 404)
    assert BankTransaction.objects.get(pk=everything.withdrawal.pk).status == "completed"
