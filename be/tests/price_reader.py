"""Somebody who reads prices over HTTP, from a real server."""

import json
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse
from typing import Any

from exchange.api.ready_prices import PATH
from exchange.tests.scenes import __name__ as scenes
from exchange.tests.server import LiveServer

PATIENCE = 60.0  # only what fails takes so long


class Reader:
    """Somebody who is signed in and keeps a connection open."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.tokens = server.call(f"{scenes}:sign_in", email="alice@example.com")
        self.connection = HTTPConnection("127.0.0.1", server.port, timeout=30)

    def get(
        self, query: str = "", *, path: str = PATH, **headers: str
    ) -> tuple[HTTPResponse, bytes]:
        own = {"Authorization": f"Bearer {self.tokens['token']}", **headers}
        self.connection.request("GET", path + query, headers=own)
        answer = self.connection.getresponse()
        return answer, answer.read()

    def sign_out(self) -> None:
        body = json.dumps({"refresh_token": self.tokens["refresh_token"]})
        headers = {"Content-Type": "application/json"}
        self.connection.request("POST", "/api/auth/logout/", body, headers)
        answer = self.connection.getresponse()
        answer.read()
        assert answer.status == 204

    def quotes(self) -> list[dict[str, Any]]:
        quotes: list[dict[str, Any]] = json.loads(self.get()[1])["results"]
        return quotes

    def bids(self) -> list[str]:
        return [quote["bid"] for quote in self.quotes()]

    def round(self, *bids: str) -> None:
        bids_by_symbol = dict(zip(("AAPL", "BTC-USD"), bids, strict=True))
        self.server.call(f"{scenes}:advance", bids=bids_by_symbol)
        until(lambda: self.bids() == [*bids])

    def becomes_ready(self) -> None:
        """Rounds go on until the server has heard one and has compared itself with the database."""

        def is_ready_after_a_round() -> bool:
            self.round("191.00", "61000.00")
            time.sleep(0.2)
            return self.is_ready()

        until(is_ready_after_a_round)

    def is_ready(self) -> bool:
        """Whether the answer is not read from the database, where a price is wrong meanwhile."""
        true = self.bids()
        self.server.call(f"{scenes}:whisper", symbol="AAPL", bid="1.00")
        told = self.bids()
        self.server.call(f"{scenes}:whisper", symbol="AAPL", bid=true[0])
        return told == true


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def kept(answer: HTTPResponse) -> list[tuple[str, str]]:
    """The headers but those that differ from answer to answer."""
    changing = ("date", "x-request-id", "content-length")
    return [(name, text) for name, text in answer.getheaders() if name.lower() not in changing]
