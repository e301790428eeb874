"""make bench: the cost of the hot paths, each beside a reference measured in the same turns.

Absolute figures depend on the machine. A ratio to a reference, measured turn by turn in the same
minutes, depends on the code. SQLite in a temporary folder is always measured; PostgreSQL, in a
database of its own, if BENCH_DATABASE_URL names a server (and Redis if BENCH_REDIS_URL does).
"""

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import django

from bench import credentials, growth, http, portfolio_growth, reads, streaming
from bench.keys import KEYS

ROOT = Path(__file__).resolve().parents[1]
RESTING = os.environ.get("BENCH_RESTING", "1000 10000").split()


def main() -> None:
    write(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"Django {django.get_version()}, load {os.getloadavg()[0]:.1f}\n"
    )
    url, redis = os.environ.get("BENCH_DATABASE_URL", ""), os.environ.get("BENCH_REDIS_URL", "")
    with tempfile.TemporaryDirectory() as folder:
        _run({"VAR_DIR": folder}, "bench.trading", *RESTING)
        _run({"VAR_DIR": f"{folder}/market"}, "bench.simulation")
        _run({"VAR_DIR": f"{folder}/history"}, "bench.history")
    if url:
        with tempfile.TemporaryDirectory() as folder, http.database(url) as own:
            _run(
                {"VAR_DIR": folder, "DATABASE_URL": own, "REDIS_URL": redis},
                "bench.trading",
                *RESTING,
            )
        with tempfile.TemporaryDirectory() as folder, http.database(url) as own:
            _run({"VAR_DIR": folder, "DATABASE_URL": own, "REDIS_URL": redis}, "bench.history")
    http.run(write)
    reads.run(write)
    credentials.run(write)
    growth.run(write)
    portfolio_growth.run(write)
    streaming.run(write)


def write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _run(settings: Mapping[str, str], module: str, *arguments: str) -> None:
    """A process of its own: Django's settings are chosen once in a process."""
    as_in_production = {
        "DEBUG": "false",
        "REQUIRE_VERIFIED_EMAIL": "false",
        **KEYS,
        "ALLOWED_HOSTS": "localhost",
        # The references write no log line for each order either.
        "LOG_LEVEL": "ERROR",
        # A bench may take longer than a quote stays fresh.
        "QUOTE_MAX_AGE_SECONDS": "100000",
    }
    subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, **as_in_production, **settings},
        check=True,
    )


if __name__ == "__main__":
    main()
