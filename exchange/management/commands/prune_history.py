"""manage.py prune_history"""

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from be.database.base_commands import DatabaseCommand
from exchange.market import retention


class Command(DatabaseCommand):
    help = (
        "Delete candles that are older than CANDLE_RETENTION_DAYS_* says. The simulator does it "
        "too, a little at a time."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--batch", type=int, default=10_000, help="candles a transaction")

    def handle(self, *args: Any, **options: Any) -> None:
        now, batch, total = timezone.now(), max(options["batch"], 1), 0
        while deleted := retention.prune(now=now, at_most=batch):
            total += deleted
        self.stdout.write(f"{total} candles deleted.")
