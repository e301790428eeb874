"""Which transfers go into which file, and when."""

import re
import stat
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.core.management import CommandError, call_command

from authentication.tests.api_client import signed_in_client
from authentication.tests.factories import UserFactory
from authentication.tests.problems import assert_problem
from banking import bank_accounts, transactions
from banking.models import BankAccount, BankTransaction, NachaEntry, NachaFile, Review
from banking.nacha import files, folder
from banking.rules.nacha import outgoing
from banking.tests.factories import BankAccountFactory, give
from banking.tests.money import assert_books_are_right, dollars
from banking.tests.nacha import scenes
from banking.tests.nacha.scenes import NOW, deposit, verified, withdraw
from banking.tests.parallel import at_once

FIRST = "2026-03-02-A.ach"


def new_york(day, hour, minute=0):
    """A moment of March 2026, before summer time: five hours behind UTC."""
    return datetime(2026, 3, day, hour + 5, minute, tzinfo=UTC)


def test_the_transfers_of_a_day_go_into_a_file(checking, alice, write, sent):
    give(alice, "500")
    took, gave = deposit(checking, "120.50"), withdraw(checking, "40")

    assert write(new_york(2, 16)) == [FIRST]

    header, [(debits, [debit]), (credits, [credit])], control = sent(FIRST)
    assert (header["date"], header["time"], header["modifier"]) == ("260302", "1600", "A")
    assert debits["effective"] == credits["effective"] == "260303"
    assert (debit["code"], debit["amount"]) == ("27", "0000012050")
    assert (credit["code"], credit["amount"]) == ("22", "0000004000")
    number = bank_accounts.details(checking).account_number
    assert debit["account"].strip() == credit["account"].strip() == number
    assert debit["identification"] == took.pk.hex[-15:].upper()
    assert credit["identification"] == gave.pk.hex[-15:].upper()
    assert debit["name"].strip() == "ALICE ARCHER"
    assert (int(control["debit"]), int(control["credit"])) == (12_050, 4_000)
    assert_books_are_right()


def test_nothing_goes_twice(checking, write):
    deposit(checking)

    assert write() == [FIRST]
    assert write() == []
    assert write(NOW + timedelta(days=1)) == []
    assert NachaEntry.objects.count() == 1


def test_files_of_a_day_have_modifiers_and_traces_go_on(checking, write, sent):
    for name in (FIRST, "2026-03-02-B.ach", "2026-03-02-C.ach"):
        deposit(checking)
        assert write(NOW + timedelta(minutes=1)) == [name]

    traces = [sent(f"2026-03-02-{letter}.ach")[1][0][1][0]["trace"] for letter in "ABC"]
    assert traces == ["021000020000001", "021000020000002", "021000020000003"]


def test_a_day_has_36_files(checking, write):
    for number, modifier in enumerate(outgoing.MODIFIERS):
        NachaFile.objects.create(
            created_at=NOW,
            day=NOW.date(),
            modifier=modifier,
            effective_date=NOW.date(),
            written_at=NOW,
            sha256=str(number),
        )
    deposit(checking)

    with pytest.raises(files.NoMoreFilesToday):
        write(NOW + timedelta(minutes=1))

    assert BankTransaction.objects.get().sent_at is None
    assert write(NOW + timedelta(days=1)) == ["2026-03-03-A.ach"]


@pytest.mark.parametrize(
    ("entered", "written", "file", "effective"),
    [
        (new_york(2, 16, 59), new_york(2, 18), "2026-03-02-A.ach", "260303"),
        (new_york(2, 17), new_york(2, 18), None, None),
        (new_york(2, 17), new_york(3, 9), "2026-03-03-A.ach", "260304"),
        (new_york(6, 16), new_york(6, 17, 5), "2026-03-06-A.ach", "260309"),
        (new_york(7, 9), new_york(7, 18), None, None),
        (new_york(7, 9), new_york(9, 18), "2026-03-09-A.ach", "260310"),
        (new_york(6, 16), new_york(7, 10), "2026-03-07-A.ach", "260309"),
    ],
)
def test_a_day_ends_at_the_cutoff_and_banks_have_weekends(
    checking, write, sent, entered, written, file, effective
):
    deposit(checking, now=entered)

    assert write(written) == ([file] if file else [])

    if file:
        assert sent(file)[1][0][0]["effective"] == effective


def test_no_file_takes_effect_on_a_holiday_of_the_federal_reserve(checking, write, sent):
    thursday = datetime(2026, 7, 2, 15, 0, tzinfo=UTC)
    wednesday = datetime(2026, 11, 10, 15, 0, tzinfo=UTC)
    deposit(checking, now=thursday)
    write(thursday + timedelta(hours=1))
    deposit(checking, now=wednesday)
    write(wednesday + timedelta(hours=1))

    assert sent("2026-07-02-A.ach")[1][0][0]["effective"] == "260703"  # the 4th is a Saturday
    assert sent("2026-11-10-A.ach")[1][0][0]["effective"] == "261112"  # not on Veterans Day


def test_a_file_is_readable_for_its_owner_alone(checking, write, settings):
    deposit(checking)
    write()

    path = settings.NACHA_FOLDER / FIRST
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {one.name for one in path.parent.iterdir()} == {FIRST, ".lock"}


def test_account_numbers_are_in_the_file_only(checking, write, caplog, capsys):
    caplog.set_level("DEBUG")
    deposit(checking)
    number = bank_accounts.details(checking).account_number

    call_command("write_nacha_file")

    assert number not in caplog.text
    assert number not in "".join(capsys.readouterr())
    for row in [*NachaFile.objects.values(), *NachaEntry.objects.values()]:
        assert number not in str(row)


def test_what_was_sent_cannot_be_canceled(alice, checking, write):
    api = signed_in_client(alice)
    early, late = deposit(checking), deposit(checking)
    url = "/api/banking/transactions/{}/cancel/"
    assert api.post(url.format(early.pk)).status_code == 200

    write()

    answer = api.post(url.format(late.pk))
    assert_problem(answer, status=409, code="transaction_not_cancelable")
    assert "sent to the bank" in answer.json()["detail"]
    assert NachaEntry.objects.get().transaction_id == late.pk


def test_what_waits_for_approval_is_not_sent(alice, checking, write, settings):
    settings.LARGE_WITHDRAWAL_DOLLARS = 100
    give(alice, "500")
    row = withdraw(checking, "200")
    assert row.review == Review.WAITING

    assert write() == []


def test_what_other_rails_have_begun_is_not_sent(checking, write):
    deposit(checking)
    BankAccount.objects.update(rail="sandbox")

    assert write() == []


def test_an_unreadable_account_number_does_not_keep_the_others_waiting(checking, bob, write):
    broken, whole = deposit(checking), deposit(verified(bob))
    BankAccount.objects.filter(pk=checking.pk).update(account_number_encrypted=b"nonsense")

    assert write() == [FIRST]

    assert NachaEntry.objects.get().transaction_id == whole.pk
    broken.refresh_from_db()
    assert broken.sent_at is None


def test_more_than_a_file_holds_goes_into_several(checking, alice, bob, write, sent, monkeypatch):
    monkeypatch.setattr(outgoing, "MAX_ENTRIES", 3)
    for _ in range(4):
        deposit(checking)
    BankAccountFactory.create(owner=bob)

    assert write() == [FIRST, "2026-03-02-B.ach"]
    first, second = sent(FIRST)[1], sent("2026-03-02-B.ach")[1]
    assert [len(found) for _, found in first + second] == [3, 1, 2]


def test_trace_numbers_begin_anew_when_they_run_out(checking, write, sent, monkeypatch):
    monkeypatch.setattr(outgoing, "SEQUENCES", 3)
    for name, count in ((FIRST, 2), ("2026-03-02-B.ach", 2)):
        for _ in range(count):
            deposit(checking)
        assert write(NOW + timedelta(minutes=1)) == [name]
        traces = [entry["trace"][-7:] for entry in sent(name)[1][0][1]]
        assert traces == ["0000001", "0000002"]


# Micro-deposits -----------------------------------------------------------------------------------


def test_micro_deposits_go_with_the_file_and_verify_the_account(alice, write, sent):
    account = BankAccountFactory.create(owner=alice, now=NOW)
    assert account.status == "pending"

    write(NOW + timedelta(minutes=1))

    _, [(batch, found)], _ = sent(FIRST)
    assert (batch["class"], batch["description"], batch["service"]) == ("PPD", "ACCTVERIFY", "220")
    amounts = [Decimal(int(entry["amount"])) / 100 for entry in found]
    assert len(amounts) == 2
    assert all(0 < amount < 1 for amount in amounts)
    bank_accounts.verify(owner=alice, account_id=account.pk, amounts=amounts, now=NOW)
    account.refresh_from_db()
    assert account.status == "verified"
    assert write(NOW + timedelta(days=1)) == [], "they are sent once"


def test_an_account_that_was_unlinked_gets_none(alice, write):
    account = BankAccountFactory.create(owner=alice, now=NOW)
    bank_accounts.unlink(owner=alice, account_id=account.pk, now=NOW)

    assert write(NOW + timedelta(minutes=1)) == []


def test_amounts_are_drawn_from_all_there_are():
    from random import Random

    from banking.rules.rails.nacha import NachaRail
    from banking.rules.rails.port import BankDetails

    bank = BankDetails("111000025", "123456789")
    rail, chance = NachaRail(hold_days=0), Random(1)
    drawn = {amount for _ in range(2000) for amount in rail.micro_deposits(bank, chance)}

    assert drawn == {Decimal(cents) / 100 for cents in range(1, 100)}
    assert rail.micro_deposits(bank, Random(7)) == rail.micro_deposits(bank, Random(7))


# Settlement ---------------------------------------------------------------------------------------


def test_a_deposit_settles_on_its_date_and_is_held_for_some_business_days(alice, checking, write):
    row = deposit(checking)
    transactions.settle_due(now=NOW + timedelta(days=30))
    row.refresh_from_db()
    assert (row.status, row.due_at) == ("pending", None), "what was not sent is not settled"
    write()
    row.refresh_from_db()
    assert f"{row.settles_on}" == "2026-03-03"

    transactions.settle_due(now=new_york(3, 8, 29))
    assert dollars(alice) == ("0.00", "0.00")
    transactions.settle_due(now=new_york(3, 8, 30))
    assert dollars(alice) == ("0.00", "100.00")

    transactions.settle_due(now=new_york(6, 8, 29))
    assert dollars(alice) == ("0.00", "100.00")
    transactions.settle_due(now=new_york(6, 8, 30))
    assert dollars(alice) == ("100.00", "0.00")
    assert_books_are_right()


def test_a_withdrawal_settles_on_its_date(alice, checking, write):
    give(alice, "40")
    row = withdraw(checking)
    write()

    transactions.settle_due(now=new_york(3, 8, 30))

    row.refresh_from_db()
    assert (row.status, row.due_at) == ("completed", None)
    assert dollars(alice) == ("0.00", "0.00")
    assert_books_are_right()


# What goes wrong ----------------------------------------------------------------------------------


def test_a_file_that_could_not_be_written_is_written_by_the_next_run(
    checking, write, sent, monkeypatch
):
    row = deposit(checking)

    def fail(path, content):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(folder, "write", fail)
        with pytest.raises(OSError, match="No space"):
            write()
    row.refresh_from_db()
    assert row.sent_at is not None
    assert row.due_at is None, "what is not on the disk is not settled"

    assert write(new_york(4, 12)) == [FIRST]

    assert sent(FIRST)[1][0][1][0]["amount"] == "0000010000"
    row.refresh_from_db()
    assert f"{row.settles_on}" == "2026-03-05", "it was late"


def test_a_file_is_written_again_with_the_same_content_or_not_at_all(
    checking, write, settings, monkeypatch
):
    deposit(checking)
    write()
    content = (settings.NACHA_FOLDER / FIRST).read_bytes()
    NachaFile.objects.update(written_at=None)
    assert write(NOW + timedelta(hours=1)) == [FIRST]
    assert (settings.NACHA_FOLDER / FIRST).read_bytes() == content

    NachaFile.objects.update(written_at=None)
    settings.NACHA = outgoing.Originator(
        **{
            **{name: getattr(scenes.BROKER, name) for name in scenes.BROKER.__dataclass_fields__},
            "company_name": "Other",
        }
    )
    with pytest.raises(files.ContentChanged):
        write(NOW + timedelta(hours=1))


def test_an_account_in_a_file_that_is_not_written_yet_keeps_its_number(alice, write, monkeypatch):
    account = BankAccountFactory.create(owner=alice, now=NOW)
    later = NOW + timedelta(minutes=1)
    with monkeypatch.context() as patched:
        patched.setattr(folder, "write", lambda path, content: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write(later)

    bank_accounts.unlink(owner=alice, account_id=account.pk, now=NOW)
    assert write(later) == [FIRST]

    bank_accounts.destroy_unlinked_numbers()
    account.refresh_from_db()
    assert bytes(account.account_number_encrypted) == b""


@pytest.mark.django_db
def test_with_the_sandbox_no_file_is_written(settings):
    settings.NACHA = None

    with pytest.raises(CommandError, match="BANK_RAIL"):
        call_command("write_nacha_file")


def test_the_command_says_what_it_has_written(checking, alice, capsys):
    give(alice, "40")
    deposit(checking, "120.50")
    withdraw(checking)

    call_command("write_nacha_file")
    call_command("write_nacha_file")

    said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"\S+-A\.ach: 1 debits of 120\.50, 1 credits of 40\.00, effective \S+", said[0]
    )
    assert said[1] == "There is nothing to send."


@pytest.mark.django_db(transaction=True)
def test_writers_and_cancelers_that_race_send_each_transfer_once_or_not_at_all(write):
    owner = UserFactory.create()
    account = verified(owner)
    rows = [deposit(account, str(dollars)) for dollars in range(1, 13)]

    def cancel(row):
        try:
            transactions.cancel(owner=owner, transaction_id=row.pk, now=NOW)
        except transactions.TransactionNotCancelable:
            return False
        return True

    later = NOW + timedelta(minutes=1)
    results = at_once(
        [partial(write, later) for _ in range(3)] + [partial(cancel, row) for row in rows[:4]]
    )

    canceled = {row.cents for row, was in zip(rows[:4], results[3:], strict=True) if was}
    names = [name for found in results[:3] for name in found]
    assert len(names) == len(set(names)) >= 1
    cents = NachaEntry.objects.values_list("transaction__cents", flat=True)
    assert sorted(cents) == sorted({row.cents for row in rows} - canceled)
    assert not NachaFile.objects.filter(written_at=None).exists()
