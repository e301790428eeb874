"""manage.py check_ledger"""

from typing import Any

from django.core.management.base import CommandError

from banking import integrity
from banking.models import JournalEntry
from be.database.base_commands import DatabaseCommand
from exchange.trading.settlement import reconciliation


class Command(DatabaseCommand):
    help = (
        "Prove the books: entries, balances, holds, orders and executions agree. Changes nothing."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = [*integrity.check(), *reconciliation.check()]
        for line in wrong:
            self.stderr.write(line)
        if wrong:
            raise CommandError(f"{len(wrong)} mismatches in the books.")
        self.stdout.write(f"{JournalEntry.objects.count()} entries checked: 0 mismatches.")
