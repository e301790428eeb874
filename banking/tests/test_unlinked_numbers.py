"""The number of an unlinked account is destroyed once nothing needs it; its row stays."""

from datetime import timedelta
from decimal import Decimal
from functools import partial
from importlib import import_module

import pytest
from django.apps import apps
from django.core.management import call_command

from authentication.tests.factories import UserFactory
from banking import bank_accounts, transactions
from banking.models import BankAccount, BankAccountStatus
from banking.rules import encryption, rails
from banking.tests.factories import NOW, BankAccountFactory, give
from banking.tests.parallel import at_once

MIGRATION = import_module("banking.migrations.0017_unlinked_numbers_are_destroyed")


def stored(account):
    row = BankAccount.objects.get(pk=account.pk)
    return bytes(row.account_number_encrypted), row.account_number_fingerprint


def unlink(account):
    bank_accounts.unlink(owner=account.owner, account_id=account.pk, now=NOW)


def deposit(account):
    return transactions.deposit(
        owner=account.owner, account_id=account.pk, amount=Decimal(100), now=NOW
    )


@pytest.fixture
def returned(alice):
    return BankAccountFactory.create(owner=alice, account_number=rails.RETURNED_LATER)


def test_an_unlinked_account_keeps_its_row_and_four_digits_only(api, account):
    deposit(account)

    api.delete(f"/api/banking/accounts/{account.pk}/")

    assert stored(account) == (b"", "")
    kept = account.account_number_last4
    account.refresh_from_db()
    assert account.account_number_last4 == kept
    assert len(kept) == 4
    assert account.transactions.count() == 1
    with pytest.raises(encryption.Unreadable):
        bank_accounts.details(account)


def test_the_amounts_of_micro_deposits_go_with_it(alice):
    pending = BankAccountFactory.create(owner=alice, account_number=rails.NEEDS_MICRO_DEPOSITS)

    unlink(pending)

    pending.refresh_from_db()
    assert pending.micro_deposits_encrypted is None


def test_the_number_stays_while_the_bank_may_return_a_transaction(returned):
    deposit(returned)
    unlink(returned)
    assert bank_accounts.details(returned).account_number == rails.RETURNED_LATER

    transactions.settle_due(now=NOW + timedelta(seconds=10))

    assert stored(returned) == (b"", "")


def test_an_unlinked_account_of_which_the_number_is_kept_can_be_linked_again(alice, returned):
    deposit(returned)
    unlink(returned)

    again = BankAccountFactory.create(owner=alice, account_number=rails.RETURNED_LATER)

    assert again.status == "verified"


def test_two_destroyed_numbers_are_not_taken_for_one_account(alice, bob):
    accounts = [BankAccountFactory.create(owner=owner) for owner in (alice, alice, bob)]
    for account in accounts:
        unlink(account)
        account.refresh_from_db()

    assert not bank_accounts.linked_by_others(accounts[0]).exists()


def test_a_command_destroys_what_a_stopped_server_has_left(account, returned, capsys):
    deposit(returned)
    BankAccount.objects.update(status=BankAccountStatus.UNLINKED)

    call_command("destroy_unlinked_numbers")

    assert "1 account numbers" in capsys.readouterr().out
    assert stored(account) == (b"", "")
    assert stored(returned) != (b"", "")


def test_the_migration_destroys_what_was_unlinked_earlier(account, alice, returned):
    deposit(returned)
    pending = BankAccountFactory.create(owner=alice, account_number=rails.NEEDS_MICRO_DEPOSITS)
    linked = BankAccountFactory.create(owner=alice)
    unlinked = BankAccount.objects.filter(pk__in=[account.pk, returned.pk])
    unlinked.update(status=BankAccountStatus.UNLINKED)

    MIGRATION.destroy(apps, None)

    assert stored(account) == (b"", "")
    assert stored(returned) != (b"", "")
    assert bank_accounts.details(linked)
    pending.refresh_from_db()
    assert pending.verification_expires_at == pending.created_at


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_", range(3))
def test_whichever_comes_last_of_unlinking_and_settling_destroys_it(_):
    owner = UserFactory.create()
    accounts = [
        BankAccountFactory.create(
            owner=owner, account_number=rails.RETURNED_LATER, routing_number=routing
        )
        for routing in ("021000021", "111000025", "011401533", "091000019")
    ]
    give(owner, "1000")
    for account in accounts:
        deposit(account)
    later = NOW + timedelta(seconds=10)

    at_once(
        [partial(unlink, account) for account in accounts]
        + [partial(transactions.settle_due, now=later) for _ in range(2)]
    )

    assert [stored(account) for account in accounts] == [(b"", "")] * 4
