"""Ready answers of real servers: the same bytes, new ones after a round, and sessions that end."""

import json
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import pytest

from exchange.api.ready_prices import PATH
from exchange.tests.scenes import __name__ as scenes
from exchange.tests.server import SERVERS, LiveServer

pytestmark = pytest.mark.servers
PATIENCE = 20.0


@pytest.fixture(scope="module", params=[*SERVERS.values()], ids=[*SERVERS])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("server"), command=request.param) as server:
        server.call(f"{scenes}:list_instruments", bids={"AAPL": "190.00", "BTC-USD": "60000.00"})
        yield server


@pytest.fixture
def reader(server: LiveServer) -> Iterator["Reader"]:
    reader = Reader(server)
    yield reader
    reader.connection.close()


class Reader:
    """Somebody who is signed in and keeps a connection open."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.tokens = server.call(f"{scenes}:sign_in", email="alice@example.com")
        self.connection = HTTPConnection("127.0.0.1", server.port, timeout=30)

    def get(self, query: str = "", **headers: str) -> tuple[HTTPResponse, bytes]:
        own = {"Authorization": f"Bearer {self.tokens['token']}", **headers}
        self.connection.request("GET", PATH + query, headers=own)
        answer = self.connection.getresponse()
        return answer, answer.read()

    def bids(self) -> list[str]:
        return [quote["bid"] for quote in json.loads(self.get()[1])["results"]]

    def round(self, *bids: str) -> None:
        bids_by_symbol = dict(zip(("AAPL", "BTC-USD"), bids, strict=True))
        self.server.call(f"{scenes}:advance", bids=bids_by_symbol)
        _until(lambda: self.bids() == [*bids])

    def becomes_ready(self) -> None:
        """Rounds go on until the server has heard one and has compared itself with the database."""

        def is_ready_after_a_round() -> bool:
            self.round("191.00", "61000.00")
            time.sleep(0.2)
            return self.is_ready()

        _until(is_ready_after_a_round)

    def is_ready(self) -> bool:
        """Whether the answer is not read from the database, where a price is wrong meanwhile."""
        true = self.bids()
        self.server.call(f"{scenes}:whisper", symbol="AAPL", bid="1.00")
        told = self.bids()
        self.server.call(f"{scenes}:whisper", symbol="AAPL", bid=true[0])
        return told == true


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _kept(answer: HTTPResponse) -> list[tuple[str, str]]:
    changing = ("date", "x-request-id", "content-length")
    return [(name, text) for name, text in answer.getheaders() if name.lower() not in changing]


def test_the_same_answer_with_and_without_django(reader: Reader):
    reader.becomes_ready()
    for query in ("", "?symbols=btc-usd,AAPL"):
        odd = {"Accept": "application/json;q=1"}  # that is Django's
        assert reader.is_ready()
        (mine, body), (theirs, same) = reader.get(query), reader.get(query, **odd)
        assert (mine.status, body, _kept(mine)) == (200, same, _kept(theirs))
        assert mine.getheader("Content-Length") == theirs.getheader("Content-Length")


def test_a_round_is_in_the_answers_that_follow(reader: Reader):
    reader.becomes_ready()
    for bid in ("193.00", "194.00", "195.00"):
        reader.round(bid, "62000.00")
        assert reader.bids() == [bid, "62000.00"]


def test_a_round_that_was_lost_is_read_from_the_database(reader: Reader):
    reader.becomes_ready()
    reader.server.call(f"{scenes}:advance_unheard", bids={"AAPL": "7.00", "BTC-USD": "8.00"})
    _until(lambda: reader.bids() == ["7.00", "8.00"])


def test_who_signs_out_is_refused_at_once(reader: Reader):
    reader.becomes_ready()
    body = json.dumps({"refresh_token": reader.tokens["refresh_token"]})
    headers = {"Content-Type": "application/json"}
    assert reader.get()[0].status == 200
    reader.connection.request("POST", "/api/auth/logout/", body, headers)
    answer = reader.connection.getresponse()
    answer.read()
    assert answer.status == 204
    assert reader.get()[0].status == 401


def test_who_signs_out_in_another_process_is_refused_within_a_second(reader: Reader):
    reader.becomes_ready()
    assert reader.get()[0].status == 200
    arguments: dict[str, Any] = {"refresh_token": reader.tokens["refresh_token"]}
    reader.server.call(f"{scenes}:log_out", **arguments)
    time.sleep(1)
    assert reader.get()[0].status == 401
