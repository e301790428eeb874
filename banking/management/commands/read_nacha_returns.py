"""manage.py read_nacha_returns FILE...: what the bank has returned."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from banking import transactions
from banking.nacha import returns
from banking.nacha.returns import Handled
from banking.rules.nacha import incoming, reasons
from banking.rules.nacha.incoming import Notice
from be.database.base_commands import DatabaseCommand


class Command(DatabaseCommand):
    """Apply the returns in files from the bank, and settle what is due.

    Reading a file twice does no harm. If one of the files is malformed, nothing of any is applied.
    """

    help = "Applies the returns in NACHA files from the bank; each is applied once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="*", type=Path, metavar="FILE")

    def handle(self, *args: Any, files: list[Path], **options: Any) -> None:
        if not files:
            raise CommandError("Name the files that the bank has sent.")
        read = [(file, _notices(file)) for file in files]
        for_people = 0
        for file, notices in read:
            for handled in returns.apply_all(notices, now=timezone.now()):
                self.stdout.write(f"{file.name} line {handled.notice.line}: {_said(handled)}")
                for_people += handled.outcome.needs_people
        while transactions.settle_due(now=timezone.now()):
            pass
        if for_people:
            raise CommandError(f"{for_people} of these need somebody to look at them.")


def _notices(file: Path) -> list[Notice]:
    try:
        with file.open("rb") as opened:
            return incoming.notices(opened.read(incoming.MAX_BYTES + 1))
    except OSError as error:
        raise CommandError(f"{file} can't be read ({error.strerror}).") from error
    except incoming.Malformed as fault:
        raise CommandError(f"{file.name} is refused, nothing was applied. {fault}") from fault


def _said(handled: Handled) -> str:
    """One notice in a line, without an account number: a change may bring a new one."""
    notice = handled.notice
    if notice.kind == "change":
        meaning = reasons.CHANGES.get(notice.code, "see the file")
    else:
        meaning = reasons.reason(notice.code).code
    of = f"trace {notice.original_trace_number}"
    if handled.entry and handled.entry.transaction:
        of = f"{handled.entry.transaction.type} {handled.entry.transaction_id}, {of}"
    elif handled.entry:
        of = f"micro-deposit to account {handled.entry.account_id}, {of}"
    return f"{notice.code} ({meaning}) of {of}: {handled.outcome.words}"
