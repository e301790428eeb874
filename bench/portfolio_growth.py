"""What portfolio reads cost a customer with 100,000 executions in ten years, beside one with 100.

CPU of the server and of its database connection, in interleaved turns: milliseconds for the
customer with 100, and for the others the ratio of the sums. A ratio beyond its limit is marked
with a star. Then the memory of the server: how much its resident memory rose while each customer
read all of it. The database is a new one on the server that BENCH_DATABASE_URL names.
"""

import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import psycopg

from bench.http import database, run_python
from bench.places import MEASURED, SERVER, Cost, MeasuredServer, Place
from bench.reads import environment
from bench.servers import Server, running

TURNS = int(os.environ.get("BENCH_GROWTH_TURNS", "5"))
PORTFOLIO = "/api/portfolio"
# Each read, and how much more it may cost a customer with a thousand times the executions.
READS = (
    ("holdings", f"{PORTFOLIO}/holdings/", 1.5),
    ("lots", f"{PORTFOLIO}/lots/?page_size=20", 1.5),
    ("realized", f"{PORTFOLIO}/realized/?page_size=20", 1.5),
    ("performance 1y", f"{PORTFOLIO}/performance/?period=1y", 2.0),
    ("performance all", f"{PORTFOLIO}/performance/?period=all", 3.0),
    ("contribution 1y", f"{PORTFOLIO}/contribution/?period=1y", None),
    ("contribution all", f"{PORTFOLIO}/contribution/?period=all", None),
)

Write = Callable[[str], object]


def run(write: Write) -> None:
    """Measure and write the results, or one line that says what is missing."""
    url = os.environ.get("BENCH_DATABASE_URL", "")
    if not url:
        write("portfolios of ten years: left out; name a PostgreSQL in BENCH_DATABASE_URL\n")
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        own = stack.enter_context(database(url))
        env = {
            **environment(own, folder),
            "HTTP_THREADS": "1",
            "DATABASE_POOL_SIZE": "5",
            "DATABASE_URL": f"{own}?application_name={MEASURED}",
        }
        tokens = folder / "tokens"
        run_python("-m", "bench.decade_customers", str(tokens), env={**env, "DATABASE_URL": own})
        server = stack.enter_context(running("portfolios", SERVER, env, folder / "log"))
        measured = MeasuredServer(server, own)
        stack.enter_context(closing(measured))
        places = [
            Place(0, int(times), measured, token)
            for times, token in json.loads(tokens.read_text()).items()
        ]
        for place in places:
            for _, path, _ in READS:
                place.get(path)
        # Lots and sums are stored by now; the database looks at them within a minute.
        with psycopg.connect(own, autocommit=True) as admin:
            admin.execute("VACUUM ANALYZE")
        _write_memory(write, server, places)
        _write_costs(write, places)


def _write_memory(write: Write, server: Server, places: list[Place]) -> None:
    """How much the server's memory rises and falls while each reads what it has read before."""
    write("\n")
    for place in places:
        before = server.resident_bytes()
        for _ in range(5):
            for _, path, _ in READS:
                place.get(path)
        rise = (server.resident_bytes() - before) / 2**20
        write(
            f"{place.times:,} executions: {rise:+.1f} MB resident after five of each read, "
            f"{server.peak_bytes() // 2**20:,} MB at most so far\n"
        )


def _write_costs(write: Write, places: list[Place]) -> None:
    first, *others = [f"{place.times:,}" for place in places]
    write(f"\n{'ms of server and database':<28} {first:>14}")
    write("".join(f"{name:>9}" for name in others) + "    limit\n")
    for name, path, limit in READS:
        for place in places:
            place.warm_up(path)
        turns = [[place.cost_of(path) for place in places] for _ in range(TURNS)]
        least, *more = [list(costs) for costs in zip(*turns, strict=True)]
        mine = Cost.median(least)
        write(f"{name:<28} {mine.server * 1000:>7.2f} {mine.database * 1000:>6.2f}")
        for costs in more:
            write(f"{_ratio(least, costs, limit):>9}")
        write(f"{limit or '':>9}\n")


def _ratio(least: list[Cost], costs: list[Cost], limit: float | None) -> str:
    ratio = statistics.median(
        (cost.server + cost.database) / (low.server + low.database)
        for low, cost in zip(least, costs, strict=True)
    )
    return f"{ratio:.2f}{'*' if limit and ratio > limit else ' '}"


if __name__ == "__main__":
    run(partial(print, end="", flush=True))
    sys.exit()
