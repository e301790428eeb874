"""SIGTERM ends the server, also while browsers keep asking."""

import threading
import urllib.error
import urllib.request
from pathlib import Path

from exchange.tests.server import LiveServer


def test_a_server_that_is_being_asked_stops_when_told(tmp_path: Path):
    with LiveServer(tmp_path) as server:
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
            assert server.stop() == 0
        finally:
            stop.set()
            for asker in askers:
                asker.join()
