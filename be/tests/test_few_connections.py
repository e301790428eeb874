"""A PostgreSQL that gives out fewer connections than the server has threads, or none."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import psycopg
import pytest

from be.tests.postgresql_cluster import Cluster, binaries
from be.tests.storm import ORDERS, Client
from exchange.tests.server import LiveServer
from exchange.tests.socket_client import sign_in

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(binaries() is None, reason="initdb and postgres are not installed"),
]

THREADS = 16
SECONDS_OF_PATIENCE = 60.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(max_connections=10) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def server(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    env = {"DATABASE_URL": cluster.url, "HTTP_THREADS": str(THREADS), "DATABASE_POOL_SIZE": "20"}
    with LiveServer(tmp_path_factory.mktemp("few"), env=env) as server:
        yield server


def all_left(cluster: Cluster, stack: ExitStack) -> None:
    """Take the connections that nobody has."""
    with suppress(psycopg.OperationalError):
        while True:
            stack.enter_context(psycopg.connect(cluster.url, autocommit=True))


def asked_at_once(server: LiveServer, token: str, times: int = 20) -> Counter[int]:
    """The statuses of so many answers in each of as many connections as there are threads."""

    def ask(_: int) -> list[int]:
        client = Client(server.port, token=token)
        return [client.send("GET", ORDERS).status for _ in range(times)]

    with ThreadPoolExecutor(THREADS) as pool:
        return Counter(status for each in pool.map(ask, range(THREADS)) for status in each)


def test_threads_share_the_few_connections_that_there_are(cluster: Cluster, server: LiveServer):
    token = sign_in(server)["token"]
    with ExitStack() as stack:
        assert Client(server.port, token=token).send("GET", ORDERS).status == 200
        all_left(cluster, stack)
        assert asked_at_once(server, token) == {200: THREADS * 20}
        # Then no thread sits on one while another is asked.
        client = Client(server.port, token=token)
        assert {client.send("GET", ORDERS).status for _ in range(2 * THREADS)} == {200}


def test_without_any_connection_the_answer_is_503_until_there_are_some(
    cluster: Cluster, server: LiveServer
):
    token = sign_in(server)["token"]
    with ExitStack() as stack:
        server.stop()
        all_left(cluster, stack)
        server.start()
        refused = Client(server.port, token=token).send("GET", ORDERS)
        assert refused.status == 503
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["retry-after"].isdigit()
        assert refused.document["code"] == "unavailable"
    deadline = time.monotonic() + SECONDS_OF_PATIENCE
    client = Client(server.port, token=token)
    while client.send("GET", ORDERS).status == 503:
        assert time.monotonic() < deadline
    assert asked_at_once(server, token, times=2) == {200: THREADS * 2}
