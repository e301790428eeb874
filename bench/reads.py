"""What front ends read all the time, beside servers that do the same work.

Each server runs on a core of its own; the simulator, the database and the load share the other.
The figures are CPU-milliseconds of the server's process a request, and ratios of turns that were
taken one after the other. The database is a new one on the server that BENCH_DATABASE_URL names;
BENCH_REDIS_URL carries the simulator's rounds. BENCH_BASELINE may name another checkout of the
project, whose server is measured in the same turns (`before`). Arguments choose reads by name.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.http import DAPHNE, OURS, ROOT, UVICORN, database, run_python
from bench.keys import KEYS
from bench.servers import OTHER_CORES, Server, pinned, running

TURNS = int(os.environ.get("BENCH_READ_TURNS", "3"))
REQUESTS = int(os.environ.get("BENCH_READ_REQUESTS", "200"))
# Of the market and of the customer's history; bench/reading_customer.py reads them.
SIZES = ("BENCH_ORDERS", "BENCH_INSTRUMENTS")
MARKET = "/api/exchange/api/v1/market-data"
PRICES = f"{MARKET}/current_prices/"
# A page that no round of the run changes.
_HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)
PAST = f"{MARKET}/AAPL/?interval=1m&limit=500&end={_HOUR_AGO:%Y-%m-%dT%H:%M:%SZ}"
BARE, FASTAPI, BEFORE = "bare Starlette", "FastAPI", "before"
UVICORN_OURS, DAPHNE_OURS = "ours, uvicorn", "ours, Daphne"
PEERS = {
    BARE: "bench.read_peers.bare:application",
    FASTAPI: "bench.read_peers.application:application",
}


@dataclass(frozen=True, slots=True)
class Read:
    """An address to read, the peers that answer it too, and how many requests are one turn."""

    name: str
    path: str
    peers: tuple[str, ...] = ()
    requests: int = REQUESTS
    # Sent with the ETag that the server gives: the answer is a 304 then.
    is_conditional: bool = False


READS = (
    Read("prices", PRICES, (BARE, FASTAPI)),
    Read("prices of two", f"{PRICES}?symbols=AAPL,BTC-USD", (BARE, FASTAPI)),
    Read("candles", f"{MARKET}/AAPL/?interval=1m&limit=500", (FASTAPI,)),
    Read("candles, 304", f"{MARKET}/AAPL/?interval=1d&limit=500", is_conditional=True),
    Read("past candles", PAST),
    Read("past candles, 304", PAST, is_conditional=True),
    Read("instruments", f"{MARKET}/?page_size=50"),
    Read("supported symbols", f"{MARKET}/supported_symbols/", (FASTAPI,)),
    Read("supported symbols, 304", f"{MARKET}/supported_symbols/", is_conditional=True),
    Read("book", f"{MARKET}/AAPL/book/", (FASTAPI,)),
    Read("statistics", f"{MARKET}/statistics/?symbol=AAPL&period=30d"),
    Read("orders", "/api/exchange/api/v1/orders/?page_size=50", (FASTAPI,)),
    Read("executions", "/api/exchange/api/v1/executions/?page_size=50", (FASTAPI,)),
    Read("statement", "/api/banking/statement/", (FASTAPI,)),
    Read("holdings", "/api/portfolio/holdings/"),
    Read("performance 1y", "/api/portfolio/performance/?period=1y", requests=REQUESTS // 10),
    Read("performance 1d", "/api/portfolio/performance/?period=1d", requests=REQUESTS // 10),
    Read("me", "/api/auth/me/"),
)

Costs = dict[tuple[str, str], list[float]]


def run(write: Callable[[str], object], chosen: Sequence[str] = ()) -> None:
    """Measure and write the results, or one line that says what is missing."""
    url = os.environ.get("BENCH_DATABASE_URL", "")
    if not url:
        write("reads: left out; name a PostgreSQL in BENCH_DATABASE_URL\n")
        return
    reads = [read for read in READS if not chosen or read.name in chosen]
    with tempfile.TemporaryDirectory() as folder, database(url) as own:
        costs = _measure(reads, Path(folder), environment(own, Path(folder)))
    for read in reads:
        write(f"\n{read.name}\n")
        mine = costs[read.name, UVICORN_OURS]
        for server in [name for what, name in costs if what == read.name]:
            other = costs[read.name, server]
            ratio = statistics.median(b / a for a, b in zip(mine, other, strict=True))
            write(f"  {server:<16} {statistics.median(other):>8.2f} ms   x {ratio:.2f}\n")


def environment(url: str, folder: Path) -> dict[str, str]:
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        "PYTHONPATH": str(ROOT),
        "ENV_FILE": os.devnull,
        "VAR_DIR": str(folder),
        "DATABASE_URL": url,
        "REDIS_URL": os.environ.get("BENCH_REDIS_URL", ""),
        "CHANNEL_PREFIX": f"bench{os.getpid()}",
        "DEBUG": "false",
        "REQUIRE_VERIFIED_EMAIL": "false",
        **KEYS,
        "ALLOWED_HOSTS": "localhost",
        "SECURE_SSL_REDIRECT": "false",
        "LOG_LEVEL": "ERROR",
        "ACCESS_TOKEN_LIFETIME_SECONDS": "86400",
        "BENCH_TOKEN": str(folder / "token"),
        "BENCH_READY": str(folder / "ready"),
        **{name: os.environ[name] for name in SIZES if name in os.environ},
        "PYTHONWARNINGS": "ignore",
    }


def _measure(reads: Sequence[Read], folder: Path, env: dict[str, str]) -> Costs:
    costs: Costs = {}
    run_python("-m", "bench.reading_customer", env["BENCH_TOKEN"], env={**env, "DEBUG": "true"})
    with ExitStack() as stack:
        stack.enter_context(simulator(env, folder))
        servers = dict(_own_servers(stack, folder, env))
        ready, _ = _answer(servers[UVICORN_OURS], PRICES, env)
        Path(env["BENCH_READY"]).write_bytes(ready)
        for peer, application in PEERS.items():
            command = (*UVICORN, application)
            servers[peer] = stack.enter_context(running(peer, command, env, folder / f"{peer}.log"))
        own = [name for name in (UVICORN_OURS, DAPHNE_OURS, BEFORE) if name in servers]
        cases = [(read, servers[name]) for read in reads for name in (*own, *read.peers)]
        headers = {(read, server): _headers(read, server, env) for read, server in cases}
        for read, server in cases:
            _cost(read, server, env, headers[read, server])  # warm up
        for _ in range(TURNS):
            for read, server in cases:
                cost = _cost(read, server, env, headers[read, server])
                costs.setdefault((read.name, server.name), []).append(cost)
    return costs


def _own_servers(
    stack: ExitStack, folder: Path, env: Mapping[str, str]
) -> Iterator[tuple[str, Server]]:
    uvicorn = (*UVICORN, "--lifespan", "off", OURS)
    commands = {UVICORN_OURS: (uvicorn, ROOT), DAPHNE_OURS: ((*DAPHNE, OURS), ROOT)}
    if baseline := os.environ.get("BENCH_BASELINE"):
        commands[BEFORE] = (uvicorn, Path(baseline))
    for name, (command, root) in commands.items():
        here = {**env, "PYTHONPATH": str(root)}
        yield name, stack.enter_context(running(name, command, here, folder / f"{name}.log", root))


@contextmanager
def simulator(env: Mapping[str, str], folder: Path) -> Iterator[None]:
    """Rounds of prices, as often as in production, while something is measured."""
    command = ("manage.py", "run_exchange_simulator", "--plain")
    with (
        (folder / "simulator.log").open("wb") as log,
        subprocess.Popen(
            [*pinned(OTHER_CORES), sys.executable, *command],
            env=env,
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        time.sleep(5)
        try:
            yield
        finally:
            process.terminate()


def _headers(read: Read, server: Server, env: Mapping[str, str]) -> tuple[str, ...]:
    if not read.is_conditional:
        return ()
    _, etag = _answer(server, read.path, env)
    return (f"If-None-Match: {etag}",)


def _answer(server: Server, path: str, env: Mapping[str, str]) -> tuple[bytes, str]:
    """Body and ETag of one answer."""
    token = Path(env["BENCH_TOKEN"]).read_text()
    request = urllib.request.Request(
        f"http://localhost:{server.port}{path}", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        body: bytes = response.read()
        json.loads(body)
        return body, response.headers.get("ETag", "")


def _cost(read: Read, server: Server, env: dict[str, str], headers: Sequence[str]) -> float:
    """CPU-milliseconds of the server a request."""
    before = server.cpu_seconds()
    load = ("-m", "bench.read_load", str(server.port), env["BENCH_TOKEN"], read.path)
    answers = json.loads(run_python(*load, str(read.requests), *headers, env=env))
    if answers.keys() - {"200", "304"}:
        raise RuntimeError(f"{server.name} answered {read.name} wrongly: {answers}")
    return (server.cpu_seconds() - before) / read.requests * 1000


if __name__ == "__main__":
    run(sys.stdout.write, sys.argv[1:])
