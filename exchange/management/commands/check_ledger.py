"""manage.py check_ledger"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from banking import books
from banking.models import JournalEntry
from exchange.trading import reconciliation


class Command(BaseCommand):
    help = (
        "Prove the books: entries, balances, holds, orders and executions agree. Changes nothing."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = [*books.check(), *reconciliation.check()]
        for line in wrong:
            self.stderr.write(line)
        if wrong:
            raise CommandError(f"{len(wrong)} mismatches in the books.")
        self.stdout.write(f"{JournalEntry.objects.count()} entries checked: 0 mismatches.")
