"""Customers with long pasts in large markets, on servers whose CPU time is measured.

Each market is a database with a server of its own and a simulator; the customers are the same in
all of them (bench/grown_customers.py).
"""

import json
import statistics
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

import psycopg

from bench.cost import cpu_of
from bench.http import OURS, UVICORN, database, run_python
from bench.reads import PRICES, environment, simulator
from bench.servers import Server, running

# How long a turn of one read may take, and how many requests it is.
TURN_SECONDS = 0.03
FEWEST, MOST = 3, 15
# How long a server may take until it has heard of rounds, and answers prices from memory.
SECONDS_TO_SETTLE = 60.0
# By this name the database knows which of its connections are the server's.
MEASURED = "measured"
SERVER = (*UVICORN, "--lifespan", "off", "--timeout-keep-alive", "600", OURS)


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU-seconds of the server and of the database for a request, and bytes of its answer."""

    server: float
    database: float
    size: int

    @classmethod
    def median(cls, costs: Sequence[Self]) -> Self:
        return cls(
            statistics.median(cost.server for cost in costs),
            statistics.median(cost.database for cost in costs),
            costs[0].size,
        )


class MeasuredServer:
    """A connection to a running server, and the backends of the server's connections."""

    def __init__(self, server: Server, url: str) -> None:
        self.pid = server.pid
        self.peak_bytes = server.peak_bytes
        self._connection = _connection(server)
        self._reader = _connection(server)
        self._admin = psycopg.connect(url, autocommit=True)

    def close(self) -> None:
        for each in (self._connection, self._reader, self._admin):
            each.close()

    def send(self, method: str, path: str, token: str) -> bytes:
        status, body = _answer(self._connection, method, path, token)
        if status != HTTPStatus.OK:
            raise RuntimeError(f"{method} {path}: {status} {body.decode()[:300]}")
        return body

    def read_prices(self, token: str) -> None:
        """Over a connection of its own, beside requests that are measured."""
        _answer(self._reader, "GET", f"{PRICES}?symbols=AAPL", token)

    def backends(self) -> dict[int, float]:
        """The CPU-seconds of each of the server's backends so far."""
        rows = self._admin.execute(
            "SELECT pid FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = %s",
            [MEASURED],
        )
        return {pid: cpu_of([pid]) for (pid,) in rows}


def _connection(server: Server) -> HTTPConnection:
    return HTTPConnection("localhost", server.port, timeout=120)


def _answer(connection: HTTPConnection, method: str, path: str, token: str) -> tuple[int, bytes]:
    connection.request(method, path, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    return answer.status, answer.read()


class Place:
    """A customer with `times` the demo's past, in a market of so many instruments."""

    def __init__(self, market: int, times: int, server: MeasuredServer, token: str) -> None:
        self.market, self.times, self.server = market, times, server
        self._token = token
        self._requests: dict[str, int] = {}

    def get(self, path: str) -> bytes:
        return self.server.send("GET", path, self._token)

    def read_prices(self) -> None:
        self.server.read_prices(self._token)

    def last_page(self, path: str) -> str:
        """The address of the last whole page, to which the cursors `next` lead."""
        oldest = json.loads(self.get(f"{path}&{_cursor('r=1')}"))
        return _local(json.loads(self.get(_local(oldest["previous"])))["next"])

    def warm_up(self, path: str) -> None:
        """Statements are prepared, and it is known how many requests make a turn."""
        for _ in range(FEWEST):
            began = time.perf_counter()
            self.get(path)
        seconds = time.perf_counter() - began
        self._requests[path] = min(max(int(TURN_SECONDS / seconds), FEWEST), MOST)

    def cost_of(self, path: str) -> Cost:
        """Of one of a turn's requests."""
        times = self._requests[path]
        cost, _ = self.cost_of_one("GET", path, times=times)
        return Cost(cost.server / times, cost.database / times, cost.size)

    def cost_of_one(self, method: str, path: str, *, times: int = 1) -> tuple[Cost, bytes]:
        """The cost of a request, or of so many together, and the answer."""
        here, there = cpu_of([self.server.pid]), self.server.backends()
        for _ in range(times):
            body = self.server.send(method, path, self._token)
        now = self.server.backends()
        # Once a minute a connection is replaced; what is left of the old one's time is not seen.
        in_database = sum(now[pid] - there.get(pid, 0) for pid in now)
        return Cost(cpu_of([self.server.pid]) - here, in_database, len(body)), body


def _cursor(text: str) -> str:
    return urlencode({"cursor": b64encode(text.encode()).decode()})


def _local(address: str) -> str:
    """The address without scheme and host."""
    return "/" + address.split("/", 3)[3]


@contextmanager
def markets(url: str, folder: Path, sizes: Sequence[int]) -> Iterator[dict[int, dict[str, str]]]:
    """A database for each size of the market, with the same customers: its environment."""
    found: dict[int, dict[str, str]] = {}
    with ExitStack() as stack:
        for size in sizes:
            first = next(iter(found.values()), {"DATABASE_URL": ""})["DATABASE_URL"]
            own = stack.enter_context(database(url, copy_of=first))
            found[size] = _environment(own, folder / str(size), size)
            if not first:
                _run("bench.reading_customer", "BENCH_TOKEN", found[size])
                _run("bench.grown_customers", "BENCH_TOKENS", found[size])
        tokens = found[sizes[0]]["BENCH_TOKENS"]
        for env in found.values():
            _run("bench.reading_customer", "BENCH_TOKEN", {**env, "BENCH_ORDERS": "0"})
            env["BENCH_TOKENS"] = tokens
        yield found


def _environment(url: str, folder: Path, size: int) -> dict[str, str]:
    folder.mkdir()
    env = environment(url, folder)
    return {
        **env,
        "CHANNEL_PREFIX": f"{env['CHANNEL_PREFIX']}of{size}",
        "BENCH_INSTRUMENTS": str(size),
        "BENCH_TOKENS": str(folder / "tokens"),
        # One thread and one connection answer, so that each turn finds the same statements ready.
        "HTTP_THREADS": "1",
        "DATABASE_POOL_SIZE": "5",
    }


def _run(module: str, output: str, env: dict[str, str]) -> None:
    run_python("-m", module, env[output], env={**env, "DEBUG": "true"})


@contextmanager
def places(
    markets: dict[int, dict[str, str]], folder: Path, customers: Sequence[int]
) -> Iterator[list[Place]]:
    """All customers in the first market, and the first one in each other market."""
    found: list[Place] = []
    with ExitStack() as stack:
        for size, env in markets.items():
            stack.enter_context(simulator(env, Path(env["VAR_DIR"])))
            own = {**env, "DATABASE_URL": f"{env['DATABASE_URL']}?application_name={MEASURED}"}
            log = folder / f"{size}.log"
            server = stack.enter_context(running(f"market of {size}", SERVER, own, log))
            measured = MeasuredServer(server, env["DATABASE_URL"])
            stack.enter_context(closing(measured))
            tokens = json.loads(Path(env["BENCH_TOKENS"]).read_text())
            here = customers[:1] if found else customers
            found += (Place(size, times, measured, tokens[str(times)]) for times in here)
        with _somebody_reading(found):
            deadline = time.monotonic() + SECONDS_TO_SETTLE
            for place in found:
                while place.cost_of_one("GET", PRICES)[0].database and time.monotonic() < deadline:
                    time.sleep(0.5)
            yield found


@contextmanager
def _somebody_reading(places: Sequence[Place]) -> Iterator[None]:
    """Prices are read now and then, as ever in production: only then are they kept ready."""
    is_over = threading.Event()

    def read() -> None:
        while not is_over.wait(0.4):
            for place in places:
                place.read_prices()

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
