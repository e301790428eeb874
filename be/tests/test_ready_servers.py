"""Ready answers of real servers: the same bytes, new ones after a round, and sessions that end."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from be.tests.price_reader import Reader, kept, until
from exchange.tests.scenes import __name__ as scenes
from exchange.tests.server import SERVERS, LiveServer

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module", params=[*SERVERS.values()], ids=[*SERVERS])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("server"), command=request.param) as server:
        server.call(f"{scenes}:list_instruments", bids={"AAPL": "190.00", "BTC-USD": "60000.00"})
        yield server


@pytest.fixture
def reader(server: LiveServer) -> Iterator[Reader]:
    reader = Reader(server)
    yield reader
    reader.connection.close()


def test_the_same_answer_with_and_without_django(reader: Reader):
    reader.becomes_ready()
    for query in ("", "?symbols=btc-usd,AAPL"):
        odd = {"Accept": "application/json;q=1"}  # that is Django's
        assert reader.is_ready()
        (mine, body), (theirs, same) = reader.get(query), reader.get(query, **odd)
        assert (mine.status, body, kept(mine)) == (200, same, kept(theirs))
        assert mine.getheader("Content-Length") == theirs.getheader("Content-Length")


def test_a_round_is_in_the_answers_that_follow(reader: Reader):
    reader.becomes_ready()
    for bid in ("193.00", "194.00", "195.00"):
        reader.round(bid, "62000.00")
        assert reader.bids() == [bid, "62000.00"]


def test_a_round_that_was_lost_is_read_from_the_database(reader: Reader):
    reader.becomes_ready()
    reader.server.call(f"{scenes}:advance_unheard", bids={"AAPL": "7.00", "BTC-USD": "8.00"})
    until(lambda: reader.bids() == ["7.00", "8.00"])


def test_who_signs_out_is_refused_at_once(reader: Reader):
    reader.becomes_ready()
    assert reader.get()[0].status == 200
    reader.sign_out()
    assert reader.get()[0].status == 401


def test_who_signs_out_in_another_process_is_refused_within_a_second(reader: Reader):
    reader.becomes_ready()
    assert reader.get()[0].status == 200
    arguments: dict[str, Any] = {"refresh_token": reader.tokens["refresh_token"]}
    reader.server.call(f"{scenes}:log_out", **arguments)
    time.sleep(1)
    assert reader.get()[0].status == 401
