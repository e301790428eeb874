"""make bench: what the hot paths cost, each beside the least that the same work could cost.

Absolute figures tell about a machine; a ratio to a limit taken in the same minutes, turn by turn,
tells about the code. Each line is the median of several turns, per second of CPU time of this
process. The database is SQLite in a temporary folder.
"""

import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TURNS = 7


def rate(work: Callable[[], int]) -> float:
    """Units of work a CPU-second."""
    began = time.process_time()
    done = work()
    return done / (time.process_time() - began)


def compare(name: str, ours: Callable[[], int], limit: Callable[[], int], of: str) -> None:
    """Run both in turn and print the median of each and of their ratios."""
    ours(), limit()  # warm up
    pairs = [(rate(ours), rate(limit)) for _ in range(TURNS)]
    mine = statistics.median(pair[0] for pair in pairs)
    best = statistics.median(pair[1] for pair in pairs)
    ratio = statistics.median(pair[0] / pair[1] for pair in pairs)
    sys.stdout.write(f"{name:<28} {mine:>12,.0f}  {best:>12,.0f}  {ratio:>7.3f}   {of}\n")
    sys.stdout.flush()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DJANGO_SETTINGS_MODULE"] = "be.settings"
        os.environ["VAR_DIR"] = folder
        import django

        django.setup()
        from django.core.management import call_command

        from bench import cases

        call_command("migrate", verbosity=0)
        sys.stdout.write(
            f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
            f"Django {django.get_version()}, {TURNS} turns\n\n"
            f"{'':<28} {'ours':>12}  {'limit':>12}  {'ratio':>7}   limit is\n"
        )
        for case in cases.all_cases(Path(folder)):
            compare(*case)


if __name__ == "__main__":
    main()
