"""manage.py verify_audit_log"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from authentication import audit_log
from authentication.audit_log import Broken
from be.database.base_commands import DatabaseCommand


class Command(DatabaseCommand):
    help = (
        "Prove the audit log: compute its hash chain anew and name the first place where it is "
        "broken (exit code 1). Note the hash that it prints where nobody can change it, and give "
        "it next time, so that lines removed from the end are missed too."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--expect", metavar="HASH", help="a hash that was printed before")

    def handle(self, *args: Any, **options: Any) -> None:
        found = audit_log.verify(expected_hash=options["expect"])
        if isinstance(found, Broken):
            raise CommandError(f"The audit log is broken: {found.what}.")
        self.stdout.write(f"{found.links} links verified; the last hash is {found.last_hash}")
