"""Rotation of the encryption key of account numbers, while the servers run."""

import base64

import pytest
from django.core.management import CommandError, call_command

from banking import bank_accounts
from banking.bank_accounts import BankAccountExists
from banking.rules import rails
from banking.rules.encryption import Unreadable
from banking.tests.factories import NOW, BankAccountFactory
from be.database import reencryption

OLD = base64.urlsafe_b64encode(b"o" * 32).decode()
NEW = base64.urlsafe_b64encode(b"n" * 32).decode()
NUMBER = "123456789"


@pytest.fixture
def account(alice, settings):
    """An account that was linked while the old key was the only one."""
    settings.BANKING_ENCRYPTION_KEY = OLD
    return BankAccountFactory.create(owner=alice, account_number=NUMBER)


def test_rotation_makes_the_old_key_superfluous(account, settings, capsys):
    settings.BANKING_ENCRYPTION_KEY = f"{NEW},{OLD}"

    call_command("rotate_banking_key")

    assert "1 of 1 account" in capsys.readouterr().out
    settings.BANKING_ENCRYPTION_KEY = NEW
    account.refresh_from_db()
    assert bank_accounts.details(account).account_number == NUMBER


@pytest.mark.parametrize("ring", [OLD, f"{NEW},{OLD}"])
def test_a_duplicate_is_recognised_before_rotation(account, settings, ring):
    settings.BANKING_ENCRYPTION_KEY = ring

    with pytest.raises(BankAccountExists):
        BankAccountFactory.create(owner=account.owner, account_number=NUMBER)


@pytest.mark.parametrize("ring", [f"{NEW},{OLD}", NEW])
def test_a_duplicate_is_recognised_after_rotation(account, settings, ring):
    settings.BANKING_ENCRYPTION_KEY = f"{NEW},{OLD}"
    call_command("rotate_banking_key")
    settings.BANKING_ENCRYPTION_KEY = ring

    with pytest.raises(BankAccountExists):
        BankAccountFactory.create(owner=account.owner, account_number=NUMBER)


def test_rotating_again_does_nothing(account, settings, capsys):
    settings.BANKING_ENCRYPTION_KEY = f"{NEW},{OLD}"
    call_command("rotate_banking_key")
    account.refresh_from_db()
    sealed = bytes(account.account_number_encrypted)

    call_command("rotate_banking_key")

    assert "0 of 0 account" in capsys.readouterr().out
    account.refresh_from_db()
    assert bytes(account.account_number_encrypted) == sealed


def test_an_account_that_no_key_opens_is_named_and_the_others_are_rotated(
    account, bob, settings, capsys
):
    settings.BANKING_ENCRYPTION_KEY = base64.urlsafe_b64encode(b"x" * 32).decode()
    lost = BankAccountFactory.create(owner=bob, account_number=NUMBER)
    settings.BANKING_ENCRYPTION_KEY = f"{NEW},{OLD}"

    with pytest.raises(CommandError, match=str(lost.pk)) as refusal:
        call_command("rotate_banking_key")

    assert NUMBER not in str(refusal.value)
    assert "1 of 2 account" in capsys.readouterr().out
    with pytest.raises(Unreadable):
        bank_accounts.details(lost)


def test_micro_deposits_are_rotated_along(alice, settings):
    settings.BANKING_ENCRYPTION_KEY = OLD
    pending = BankAccountFactory.create(owner=alice, account_number=rails.NEEDS_MICRO_DEPOSITS)
    settings.BANKING_ENCRYPTION_KEY = f"{NEW},{OLD}"

    call_command("rotate_banking_key")

    settings.BANKING_ENCRYPTION_KEY = NEW
    bank_accounts.verify(owner=alice, account_id=pending.pk, amounts=rails.MICRO_DEPOSITS, now=NOW)
    pending.refresh_from_db()
    assert pending.status == "verified"


def test_a_destroyed_number_needs_no_key(account, settings, capsys):
    bank_accounts.unlink(owner=account.owner, account_id=account.pk, now=NOW)
    settings.BANKING_ENCRYPTION_KEY = NEW

    call_command("rotate_banking_key")

    assert "0 of 0 account" in capsys.readouterr().out


def test_an_account_that_another_customer_links_is_found_after_rotation(account, bob, settings):
    settings.BANKING_ENCRYPTION_KEY = f"{NEW},{OLD}"
    his = BankAccountFactory.create(owner=bob, account_number=NUMBER)
    call_command("rotate_banking_key")

    account.refresh_from_db()
    assert list(bank_accounts.linked_by_others(account)) == [his]
    assert list(bank_accounts.linked_by_others(his)) == [account]


def test_it_works_in_batches_and_goes_on_where_it_was(alice, settings, capsys, monkeypatch):
    settings.BANKING_ENCRYPTION_KEY = OLD
    for number in range(7):
        BankAccountFactory.create(owner=alice, account_number=f"6000000{number:02}")
    settings.BANKING_ENCRYPTION_KEY = f"{NEW},{OLD}"
    monkeypatch.setattr(reencryption, "BATCH", 2)

    def stop_after_four(done: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bank_accounts.rotate_keys(progress=stop_after_four)
    assert bank_accounts.under_older_keys().count() == 3

    call_command("rotate_banking_key")

    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["2 of 3", "3 of 3"]
    assert "3 of 3 account numbers were re-encrypted." in said
    assert bank_accounts.under_older_keys().count() == 0


def test_what_fails_in_a_batch_leaves_the_batch_as_it_was(alice, settings, monkeypatch):
    settings.BANKING_ENCRYPTION_KEY = OLD
    for number in range(3):
        BankAccountFactory.create(owner=alice, account_number=f"6000000{number:02}")
    settings.BANKING_ENCRYPTION_KEY = f"{NEW},{OLD}"
    calls = iter([None, RuntimeError])
    reencrypt = bank_accounts._reencrypt

    def fail_at_second(ring, account):
        if (error := next(calls)) is not None:
            raise error
        reencrypt(ring, account)

    monkeypatch.setattr(bank_accounts, "_reencrypt", fail_at_second)
    with pytest.raises(RuntimeError):
        bank_accounts.rotate_keys(progress=print)

    assert bank_accounts.under_older_keys().count() == 3
