"""What comes back from the bank: each return is applied once, and what is no return is reported."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from authentication.tests.factories import UserFactory
from banking import bank_accounts, transactions
from banking.micro_deposits import VerificationExpired
from banking.models import (
    BankAccountStatus,
    JournalEntry,
    LedgerAccount,
    NachaFile,
    NachaReturn,
)
from banking.nacha import returns
from banking.nacha.returns import Outcome
from banking.rules.nacha import incoming, reasons
from banking.tests.factories import BankAccountFactory, give
from banking.tests.money import assert_books_are_right, dollars
from banking.tests.nacha import bank, scenes
from banking.tests.nacha.scenes import LATER, NOW, deposit, verified, withdraw
from banking.tests.parallel import at_once

SETTLED = datetime(2026, 3, 3, 13, 30, tzinfo=UTC)
NEXT_DAY = SETTLED + timedelta(days=1)
RELEASED = datetime(2026, 3, 6, 13, 30, tzinfo=UTC)


@pytest.fixture
def entries(write, settings):
    """Send what there is; the entries of the file, as the independent reader reads them."""

    def entries():
        (name,) = write()
        return scenes.entries(settings.NACHA_FOLDER / name)

    return entries


def apply(content, now=NEXT_DAY):
    """The outcomes of a file's notices."""
    found = returns.apply_all(incoming.notices(content), now=now)
    return [handled.outcome for handled in found]


def state(row):
    row.refresh_from_db()
    return row.status, row.failure_reason


# Returns ------------------------------------------------------------------------------------------


def test_a_deposit_that_comes_back_before_it_settles_has_failed(alice, checking, entries):
    row = deposit(checking)
    (entry,) = entries()

    assert apply(bank.file(bank.returned(entry, "R03")), now=LATER) == [Outcome.APPLIED]

    assert state(row) == ("failed", "account_not_found")
    assert dollars(alice) == ("0.00", "0.00")
    assert transactions.settle_due(now=RELEASED) == 0
    assert not JournalEntry.objects.exists()


def test_a_deposit_that_comes_back_while_it_is_held_is_taken_out_of_the_hold(
    alice, checking, entries
):
    row = deposit(checking)
    (entry,) = entries()
    transactions.settle_due(now=SETTLED)

    assert apply(bank.file(bank.returned(entry, "R01"))) == [Outcome.APPLIED]

    assert state(row) == ("returned", "insufficient_funds_at_bank")
    assert dollars(alice) == ("0.00", "0.00")
    assert_books_are_right()


def test_a_deposit_that_comes_back_after_it_was_spent_is_owed(alice, checking, entries):
    row = deposit(checking)
    (entry,) = entries()
    transactions.settle_due(now=SETTLED)
    transactions.settle_due(now=RELEASED)
    withdraw(checking, "70", now=RELEASED)

    sixty_days = RELEASED + timedelta(days=60)
    assert apply(bank.file(bank.returned(entry, "R10")), now=sixty_days) == [Outcome.APPLIED]

    assert state(row) == ("returned", "not_authorized")
    assert LedgerAccount.objects.get(owner=alice).debt == 7_000
    assert_books_are_right()


def test_a_withdrawal_that_comes_back_is_available_again(alice, checking, entries):
    give(alice, "100")
    row = withdraw(checking)
    (entry,) = entries()
    transactions.settle_due(now=SETTLED)
    assert dollars(alice) == ("60.00", "0.00")

    assert apply(bank.file(bank.returned(entry, "R04"), entry_class="PPD")) == [Outcome.APPLIED]

    assert state(row) == ("returned", "invalid_account_number")
    assert dollars(alice) == ("100.00", "0.00")
    assert_books_are_right()


def test_a_return_finds_the_transaction_of_an_account_that_was_unlinked(alice, checking, entries):
    row = deposit(checking)
    (entry,) = entries()
    transactions.settle_due(now=SETTLED)
    transactions.settle_due(now=RELEASED)
    bank_accounts.unlink(owner=alice, account_id=checking.pk, now=RELEASED)
    checking.refresh_from_db()
    assert bytes(checking.account_number_encrypted) == b""

    assert apply(bank.file(bank.returned(entry, "R10")), now=RELEASED) == [Outcome.APPLIED]

    assert state(row) == ("returned", "not_authorized")
    assert_books_are_right()


# The codes that consumers' banks send most, and one that is in no table.
CODES = {
    "R01": ("insufficient_funds_at_bank", "verified"),
    "R02": ("account_closed", "pending"),
    "R03": ("account_not_found", "pending"),
    "R04": ("invalid_account_number", "pending"),
    "R05": ("not_authorized", "pending"),
    "R07": ("authorization_revoked", "pending"),
    "R08": ("payment_stopped", "verified"),
    "R09": ("uncollected_funds", "verified"),
    "R10": ("not_authorized", "pending"),
    "R16": ("account_frozen", "pending"),
    "R20": ("not_a_transaction_account", "pending"),
    "R29": ("not_authorized", "pending"),
    "R56": ("returned_by_bank", "verified"),
}


@pytest.mark.parametrize("code", CODES)
def test_a_code_becomes_a_reason_for_the_customer_and_may_end_the_link(
    alice, checking, entries, code
):
    reason, status = CODES[code]
    row = deposit(checking)
    (entry,) = entries()

    assert apply(bank.file(bank.returned(entry, code))) == [Outcome.APPLIED]

    assert state(row) == ("failed", reason)
    checking.refresh_from_db()
    assert checking.status == status
    if status == BankAccountStatus.PENDING:
        with pytest.raises(transactions.BankAccountNotVerified):
            deposit(checking)


def test_every_reason_fits_its_column_and_has_words():
    for code, reason in reasons.REASONS.items():
        assert incoming.RETURN_CODE.fullmatch(code)
        assert len(reason.code) <= 40
        assert reason.words.endswith(".")


def test_the_docs_have_the_table_of_reasons():
    text = (Path(settings.BASE_DIR) / "docs" / "nacha.md").read_text()
    table = text.partition("<!-- the table of reasons -->")[2].partition("<!-- end")[0]

    for code, reason in reasons.REASONS.items():
        account = "linked anew" if reason.ends_link else ""
        assert f"| {code} | `{reason.code}` | {reason.words} | {account} |" in table
    assert table.count("| R") == len(reasons.REASONS)


def test_a_micro_deposit_that_comes_back_ends_the_verification(alice, entries):
    account = BankAccountFactory.create(owner=alice, now=NOW)
    first, second = entries()
    amounts = [Decimal(int(entry["amount"])) / 100 for entry in (first, second)]

    found = bank.file(bank.returned(first, "R03"), bank.returned(second, "R03", number=2))
    assert apply(found) == [Outcome.APPLIED] * 2

    with pytest.raises(VerificationExpired):
        bank_accounts.verify(owner=alice, account_id=account.pk, amounts=amounts, now=NEXT_DAY)


# Once ---------------------------------------------------------------------------------------------


def test_a_file_that_is_read_twice_and_an_entry_that_comes_twice_move_once(
    alice, checking, entries
):
    give(alice, "100")
    withdraw(checking)
    (entry,) = entries()
    transactions.settle_due(now=SETTLED)
    twice = bank.file(bank.returned(entry, "R03"), bank.returned(entry, "R02", number=2))

    assert apply(twice) == [Outcome.APPLIED, Outcome.APPLIED_BEFORE]
    assert apply(twice) == [Outcome.APPLIED_BEFORE] * 2

    assert dollars(alice) == ("100.00", "0.00")
    assert NachaReturn.objects.get().code == "R03"
    assert_books_are_right()


@pytest.mark.django_db(transaction=True)
def test_readers_of_one_file_that_race_apply_it_once(entries):
    owner = UserFactory.create()
    account = verified(owner)
    give(owner, "100")
    for _ in range(3):
        withdraw(account, "10")
    found = entries()
    transactions.settle_due(now=SETTLED)
    pairs = [bank.returned(entry, "R02", number=n) for n, entry in enumerate(found, 1)]
    content = bank.file(*pairs)

    outcomes = at_once([partial(apply, content) for _ in range(4)])

    assert sorted(one.name for each in outcomes for one in each) == (
        ["APPLIED"] * 3 + ["APPLIED_BEFORE"] * 9
    )
    assert dollars(owner) == ("100.00", "0.00")
    assert_books_are_right()


def test_a_reader_that_was_stopped_goes_on_where_it_was(alice, checking, entries):
    give(alice, "100")
    for _ in range(3):
        withdraw(checking, "10")
    found = entries()
    transactions.settle_due(now=SETTLED)
    content = bank.file(*[bank.returned(entry, "R01", number=n) for n, entry in enumerate(found)])
    stopped = returns.apply_all(incoming.notices(content), now=NEXT_DAY)
    next(stopped)
    del stopped

    assert apply(content) == [Outcome.APPLIED_BEFORE, Outcome.APPLIED, Outcome.APPLIED]
    assert dollars(alice) == ("100.00", "0.00")


# What is reported and moves nothing ---------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"cents": 9_999},
        {"original": "021000029999999"},
        {"rdfi": "02100002"},
    ],
)
def test_a_return_of_something_else_moves_nothing(alice, checking, entries, change):
    row = deposit(checking)
    (entry,) = entries()
    transactions.settle_due(now=SETTLED)

    assert apply(bank.file(bank.returned(entry, "R01", **change))) == [Outcome.UNMATCHED]

    assert state(row) == ("completed", "")
    assert dollars(alice) == ("0.00", "100.00")


@pytest.mark.parametrize(
    ("code", "type_", "outcome"),
    [
        ("C01", "98", Outcome.CHANGE),
        ("C13", "98", Outcome.CHANGE),
        ("R61", "99", Outcome.DISPUTE),
        ("R69", "99", Outcome.DISPUTE),
        ("R77", "99", Outcome.DISPUTE),
    ],
)
def test_changes_and_disputes_are_reported_only(alice, checking, entries, code, type_, outcome):
    row = deposit(checking)
    (entry,) = entries()
    transactions.settle_due(now=SETTLED)
    cents = 0 if type_ == "98" else None

    found = bank.file(bank.returned(entry, code, type_=type_, cents=cents), entry_class="COR")

    assert apply(found) == [outcome]
    assert state(row) == ("completed", "")
    checking.refresh_from_db()
    assert checking.status == "verified"


def test_a_return_of_what_moved_nothing_is_reported(alice, checking, entries):
    row = deposit(checking)
    (entry,) = entries()
    row.status = "failed"
    row.save()

    assert apply(bank.file(bank.returned(entry, "R01"))) == [Outcome.NOTHING_TO_RETURN]


def test_what_was_decided_and_never_written_can_not_come_back(checking, entries):
    deposit(checking)
    (entry,) = entries()
    NachaFile.objects.update(written_at=None)

    assert apply(bank.file(bank.returned(entry, "R01"))) == [Outcome.UNMATCHED]


# The command --------------------------------------------------------------------------------------


def test_the_command_says_each_line_and_fails_when_somebody_has_to_look(
    alice, checking, entries, capsys, tmp_path
):
    row = deposit(checking)
    (entry,) = entries()
    number = entry["account"].strip()
    change = bank.returned(entry, "C01", type_="98", cents=0, number=2, information=number)
    path = tmp_path / "back.ach"
    path.write_bytes(bank.file(bank.returned(entry, "R01"), change))

    with pytest.raises(CommandError, match="1 of these need somebody"):
        call_command("read_nacha_returns", str(path))

    said = capsys.readouterr().out
    assert said.splitlines() == [
        f"back.ach line 4: R01 (insufficient_funds_at_bank) of deposit {row.pk}, trace "
        f"{entry['trace']}: applied",
        f"back.ach line 6: C01 (the account number is wrong) of deposit {row.pk}, trace "
        f"{entry['trace']}: a notification of change",
    ]
    assert number not in said


def test_a_malformed_file_keeps_all_of_them_from_moving(alice, checking, entries, tmp_path):
    row = deposit(checking)
    (entry,) = entries()
    good, bad = tmp_path / "good.ach", tmp_path / "bad.ach"
    good.write_bytes(bank.file(bank.returned(entry, "R01")))
    bad.write_bytes(good.read_bytes()[:-94])

    with pytest.raises(CommandError, match=r"bad\.ach is refused, nothing was applied\. Line"):
        call_command("read_nacha_returns", str(good), str(bad))
    with pytest.raises(CommandError, match="can't be read"):
        call_command("read_nacha_returns", str(good), str(tmp_path / "missing.ach"))

    assert state(row) == ("pending", "")
