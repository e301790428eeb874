"""Another process holds SQLite's write lock: writes get a 503 in time, and reading goes on."""

import json
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from be.tests.processes import finished, running
from exchange.tests.server import LiveServer
from exchange.tests.socket_client import SCENES, sign_in

ALICE = "alice@example.com"
ORDERS = "/api/exchange/api/v1/orders/"
BUY = {"symbol": "AAPL", "side": "buy", "order_type": "limit", "quantity": "1", "limit_price": "1"}
LOCK_SECONDS = 2.0
PATIENCE = 60.0  # only what fails takes so long
WRITERS = 30  # more than there are threads of any kind
READS = (
    ORDERS,
    "/api/exchange/api/v1/market-data/current_prices/",
    "/api/exchange/api/v1/status/",
    "/api/banking/balances/",
    "/api/banking/transactions/",
    "/api/portfolio/holdings/",
    "/api/auth/me/",
    "/api/auth/sessions/",
    "/admin/login/",
    "/",
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    env = {
        "SQLITE_LOCK_SECONDS": str(LOCK_SECONDS),
        "HTTP_QUEUE_SECONDS": "1",
        "QUOTE_MAX_AGE_SECONDS": "3600",
    }
    with LiveServer(tmp_path, env=env) as server:
        server.call(f"{SCENES}:seed_market")
        yield server


@contextmanager
def write_lock(server: LiveServer) -> Iterator[None]:
    """Held by this process, which is another."""
    path = server.env["DATABASE_URL"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def ask(
    server: LiveServer, method: str, path: str, token: str, body: Any = None
) -> tuple[int, dict[str, str], bytes]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)) as connection:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.headers.items()}
        return answer.status, found, answer.read()


def rounds(server: LiveServer) -> int:
    path = server.env["DATABASE_URL"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
        found = connection.execute("SELECT max(rounds) FROM exchange_simulator").fetchone()
        return int(found[0])


def wait_for_a_round(server: LiveServer) -> None:
    before, deadline = rounds(server), time.monotonic() + PATIENCE
    while rounds(server) == before:
        assert time.monotonic() < deadline, "the simulator stands still"
        time.sleep(0.1)


def test_writers_are_put_off_and_readers_are_not(server: LiveServer):
    token = sign_in(server, ALICE)["token"]
    server.call(f"{SCENES}:endow", email=ALICE, dollars="1000")
    simulator = ("manage.py", "run_exchange_simulator", "--plain", "--interval", "0.2")
    with running(server, *simulator) as process, ThreadPoolExecutor(WRITERS + 1) as pool:
        wait_for_a_round(server)
        with write_lock(server):
            orders = [pool.submit(ask, server, "POST", ORDERS, token, BUY) for _ in range(WRITERS)]
            wrong = {"email": ALICE, "password": "wrong"}
            sign_ins = pool.submit(ask, server, "POST", "/api/auth/login/", token, wrong)
            # Again and again, while the writers wait and are refused, all of them.
            while not all(order.done() for order in orders):
                for path in READS:
                    assert ask(server, "GET", path, token)[0] == 200, path
            for status, headers, body in (*(each.result() for each in orders), sign_ins.result()):
                assert (status, headers["retry-after"]) == (503, "1")
                assert headers["content-type"] == "application/problem+json"
                assert json.loads(body)["code"] == "unavailable"
        assert ask(server, "POST", ORDERS, token, BUY)[0] == 201
        # The refused ones have left nothing behind.
        assert len(json.loads(ask(server, "GET", ORDERS, token)[2])["results"]) == 1
        wait_for_a_round(server)
        assert process.poll() is None


@pytest.mark.parametrize(
    "command", [("run_exchange_simulator", "--duration", "1"), ("run_corporate_actions",)]
)
def test_a_command_that_does_not_get_the_lock_says_so_in_a_line(
    server: LiveServer, command: tuple[str, ...]
):
    with write_lock(server):
        status, output = finished(server, "manage.py", *command)
    assert status == 1
    (line,) = output.splitlines()
    assert line.startswith("CommandError: The database does not answer (database is locked).")
