"""The admin pages of banking are read-only."""

from decimal import Decimal

import pytest
from django.urls import reverse

from authentication.tests.browsers import administrator
from banking import transactions
from banking.models import BankAccount, BankTransaction, Hold, JournalEntry, LedgerAccount
from banking.tests.factories import NOW, BankAccountFactory, give
from banking.tests.money import dollars

MODELS = [BankAccount, BankTransaction, Hold, JournalEntry, LedgerAccount]
NUMBER = "700123456789"


@pytest.fixture
def admin(db):
    return administrator()


@pytest.fixture
def account(alice):
    """A bank account after a withdrawal, so that there is something of everything."""
    give(alice, "250.00")
    account = BankAccountFactory.create(owner=alice, account_number=NUMBER)
    transactions.withdraw(owner=alice, account_id=account.pk, amount=Decimal(100), now=NOW)
    return account


def url(model, page, *args):
    return reverse(f"admin:banking_{model._meta.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", MODELS)
def test_everything_can_be_looked_at(admin, account, model):
    row = model.objects.first()

    assert admin.get(url(model, "changelist")).status_code == 200
    assert admin.get(url(model, "changelist"), {"q": "alice"}).status_code == 200
    assert admin.get(url(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_nothing_can_be_added_changed_or_deleted(admin, account, alice, model):
    row = model.objects.first()
    before = model.objects.filter(pk=row.pk).values().get()

    assert admin.post(url(model, "add"), {}).status_code == 403
    assert admin.post(url(model, "change", row.pk), {"status": "failed"}).status_code == 403
    assert admin.post(url(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    admin.post(
        url(model, "changelist"), {"action": "delete_selected", "_selected_action": str(row.pk)}
    )

    assert model.objects.filter(pk=row.pk).values().get() == before
    assert dollars(alice) == ("150.00", "0.00")


def test_a_bank_account_shows_four_digits_of_its_number(admin, account):
    pages = [
        admin.get(url(BankAccount, "changelist")),
        admin.get(url(BankAccount, "change", account.pk)),
    ]

    for page in pages:
        text = page.content.decode()
        assert "6789" in text
        assert NUMBER not in text
        assert account.account_number_fingerprint not in text
        assert "encrypted" not in text


def test_a_journal_entry_shows_its_postings(admin, account):
    entry = JournalEntry.objects.get(kind="withdrawal")

    text = admin.get(url(JournalEntry, "change", entry.pk)).content.decode()

    assert "-100.00 USD" in text
    assert "+100.00 USD" in text


def test_who_else_has_linked_an_account_is_shown_with_it(admin, account, bob):
    page = url(BankAccount, "change", account.pk)
    assert "bob@example.com" not in admin.get(page).content.decode()

    BankAccountFactory.create(owner=bob, account_number=NUMBER)

    assert "bob@example.com" in admin.get(page).content.decode()


def test_the_balance_of_an_account_in_debt_is_below_zero(admin, alice):
    account = BankAccountFactory.create(owner=alice)
    row = transactions.deposit(owner=alice, account_id=account.pk, amount=Decimal(90), now=NOW)
    transactions.withdraw(owner=alice, account_id=account.pk, amount=Decimal(70), now=NOW)
    transactions.return_payment(transaction_id=row.pk, reason="R01", now=NOW)

    page = admin.get("/admin/banking/ledgeraccount/").content.decode()

    assert "-70.00" in page
    assert '<td class="field-debt_amount' in page
