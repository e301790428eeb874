"""The client of examples/ under Node, while channel layer and server die and come back."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue
from typing import Any

import pytest

from exchange.tests.redis_server import needs_redis, redis_server
from exchange.tests.relay import Relay
from exchange.tests.server import ROOT, LiveServer, free_port
from exchange.tests.socket_client import SCENES, sign_in

pytestmark = [pytest.mark.servers, needs_redis]

ALICE = "alice@example.com"
PATIENCE = 20.0  # only what fails takes so long
GLOBAL_WEBSOCKET = 22  # the version of Node that has one without a flag


class Watcher:
    """examples/watch_orders.mjs, and the lines that it prints."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def wait_for(self, line: str) -> None:
        seen: list[str] = []
        while line not in seen:
            seen.append(self._next(f"{line!r} after {seen}"))

    def end(self) -> Any:
        """What it knows in the end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        while not (line := self._next("the end")).startswith("{"):
            pass
        return json.loads(line)

    def _next(self, wanted: str) -> str:
        try:
            return self._lines.get(timeout=PATIENCE)
        except Exception as error:
            raise AssertionError(f"waited in vain for {wanted}") from error

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.strip())


@contextmanager
def watching(server: LiveServer, *symbols: str, url: str = "") -> Iterator[Watcher]:
    """The client, at the server or at `url` before it."""
    session = sign_in(server, ALICE)
    command = [
        *node(),
        str(ROOT / "examples" / "watch_orders.mjs"),
        url or server.url,
        session["token"],
        session["refresh_token"],
        *symbols,
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Watcher(process)
        finally:
            process.kill()


def node() -> list[str]:
    path = shutil.which("node")
    if path is None:
        pytest.skip("Node is not installed")
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    major = re.match(r"v(\d+)", version)
    assert major is not None
    flags = [] if int(major[1]) >= GLOBAL_WEBSOCKET else ["--experimental-websocket"]
    return [path, "--no-warnings", *flags]


def test_the_client_ends_with_the_right_orders_whatever_dies_in_between(tmp_path):
    port = free_port()
    # So short that access is renewed in place several times, and expires while the server is away.
    env = {"REDIS_URL": f"redis://127.0.0.1:{port}/0", "ACCESS_TOKEN_LIFETIME_SECONDS": "4"}
    with LiveServer(tmp_path, env=env) as server, redis_server(port) as redis:
        server.call(f"{SCENES}:list_instruments", bids={"AAPL": "190.00", "MSFT": "400.00"})
        with watching(server, "AAPL", "MSFT") as watcher:
            watcher.wait_for("state live")
            first = server.call(f"{SCENES}:place", email=ALICE, symbol="AAPL")
            watcher.wait_for(f"order {first} new")

            redis.kill()
            redis.wait()
            second = server.call(f"{SCENES}:place", email=ALICE, symbol="MSFT")
            watcher.wait_for(f"order {second} new")
            server.call(f"{SCENES}:cancel", email=ALICE, order_id=first)
            watcher.wait_for(f"order {first} canceled")

            # Not while tokens are on their way: whoever does not get the answer is signed out.
            watcher.wait_for("state renewed")
            server.kill()
            third = server.call(f"{SCENES}:place", email=ALICE, symbol="AAPL")
            server.call(f"{SCENES}:cancel", email=ALICE, order_id=second)
            watcher.wait_for("state reconnecting")
            with redis_server(port):
                server.start()
                watcher.wait_for("state live")
                last = server.call(f"{SCENES}:place", email=ALICE, symbol="AAPL")
                watcher.wait_for(f"order {last} new")
                ended = watcher.end()
        assert ended["orders"] == server.call(f"{SCENES}:statuses", email=ALICE)
        assert ended["orders"] == {
            first: "canceled",
            second: "canceled",
            third: "new",
            last: "new",
        }
        assert ended["quotes"] == ["AAPL", "MSFT"]


def test_the_client_stops_when_its_session_has_ended(tmp_path):
    with LiveServer(tmp_path) as server, watching(server) as watcher:
        watcher.wait_for("state live")
        server.call(f"{SCENES}:end_all_sessions", email=ALICE)
        watcher.wait_for("state signed out")


def test_the_client_comes_back_after_an_ordered_end_that_it_has_not_ordered(tmp_path):
    """Proxies close with 1000 too, as Daphne would after a day."""
    with LiveServer(tmp_path) as server, Relay(server.port) as relay:
        server.call(f"{SCENES}:list_instruments", bids={"AAPL": "190.00"})
        with watching(server, "AAPL", url=relay.url) as watcher:
            for _ in range(2):
                watcher.wait_for("state live")
                relay.end_sockets()
                watcher.wait_for("state reconnecting")
            watcher.wait_for("state live")
            order = server.call(f"{SCENES}:place", email=ALICE, symbol="AAPL")
            watcher.wait_for(f"order {order} new")
