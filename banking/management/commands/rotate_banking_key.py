"""manage.py rotate_banking_key: account numbers under the newest key."""

from typing import Any

from django.core.management.base import CommandError

from banking import bank_accounts
from banking.models import BankAccount
from banking.rules import encryption
from be.database.base_commands import DatabaseCommand


class Command(DatabaseCommand):
    """Bring every stored account number under the first key of BANKING_ENCRYPTION_KEY.

    Run it after a new key was put first and all servers have it; then the old keys can be dropped.
    It may be stopped and run again, also while the servers run.
    """

    help = (
        "Re-encrypts every bank account number under the first key of BANKING_ENCRYPTION_KEY. "
        "Afterwards the other keys can be removed."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        rotated, unreadable = 0, []
        ids = list(BankAccount.objects.order_by("pk").values_list("pk", flat=True))
        for account_id in ids:
            try:
                rotated += bank_accounts.rotate_key(account_id)
            except encryption.Unreadable:
                unreadable.append(str(account_id))
        self.stdout.write(f"{rotated} of {len(ids)} account numbers were re-encrypted.")
        if unreadable:
            raise CommandError(
                "No key of the ring opens these bank accounts; keep the old keys and add the one "
                f"that is missing: {', '.join(unreadable)}"
            )
