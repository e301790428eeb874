"""manage.py write_nacha_file: the transfers of the day, as a file for the bank."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from banking import transactions
from banking.nacha import files
from be.database.base_commands import DatabaseCommand
from be.kernel.formats import money_cents
from be.kernel.refusals import Refusal


class Command(DatabaseCommand):
    """Write what may go to the bank now into files in NACHA_FOLDER, and settle what is due.

    A transfer goes into one file, also when this is killed and run again, or runs twice at once.
    """

    help = "Writes the transfers that are due into a NACHA file for the bank."

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.NACHA is None:
            raise CommandError("The rail is the sandbox. Set BANK_RAIL=nacha to write files.")
        written = 0
        try:
            for one in files.write_all(originator=settings.NACHA, now=timezone.now()):
                written += 1
                self.stdout.write(
                    f"{one.file}: {one.debits} debits of {money_cents(one.debit_cents)}, "
                    f"{one.credits} credits of {money_cents(one.credit_cents)}, "
                    f"effective {one.file.effective_date}"
                )
        except Refusal as refusal:
            raise CommandError(f"{refusal.title}. {refusal.detail}") from refusal
        except OSError as error:
            raise CommandError(
                f"The file can't be written ({error.strerror}). Mend it and run this again."
            ) from error
        if not written:
            self.stdout.write("There is nothing to send.")
        while transactions.settle_due(now=timezone.now()):
            pass
