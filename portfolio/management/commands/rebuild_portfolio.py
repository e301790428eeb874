"""manage.py rebuild_portfolio"""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError

from authentication.models import User
from be.database.base_commands import DatabaseCommand
from portfolio import rebuilding

# Customers between two lines of progress.
A_WHILE = 100


class Command(DatabaseCommand):
    help = (
        "Store the lots and daily sums of all customers anew, or with --check compare them with "
        "all that was ever booked. Both may run while the server does."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--owner", metavar="EMAIL", help="one customer only")
        parser.add_argument(
            "--after", metavar="ID", type=UUID, help="go on after the customer of this id"
        )
        parser.add_argument(
            "--check",
            action="store_true",
            help="compare, and store nothing",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        owners = self._owners(options)
        wrong = 0
        for number, owner_id in enumerate(owners, start=1):
            if options["check"]:
                lines = rebuilding.differences(owner_id)
                wrong += len(lines)
                for line in lines:
                    self.stderr.write(line)
            else:
                rebuilding.rebuild(owner_id)
            if number % A_WHILE == 0:
                self.stdout.write(f"{number} of {len(owners)} customers, up to {owner_id}")
        if wrong:
            raise CommandError(f"{wrong} differences. To store all anew: rebuild_portfolio")
        done = "checked: 0 differences" if options["check"] else "stored anew"
        self.stdout.write(f"{len(owners)} customers {done}.")

    def _owners(self, options: dict[str, Any]) -> list[UUID]:
        if email := options["owner"]:
            user = User.objects.filter(email__iexact=email).first()
            if user is None:
                raise CommandError(f"There is no customer {email}.")
            return [user.pk]
        after = options["after"]
        return [each for each in rebuilding.owners() if after is None or each > after]
