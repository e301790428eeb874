"""A database that is killed under a running server, and comes back."""

from pathlib import Path

import pytest

from be.tests.postgresql_cluster import Cluster, binaries
from be.tests.storm import DECIDED, RECOVERY, Client, Sent, Storm
from exchange.tests.server import LiveServer

STATUS = "/api/exchange/api/v1/status/"


@pytest.mark.servers
@pytest.mark.skipif(binaries() is None, reason="initdb and postgres are not installed")
def test_a_server_outlives_its_database_and_loses_nothing(tmp_path: Path):
    with Cluster() as cluster:
        env = {
            "DATABASE_URL": cluster.url,
            "QUOTE_MAX_AGE_SECONDS": "3600",
        }
        with LiveServer(tmp_path, env=env) as server:
            with Storm(server, customers=5) as storm:
                storm.wait_for(acknowledged=8)
                cluster.kill()
                storm.wait_for(status=503)
                status = Client(server.port).send("GET", STATUS)
                assert (status.status, status.document["checks"]["database"]) == (503, "down")
                cluster.start()
                storm.wait_for(acknowledged=4)
            for sent in storm.sent():
                assert_decided_or_put_off(sent)
            assert "0 mismatches" in server.call(f"{RECOVERY}:check_ledger")
            storm.settle_what_is_open()
            storm.assert_nothing_is_lost()


def assert_decided_or_put_off(sent: Sent) -> None:
    """Each request had an answer: a decision, or a 503 that says when to come again."""
    if sent.status in DECIDED:
        return
    assert sent.status == 503, sent
    assert sent.headers["content-type"] == "application/problem+json"
    assert sent.headers["retry-after"].isdigit()
    assert sent.document["code"] == "unavailable"
