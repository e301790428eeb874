"""manage.py rotate_banking_key: account numbers under the newest key."""

from typing import Any

from django.core.management.base import CommandError

from banking import bank_accounts
from be.database.base_commands import DatabaseCommand


class Command(DatabaseCommand):
    """Bring every stored account number under the first key of BANKING_ENCRYPTION_KEY.

    Run it after a new key was put first and all servers have it; then the old keys can be dropped.
    It works in batches while the servers run, and says how far it is. Stopped or killed, it goes on
    with the rows that are left when it is run again.
    """

    help = (
        "Re-encrypts every bank account number under the first key of BANKING_ENCRYPTION_KEY. "
        "Afterwards the other keys can be removed."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        total = bank_accounts.under_older_keys().count()
        result = bank_accounts.rotate_keys(
            progress=lambda done: self.stdout.write(f"{done} of {total}")
        )
        self.stdout.write(f"{result.rows} of {total} account numbers were re-encrypted.")
        if result.unreadable:
            raise CommandError(
                "No key of the ring opens these bank accounts; keep the old keys and add the one "
                f"that is missing: {', '.join(map(str, result.unreadable))}"
            )
        self.stdout.write("All are under the first key: the others can be dropped.")
