"""manage.py export_audit_log"""

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError
from django.utils.dateparse import parse_date, parse_datetime

from authentication import audit_log
from authentication.models import User
from be.database.base_commands import DatabaseCommand
from be.kernel import identifiers


class Command(DatabaseCommand):
    help = (
        "Write the audit log to the standard output, an object of JSON a line, in the order of its "
        "hash chain."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        times = "a day, or a time as 2026-03-02T15:00:00Z; in UTC"
        parser.add_argument("--since", type=_time, help=times)
        parser.add_argument("--until", type=_time, help=f"before {times}")
        parser.add_argument("--subject", help="whose account: an e-mail, or the id of a user")

    def handle(self, *args: Any, **options: Any) -> None:
        subject = options["subject"]
        found = audit_log.export(
            since=options["since"],
            until=options["until"],
            subject_id=None if subject is None else _subject(subject),
        )
        for line in found:
            self.stdout.write(json.dumps(line, sort_keys=True))


def _time(text: str) -> datetime:
    """Raises ValueError, which argparse reports."""
    at = parse_datetime(text)
    if at is None:
        day = parse_date(text)
        if day is None:
            raise ValueError(text)
        at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _subject(text: str) -> Any:
    """The id of a user who is, or was: events outlive their users."""
    if (known := identifiers.parse_or_none(text)) is not None:
        return known
    user_id = User.objects.filter(email=text.strip().lower()).values_list("pk", flat=True).first()
    if user_id is None:
        raise CommandError(f"No user has the e-mail {text}; give the id of one who was deleted.")
    return user_id
