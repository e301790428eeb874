"""The files of a day: each transfer goes into exactly one, whatever stops the writing process.

First it is decided in one transaction what a file has: its entries, and so its content, of which
the digest is stored. Then the file is written. Then it is noted as written, and only from then on
do its transfers count as settled on its date. A file that was decided and not noted is written
again, under the same name and with the same content. Files are decided one at a time, under a lock.
"""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from banking import bank_accounts, micro_deposits
from banking.models import (
    BankAccount,
    BankAccountStatus,
    BankTransaction,
    NachaEntry,
    NachaFile,
    NachaSequence,
    Review,
    TransactionStatus,
    TransactionType,
)
from banking.nacha import folder
from banking.rules import business_days, encryption
from banking.rules.assets import USD
from banking.rules.nacha import days, outgoing
from banking.rules.nacha.outgoing import MODIFIERS, Entry, Originator, Purpose
from banking.rules.rails.nacha import NachaRail
from be.database.transactions import atomic
from be.kernel.refusals import Refusal
from be.logs import events

logger = logging.getLogger(__name__)

IDENTIFICATION = 15


class NoMoreFilesToday(Refusal):
    code = "no_more_nacha_files_today"
    title = "A day has no more than 36 files"


class ContentChanged(Refusal):
    code = "nacha_content_changed"
    title = "The file differs from what was decided"


@dataclass(frozen=True, slots=True)
class Written:
    """A file that is on the disk, and what it moves."""

    file: NachaFile
    debits: int
    debit_cents: int
    credits: int
    credit_cents: int


def write_all(*, originator: Originator, now: datetime) -> Iterator[Written]:
    """Write the files that were not finished, then those of what may go now.

    Raises NoMoreFilesToday, ContentChanged and OSError; the next call goes on from there.
    """
    with folder.alone(settings.NACHA_FOLDER):
        for unfinished in NachaFile.objects.filter(written_at=None).order_by("pk"):
            yield _write(unfinished, originator, now)
        while (decided := _decide(originator, now)) is not None:
            yield _write(decided, originator, now)


@atomic
def _decide(originator: Originator, now: datetime) -> NachaFile | None:
    """Decide what the next file has; None when there is nothing to send."""
    sequence = _locked_sequence()
    before = days.entered_before(now, settings.NACHA_CUTOFF)
    planned = list(_transfers(before))
    room = (outgoing.MAX_ENTRIES - len(planned)) // 2
    planned += _micro_deposits(before, now, at_most=room)
    if not planned:
        return None
    file = NachaFile(
        created_at=now,
        day=business_days.day_of(now),
        modifier=_next_modifier(now),
        effective_date=days.effective_date(now),
    )
    file.save(force_insert=True)
    _number(planned, file, sequence, originator)
    NachaEntry.objects.bulk_create(planned)
    theirs = [entry.transaction_id for entry in planned if entry.transaction_id is not None]
    BankTransaction.objects.filter(pk__in=theirs).update(sent_at=now)
    file.sha256 = hashlib.sha256(_content(file, originator)).hexdigest()
    file.save(update_fields=["sha256"])
    return file


def _locked_sequence() -> NachaSequence:
    NachaSequence.objects.get_or_create(pk=1)
    return NachaSequence.objects.select_for_update().get(pk=1)


def _next_modifier(now: datetime) -> str:
    used = NachaFile.objects.filter(day=business_days.day_of(now)).count()
    if used == len(MODIFIERS):
        raise NoMoreFilesToday("What is left goes tomorrow.")
    return MODIFIERS[used]


def _number(
    planned: list[NachaEntry], file: NachaFile, sequence: NachaSequence, originator: Originator
) -> None:
    """Give each entry the file and a trace number; they ascend, from 1 again when they run out."""
    if sequence.last + len(planned) > outgoing.SEQUENCES:
        sequence.last = 0
    for entry in sorted(planned, key=lambda entry: list(Purpose).index(_purpose(entry))):
        sequence.last += 1
        entry.file = file
        entry.trace_number = originator.trace_number(sequence.last)
    sequence.save()


def _transfers(before: datetime) -> Iterator[NachaEntry]:
    """Entries of the transfers that may go, locked against being canceled."""
    rows = (
        BankTransaction.objects.select_for_update(of=("self",))
        .select_related("account")
        .filter(
            status=TransactionStatus.PENDING,
            sent_at=None,
            account__rail=NachaRail.name,
            account__status=BankAccountStatus.VERIFIED,  # not since a bank has said it is closed
            created_at__lt=before,
        )
        .exclude(review=Review.WAITING)
        .order_by("pk")[: outgoing.MAX_ENTRIES]
    )
    for row in rows:
        if _is_readable(row.account):
            yield NachaEntry(transaction=row, account=row.account)


def _micro_deposits(before: datetime, now: datetime, *, at_most: int) -> Iterator[NachaEntry]:
    """Entries of both micro-deposits of each account that waits for them, locked."""
    sent = NachaEntry.objects.filter(account=OuterRef("pk"), micro_deposit__isnull=False)
    accounts = (
        BankAccount.objects.select_for_update(of=("self",))
        .filter(
            ~Exists(sent),
            status=BankAccountStatus.PENDING,
            rail=NachaRail.name,
            created_at__lt=before,
            verification_expires_at__gt=now,
        )
        .order_by("pk")[:at_most]
    )
    for account in accounts:
        if _is_readable(account):
            for part in range(len(micro_deposits.amounts(bank_accounts.key_ring(), account))):
                yield NachaEntry(account=account, micro_deposit=part)


def _is_readable(account: BankAccount) -> bool:
    """An account number that can't be decrypted must not keep the others waiting."""
    try:
        bank_accounts.details(account)
    except encryption.Unreadable:
        logger.exception("bank account %s: its number is unreadable, nothing is sent", account.pk)
        return False
    return True


def _purpose(entry: NachaEntry) -> Purpose:
    if entry.transaction is None:
        return Purpose.MICRO_DEPOSIT
    is_deposit = entry.transaction.type == TransactionType.DEPOSIT
    return Purpose.DEPOSIT if is_deposit else Purpose.WITHDRAWAL


def entries_of(file: NachaFile) -> QuerySet[NachaEntry]:
    """The entries of a file in its order, with what they are made of."""
    return file.entries.select_related("transaction", "account").order_by("trace_number")


def cents_of(entry: NachaEntry) -> int:
    """What an entry moves. Raises encryption.Unreadable."""
    if entry.transaction is not None:
        return entry.transaction.cents
    amounts = micro_deposits.amounts(bank_accounts.key_ring(), entry.account)
    return USD.units(amounts[entry.micro_deposit or 0])


def _content(file: NachaFile, originator: Originator) -> bytes:
    """The bytes of the file. They have account numbers in them: they go to the file, only there."""
    text = outgoing.file_text(
        originator,
        [_entry(entry) for entry in entries_of(file)],
        created_at=file.created_at.astimezone(business_days.NEW_YORK),
        modifier=file.modifier,
        effective_date=file.effective_date,
    )
    return text.encode("ascii")


def _entry(entry: NachaEntry) -> Entry:
    bank = bank_accounts.details(entry.account)
    what: UUID = entry.account_id if entry.transaction_id is None else entry.transaction_id
    return Entry(
        purpose=_purpose(entry),
        account_type=entry.account.account_type,
        routing_number=bank.routing_number,
        account_number=bank.account_number,
        cents=cents_of(entry),
        identification=what.hex[-IDENTIFICATION:].upper(),
        name=entry.account.account_holder,
        trace_number=entry.trace_number,
    )


def _write(file: NachaFile, originator: Originator, now: datetime) -> Written:
    content = _content(file, originator)
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise ContentChanged(f"{file}: set the NACHA_ settings back to what they were, then go on.")
    folder.write(settings.NACHA_FOLDER / str(file), content)
    _note_written(file, now)
    moved = outgoing.Sums.of(_entry(entry) for entry in entries_of(file))
    debits = file.entries.filter(transaction__type=TransactionType.DEPOSIT).count()
    return Written(file, debits, moved.debit_cents, moved.entries - debits, moved.credit_cents)


@atomic
def _note_written(file: NachaFile, now: datetime) -> None:
    """The transfers of the file are settled on its date; on a later one, if it was written late."""
    if not NachaFile.objects.filter(pk=file.pk, written_at=None).update(written_at=now):
        return
    day = max(file.effective_date, days.effective_date(now))
    BankTransaction.objects.filter(nacha_entry__file=file, status=TransactionStatus.PENDING).update(
        due_at=days.settles_at(day), settles_on=day
    )
    events.log_on_commit("nacha file written", file=file, entries=file.entries.count())
