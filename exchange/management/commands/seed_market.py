"""manage.py seed_market"""

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from exchange import seeding


class Command(BaseCommand):
    help = (
        "Fill an empty market: instruments, a year of daily candles, a few days of minutes, and "
        "(only while DEBUG is on) an admin and a demo customer. Does nothing when it was seeded."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=settings.SIMULATOR_SEED)
        parser.add_argument("--days", type=int, default=365, help="days of daily candles")
        parser.add_argument("--minutes", type=int, default=2, help="days of 1-minute candles")

    def handle(self, *args: Any, **options: Any) -> None:
        if seeding.is_seeded():
            self.stdout.write("The market is seeded already.")
            return
        began = time.monotonic()
        seeding.seed(
            now=timezone.now(),
            seed=options["seed"],
            days=options["days"],
            fine_days=options["minutes"],
            people=settings.DEBUG,
            say=lambda line: self.stdout.write(f"  {line}"),
        )
        self.stdout.write(f"Seeded in {time.monotonic() - began:.1f} s.")
