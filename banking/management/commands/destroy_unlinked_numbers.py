"""manage.py destroy_unlinked_numbers: account numbers that nothing needs any more."""

from typing import Any

from banking import bank_accounts
from be.database.base_commands import DatabaseCommand


class Command(DatabaseCommand):
    """Empty the numbers of all unlinked accounts without a transaction that still needs them.

    Unlinking does so at once, and the settlement of a last transaction does. This is for a server
    that was stopped in between; it may run at any time.
    """

    help = "Destroys the account numbers of unlinked bank accounts that nothing needs any more."

    def handle(self, *args: Any, **options: Any) -> None:
        destroyed = bank_accounts.destroy_unlinked_numbers()
        self.stdout.write(f"{destroyed} account numbers were destroyed.")
