"""manage.py market_report"""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from exchange.simulator.report import html_page, measurement

# At least two sessions, for the night between them, and one year.
SESSIONS, YEARS = range(2, 2001), range(1, 101)


class Command(BaseCommand):
    help = (
        "Simulate the market, measure whether it behaves like one, and print each statistic beside "
        "the band that real markets keep to. The exit code is 1 when one of them is outside."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=60, help="sessions by the minute")
        parser.add_argument("--years", type=int, default=20, help="years by the day")
        parser.add_argument("--seed", type=int, default=settings.SIMULATOR_SEED)
        parser.add_argument("--html", type=Path, help="write a page with charts to this file")

    def handle(self, *args: Any, **options: Any) -> None:
        sessions, years, seed = options["days"], options["years"], options["seed"]
        if sessions not in SESSIONS or years not in YEARS:
            raise CommandError(
                f"--days is from {SESSIONS[0]} to {SESSIONS[-1]}, "
                f"--years from {YEARS[0]} to {YEARS[-1]}."
            )
        try:
            sample = measurement.simulate(
                seed=seed, sessions=sessions, years=years, say=self._progress
            )
        except ValueError as error:
            raise CommandError(f"Can't simulate: {error}") from error
        rows = measurement.table(sample)
        title = f"Market report: seed {seed}, {sessions} sessions, {years} years"
        self.stdout.write(f"{title}\n\n{as_text(rows)}")
        if options["html"] is not None:
            self._write_page(
                options["html"], html_page.render(title=title, rows=rows, sample=sample)
            )
        if not all(row.inside for row in rows):
            raise CommandError("Some statistics are outside their bands.")

    def _progress(self, done: float, what: str) -> None:
        """A line that is rewritten in a terminal; nothing elsewhere."""
        if self.stderr.isatty():
            end = "\n" if done >= 1 else ""
            self.stderr.write(f"\r\x1b[K{done:4.0%}  {what}{end}", ending="")
            sys.stderr.flush()

    def _write_page(self, path: Path, page: str) -> None:
        try:
            path.write_text(page, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"Can't write {path}: {error}") from error
        self.stdout.write(f"\nCharts: {path}")


def as_text(rows: list[measurement.Row]) -> str:
    """The table as Markdown."""
    width = max(len(row.name) for row in rows)
    lines = [
        f"| {'statistic':{width}} | measured |   band        |         |",
        f"|{'-' * (width + 2)}|---------:|---------------|---------|",
    ]
    for row in rows:
        band = f"{row.low:.3g} to {row.high:.3g}"
        verdict = "ok" if row.inside else "outside"
        lines.append(f"| {row.name:{width}} | {row.measured:8.3f} | {band:13} | {verdict:7} |")
    return "\n".join(lines)
