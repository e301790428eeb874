"""A server that is killed in the middle of a storm: what it acknowledged is there afterwards."""

from pathlib import Path

import psycopg
import pytest

from be.tests.storm import DECIDED, RECOVERY, Client, Storm
from exchange.tests.server import LiveServer

pytestmark = pytest.mark.servers

CUSTOMERS = 5
ME = "/api/auth/me/"
# Of this database's connections but the one that asks.
LAST_USED = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
    "AND pid != pg_backend_pid() ORDER BY state_change DESC LIMIT 1"
)
END_ALL = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid != pg_backend_pid()"
)


def test_what_was_acknowledged_survives_a_killed_server_on_sqlite(tmp_path: Path):
    assert_a_killed_server_loses_nothing(tmp_path, {})


def test_what_was_acknowledged_survives_a_killed_server_on_postgresql(
    tmp_path: Path, own_database: str
):
    assert_a_killed_server_loses_nothing(tmp_path, {"DATABASE_URL": own_database})


def test_connections_that_the_database_has_ended_cost_no_request(tmp_path: Path, own_database: str):
    with (
        LiveServer(tmp_path, env={"DATABASE_URL": own_database, "HTTP_THREADS": "1"}) as server,
        psycopg.connect(own_database, autocommit=True) as admin,
    ):
        alice = server.call("exchange.tests.scenes:sign_in", email="alice@example.com")
        client = Client(server.port, token=alice["token"])
        ended: set[int] = set()
        for _ in range(3):
            assert client.send("GET", ME).status == 200
            assert client.send("GET", ME).status == 200
            (kept,) = admin.execute(LAST_USED).fetchone() or (0,)
            assert kept not in ended
            assert admin.execute(END_ALL).fetchall() != []
            ended.add(kept)


def assert_a_killed_server_loses_nothing(directory: Path, env: dict[str, str]) -> None:
    with LiveServer(directory, env={**env, "QUOTE_MAX_AGE_SECONDS": "3600"}) as server:
        with Storm(server, customers=CUSTOMERS) as storm:
            storm.wait_for(acknowledged=8)
            server.kill()
        assert {each.status for each in storm.sent()} <= {0, *DECIDED}
        assert any(each.status == 0 and each.key for each in storm.sent())
        server.start()
        assert "0 mismatches" in server.call(f"{RECOVERY}:check_ledger")
        storm.settle_what_is_open()
        storm.assert_nothing_is_lost()
