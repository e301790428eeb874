"""What reads cost a customer with a longer history, and in a larger market.

Each read is measured for customers with 1, 10 and 100 times the demo customer's past, and in
markets of 26, 500 and 5,000 instruments, turn by turn. The figures are CPU-milliseconds a request
of the server and of its database connection for the first of each, and ratios to that. More than
1.2 is marked with a star, unless the answer is as many times as long. A last page is compared with
the first. The databases are new ones on the server that BENCH_DATABASE_URL names. Arguments choose
reads by name.
"""

import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from bench.http import run_python
from bench.places import Cost, Place, markets, places
from bench.reads import MARKET

TURNS = int(os.environ.get("BENCH_GROWTH_TURNS", "5"))
MARKETS = (26, 500, 5000)
CUSTOMERS = (1, 10, 100)
LIMIT = 1.2
# So many CPU-seconds are too few to be compared.
NOTHING = 0.000_02
ORDERS = "/api/exchange/api/v1/orders/"
EXECUTIONS = "/api/exchange/api/v1/executions/"
STATEMENT = "/api/banking/statement/"
TRANSACTIONS = "/api/banking/transactions/"
PORTFOLIO = "/api/portfolio"

Write = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Read:
    """An address to read; with `is_deep` the last page of the list is read too."""

    name: str
    path: str
    is_deep: bool = False


def _ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


READS = (
    Read("prices", f"{MARKET}/current_prices/"),
    Read("prices of two", f"{MARKET}/current_prices/?symbols=AAPL,BTC-USD"),
    Read("candles", f"{MARKET}/AAPL/?interval=1m&limit=500"),
    Read("instruments", f"{MARKET}/?page_size=10", is_deep=True),
    Read("instruments of a class", f"{MARKET}/?page_size=2&asset_class=etf", is_deep=True),
    Read("supported symbols", f"{MARKET}/supported_symbols/"),
    Read("book", f"{MARKET}/AAPL/book/"),
    Read("statistics", f"{MARKET}/statistics/?symbol=AAPL&period=30d"),
    Read("orders", f"{ORDERS}?page_size=50", is_deep=True),
    Read("orders, open", f"{ORDERS}?page_size=25&status=open", is_deep=True),
    Read("orders, closed", f"{ORDERS}?page_size=50&status=closed", is_deep=True),
    Read("orders, canceled", f"{ORDERS}?page_size=25&status=canceled", is_deep=True),
    Read("orders of AAPL", f"{ORDERS}?page_size=50&symbol=AAPL", is_deep=True),
    Read("orders of GOOGL", f"{ORDERS}?page_size=3&symbol=GOOGL"),
    Read("orders since long ago", f"{ORDERS}?page_size=50&updated_since={_ago(300)}"),
    Read("orders since today", f"{ORDERS}?page_size=50&updated_since={_ago(1)}"),
    Read("executions", f"{EXECUTIONS}?page_size=50", is_deep=True),
    Read("statement", f"{STATEMENT}?page_size=50", is_deep=True),
    Read("statement of AAPL", f"{STATEMENT}?page_size=50&asset=AAPL", is_deep=True),
    Read("statement of GOOGL", f"{STATEMENT}?page_size=3&asset=GOOGL"),
    Read("statement, end long ago", f"{STATEMENT}?page_size=50&end={_ago(180)}"),
    Read("statement, start long ago", f"{STATEMENT}?page_size=50&start={_ago(180)}"),
    Read("bank transactions", f"{TRANSACTIONS}?page_size=5", is_deep=True),
    Read("bank transactions, completed", f"{TRANSACTIONS}?page_size=5&status=completed"),
    Read("holdings", f"{PORTFOLIO}/holdings/"),
    Read("lots", f"{PORTFOLIO}/lots/?page_size=20"),
    Read("realized", f"{PORTFOLIO}/realized/?page_size=20"),
    Read("performance 1y", f"{PORTFOLIO}/performance/?period=1y"),
    Read("performance 1d", f"{PORTFOLIO}/performance/?period=1d"),
    Read("me", "/api/auth/me/"),
)


def run(write: Write, chosen: Sequence[str] = ()) -> None:
    """Measure and write the results, or one line that says what is missing."""
    url = os.environ.get("BENCH_DATABASE_URL", "")
    if not url:
        write("growth: left out; name a PostgreSQL in BENCH_DATABASE_URL\n")
        return
    reads = [read for read in READS if not chosen or read.name in chosen]
    with tempfile.TemporaryDirectory() as name, markets(url, Path(name), MARKETS) as envs:
        with places(envs, Path(name), CUSTOMERS) as found:
            _write_reads(write, reads, found)
            if not chosen:
                _write_statement_as_csv(write, found)
                _write_cancellations(write, found)
        if not chosen:
            _write_days(write, envs)
            run_python("manage.py", "check_ledger", env=envs[MARKETS[0]])


# Reads --------------------------------------------------------------------------------------------

Costs = list[Cost]


def _write_reads(write: Write, reads: Sequence[Read], places: Sequence[Place]) -> None:
    first, *others = [_name(place) for place in places]
    write(f"\n{'ms of server and database':<30} {first:>13}")
    write("".join(f"{name:>14}" for name in others) + "   longer\n")
    for read in reads:
        costs = _measured([read.path] * len(places), places)
        _write_read(write, read.name, costs[0], costs)
        if read.is_deep:
            deep = [place.last_page(read.path) for place in places]
            _write_read(write, f"{read.name}, last page", costs[0], _measured(deep, places))


def _name(place: Place) -> str:
    return f"{place.times} x" if place.market == MARKETS[0] else f"{place.market:,} listed"


def _measured(paths: Sequence[str], places: Sequence[Place]) -> list[Costs]:
    """The costs of each place's own address: of the same number of turns, place after place."""
    pairs = list(zip(paths, places, strict=True))
    for path, place in pairs:
        place.warm_up(path)
    turns = [[place.cost_of(path) for path, place in pairs] for _ in range(TURNS)]
    return [list(costs) for costs in zip(*turns, strict=True)]


def _write_read(write: Write, name: str, smallest: Costs, costs: Sequence[Costs]) -> None:
    mine = Cost.median(costs[0])
    write(f"{name:<30} {mine.server * 1000:>6.2f} {mine.database * 1000:>6.2f}")
    for other in costs[1:]:
        write(f"{_ratios(smallest, other):>14}")
    sizes = [f"{other[0].size / smallest[0].size:.1f}" for other in costs[1:]]
    write(f"   {' '.join(sizes)}\n" if any(float(size) > LIMIT for size in sizes) else "\n")


def _ratios(smallest: Costs, costs: Costs) -> str:
    longer = max(costs[0].size / smallest[0].size, 1.0)
    pairs = list(zip(smallest, costs, strict=True))
    server = statistics.median(_ratio(cost.server, least.server) for least, cost in pairs)
    database = statistics.median(_ratio(cost.database, least.database) for least, cost in pairs)
    return " ".join(
        f"{ratio:.2f}{'*' if ratio > LIMIT * longer else ' '}" for ratio in (server, database)
    )


def _ratio(cost: float, least: float) -> float:
    return max(cost, NOTHING) / max(least, NOTHING)


# The rest -----------------------------------------------------------------------------------------


def _write_statement_as_csv(write: Write, places: Sequence[Place]) -> None:
    write("\n")
    for place in _customers(places)[1:]:
        turns = [place.cost_of_one("GET", f"{STATEMENT}?format=csv") for _ in range(2)]
        lines = turns[-1][1].count(b"\n") - 1
        cost = turns[-1][0]  # the first one warms up
        write(
            f"statement as CSV, {lines:,} lines: {lines / cost.server:,.0f} a CPU-second of the "
            f"server, {lines / (cost.server + cost.database):,.0f} with the database\n"
        )


def _write_cancellations(write: Write, places: Sequence[Place]) -> None:
    write("\n")
    for place in _customers(places):
        cost, body = place.cost_of_one("DELETE", ORDERS)
        orders = len(json.loads(body)["results"])
        write(
            f"cancel {orders:,} open orders: {cost.server / orders * 1000:.2f} ms of the server "
            f"for each, {cost.database / orders * 1000:.2f} of the database; "
            f"{place.server.peak_bytes() // 2**20:,} MB at most so far\n"
        )


def _customers(places: Sequence[Place]) -> list[Place]:
    return [place for place in places if place.market == MARKETS[0]]


def _write_days(write: Write, markets: Mapping[int, dict[str, str]]) -> None:
    write("\n")
    for size, env in markets.items():
        here, there = run_python(
            "-m", "bench.corporate_day", env={**env, "BENCH_TURNS": "5"}
        ).split()
        write(
            f"a look at the day's corporate actions of {size:,} instruments, none due: "
            f"{float(here):.2f} ms, {float(there):.2f} in the database\n"
        )


if __name__ == "__main__":
    run(partial(print, end="", flush=True), sys.argv[1:])
