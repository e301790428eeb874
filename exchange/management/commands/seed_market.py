"""manage.py seed_market"""

import time
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from be.database.base_commands import DatabaseCommand
from be.logs import events
from exchange.management.progress import ProgressBar
from exchange.seeding import seeding

DAYS_A_YEAR = 365
MOST_DAYS = 20 * DAYS_A_YEAR
MOST_FINE_DAYS = 60


def days(text: str) -> int:
    """A number of days: "10" or "10d"."""
    number = text.removesuffix("d")
    if not (number.isascii() and number.isdigit() and int(number) > 0):
        raise ArgumentTypeError(f"{text} is not a number of days, such as 10d")
    return int(number)


class Command(DatabaseCommand):
    help = (
        "Fill an empty market: instruments, a year of daily candles, a few days of minutes, and "
        "(only while DEBUG is on) an admin and a demo customer. The past ends at the present "
        "prices. Does nothing when it was seeded."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=settings.SIMULATOR_SEED)
        length = parser.add_mutually_exclusive_group()
        length.add_argument("--years", type=int, help="years of daily candles (default 1)")
        length.add_argument("--days", type=days, default=DAYS_A_YEAR, help="the same in days")
        parser.add_argument(
            "--minutes", type=days, default=2, help="days of 1-minute candles, such as 10d"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if seeding.is_seeded():
            self.stdout.write("The market is seeded already.")
            return
        years, fine_days = options["years"], options["minutes"]
        length = options["days"] if years is None else years * DAYS_A_YEAR
        if not fine_days < length <= MOST_DAYS or fine_days > MOST_FINE_DAYS:
            raise CommandError(
                f"The past can have up to {MOST_DAYS} days, and up to {MOST_FINE_DAYS} days of "
                "minutes, fewer than all."
            )
        began = time.monotonic()
        progress = ProgressBar(self.stdout)
        try:
            with events.silenced():
                seeding.seed(
                    now=timezone.now(),
                    seed=options["seed"],
                    days=length,
                    fine_days=fine_days,
                    people=settings.DEBUG,
                    progress=progress,
                )
        finally:
            progress.clear()
        self.stdout.write(f"Seeded in {time.monotonic() - began:.1f} s.")
