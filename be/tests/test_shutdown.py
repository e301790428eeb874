"""SIGTERM ends the server, also under load, and every open request is answered."""

import json
import signal
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exchange.tests.server import SERVERS, LiveServer
from exchange.tests.socket_client import SCENES

# uvicorn ends by the signal that it was sent, once all is done.
WELL_ENDED = (0, -signal.SIGTERM)


@pytest.mark.servers
@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
def test_a_request_that_is_open_when_the_server_is_told_to_stop_is_answered(
    tmp_path: Path, command: tuple[str, ...]
):
    with LiveServer(tmp_path, command=command) as server, ThreadPoolExecutor(2) as pool:
        holding = pool.submit(server.call, f"{SCENES}:hold_writes", seconds=3)
        time.sleep(0.5)
        asking = pool.submit(register, server)  # waits for the database
        time.sleep(1)
        assert not asking.done()
        assert server.stop() in WELL_ENDED
        assert holding.done()
        assert asking.result() == 201


def register(server: LiveServer) -> int:
    body = json.dumps({"email": "late@example.com", "password": "a-long-password-2026"}).encode()
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{server.url}/api/auth/register/", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310
        status: int = answer.status
        return status


@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
def test_a_server_that_is_being_asked_stops_when_told(tmp_path: Path, command: tuple[str, ...]):
    with LiveServer(tmp_path, command=command) as server:
        answered, stop = threading.Event(), threading.Event()

        def ask() -> None:
            while not stop.is_set():
                try:
                    url = f"{server.url}/api/exchange/api/v1/status/"
                    with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own server
                        pass
                    answered.set()
                except (OSError, urllib.error.URLError):
                    if answered.is_set():
                        return

        askers = [threading.Thread(target=ask) for _ in range(8)]
        for asker in askers:
            asker.start()
        assert answered.wait(10)
        try:
            assert server.stop() in WELL_ENDED
        finally:
            stop.set()
            for asker in askers:
                asker.join()
