"""Ready answers where they matter: two servers, a simulator, PostgreSQL, and a Redis that drops."""

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from redis import Redis
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_sync

from be.tests.conftest import new_database
from be.tests.price_reader import PATIENCE, Reader, kept, until
from exchange.api.ready_prices import PATH
from exchange.tests.redis_server import needs_redis, redis_server
from exchange.tests.scenes import __name__ as scenes
from exchange.tests.server import DAPHNE, ROOT, UVICORN, LiveServer, free_port

pytestmark = [pytest.mark.servers, needs_redis, pytest.mark.xdist_group("ready-with-simulator")]

SYMBOLS = ["BTC-USD", "ETH-USD"]  # which trade at any hour
ROUNDS = 15
ME = "/api/auth/me/"

Quote = dict[str, Any]


class Shop:
    """Two servers of one market. Its simulator runs while a test lets it."""

    def __init__(self, first: LiveServer, second: LiveServer, redis: Redis) -> None:
        self.first, self.second, self.redis = first, second, redis

    @contextmanager
    def rounds(self) -> Iterator[None]:
        """Several in a second, until the simulator is killed."""
        command = [sys.executable, "manage.py", "run_exchange_simulator", "--interval", "0.2"]
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.first.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                yield
            finally:
                process.kill()

    def lose_messages(self) -> None:
        """Cut everybody's connection to Redis, as a restart of it would."""
        for kind in ("normal", "pubsub"):
            self.redis.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")

    def quotes(self) -> list[Quote]:
        """As the database has them."""
        found: list[Quote] = self.first.call(f"{scenes}:current_quotes", symbols=SYMBOLS)
        return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    port = free_port()
    with new_database() as url, redis_server(port), Redis(port=port) as redis:
        env = {
            "DATABASE_URL": url,
            "DATABASE_POOL_SIZE": "8",
            "REDIS_URL": f"redis://127.0.0.1:{port}/0",
        }
        # A reader is silent while the simulator ends, which uvicorn would take for a goodbye.
        patient = (*UVICORN, "--timeout-keep-alive", "60")
        with LiveServer(tmp_path_factory.mktemp("first"), env=env, command=patient) as first:
            first.call(f"{scenes}:seed_market")
            second = LiveServer(tmp_path_factory.mktemp("second"), env=first.env, command=DAPHNE)
            second.start()
            try:
                yield Shop(first, second, redis)
            finally:
                second.close()


@pytest.fixture(params=["uvicorn", "Daphne"])
def reader(shop: Shop, request: pytest.FixtureRequest) -> Iterator[Reader]:
    reader = Reader(shop.first if request.param == "uvicorn" else shop.second)
    yield reader
    reader.connection.close()


def sequences(quotes: Iterable[Quote]) -> dict[str, int]:
    return {quote["symbol"]: quote["sequence"] for quote in quotes if quote["symbol"] in SYMBOLS}


def hear_rounds(reader: Reader, count: int = 3) -> None:
    """Wait until so many rounds are in the answers, one after the other."""
    for _ in range(count):
        before = sequences(reader.quotes())
        until(partial(is_after, reader, before))


def is_after(reader: Reader, before: dict[str, int]) -> bool:
    return sequences(reader.quotes()) != before


def become_ready(shop: Shop, reader: Reader) -> None:
    """Rounds are heard, and then there are no more: the answers stay ready for ten seconds."""

    def is_ready_after_rounds() -> bool:
        with shop.rounds():
            hear_rounds(reader)
        return any(is_ready_now(reader) for _ in range(10))

    until(is_ready_after_rounds)


def is_ready_now(reader: Reader) -> bool:
    time.sleep(0.2)
    return reader.is_ready()


def test_a_ready_answer_is_djangos_to_the_byte(shop: Shop, reader: Reader):
    become_ready(shop, reader)
    answers = [
        (reader.get(query), reader.get(query, Accept="application/json;q=1"))  # which is Django's
        for query in ("", "?symbols=btc-usd,AAPL", "?symbols=UST-10Y")
    ]
    assert reader.is_ready()  # so it was all the time
    for (mine, body), (theirs, same) in answers:
        assert (mine.status, body, kept(mine)) == (200, same, kept(theirs))


@contextmanager
def socket_of(reader: Reader) -> Iterator[ClientConnection]:
    """A socket of the same process, which gets the prices of some symbols."""
    with connect_sync(reader.server.ws_url, max_queue=None, max_size=None) as connection:
        for message in (
            {"type": "auth", "token": reader.tokens["token"]},
            {"type": "subscribe", "symbols": SYMBOLS},
        ):
            connection.send(json.dumps(message))
            assert json.loads(connection.recv(PATIENCE))["type"] in ("auth_success", "subscribed")
        yield connection


def assert_answers_keep_up(
    reader: Reader, connection: ClientConnection, *, rounds: int = ROUNDS
) -> None:
    """What is read after a frame is of that frame's round, or of a later one."""
    while rounds:
        frame = json.loads(connection.recv(PATIENCE))
        if frame["type"] == "price_update":
            rounds -= 1
            told, read = sequences(frame["quotes"]), sequences(reader.quotes())
            assert all(read[symbol] >= number for symbol, number in told.items())


def test_no_answer_is_older_than_what_the_process_was_told(shop: Shop, reader: Reader):
    with shop.rounds(), socket_of(reader) as connection:
        assert_answers_keep_up(reader, connection)


def test_nor_when_rounds_are_lost(shop: Shop, reader: Reader):
    with shop.rounds(), socket_of(reader) as connection:
        for _ in range(3):
            assert_answers_keep_up(reader, connection, rounds=5)
            shop.lose_messages()
            lost = sequences(shop.quotes())
            until(partial(keeps_up, reader, lost))
            assert_answers_keep_up(reader, connection, rounds=5)
    until(lambda: sequences(reader.quotes()) == sequences(shop.quotes()))


def keeps_up(reader: Reader, numbers: dict[str, int]) -> bool:
    read = sequences(reader.quotes())
    return all(read[symbol] >= number for symbol, number in numbers.items())


def test_without_a_simulator_the_database_is_read(shop: Shop, reader: Reader):
    become_ready(shop, reader)
    until(lambda: not reader.is_ready())
    assert sequences(reader.quotes()) == sequences(shop.quotes())


def test_who_signs_out_here_is_refused_everything_at_once(shop: Shop, reader: Reader):
    with shop.rounds():
        hear_rounds(reader)
        assert status_of(reader) == status_of(reader, ME) == 200
        reader.sign_out()
        assert status_of(reader) == status_of(reader, ME) == 401


def test_who_signs_out_elsewhere_is_refused_what_is_hers_at_once_and_prices_within_a_second(
    shop: Shop, reader: Reader
):
    elsewhere = Reader(shop.second if reader.server is shop.first else shop.first)
    elsewhere.tokens = reader.tokens
    with shop.rounds():
        hear_rounds(reader)
        assert status_of(reader) == status_of(reader, ME) == 200
        elsewhere.sign_out()
        assert status_of(reader, ME) == 401
        time.sleep(1)
        assert status_of(reader) == 401
    elsewhere.connection.close()


def status_of(reader: Reader, path: str = PATH) -> int:
    return reader.get(path=path)[0].status
