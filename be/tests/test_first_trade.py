"""examples/first_trade.py, run as a reader runs it, against real servers."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from be.tests.processes import finished, running
from exchange.tests.server import LiveServer


def assert_first_trade_works(server: LiveServer, ws_server: LiveServer | None = None) -> None:
    """The script's own assertions decide whether it succeeds; then the books are proved."""
    ws_url = f"ws://127.0.0.1:{(ws_server or server).port}"
    status, printed = finished(
        server, "examples/first_trade.py", "--url", server.url, "--ws-url", ws_url
    )
    assert status == 0, f"{printed}\n{server.output[-3000:]}"
    assert "every number agrees" in printed
    assert "0 mismatches" in server.manage("check_ledger")


@pytest.mark.servers
def test_one_command_runs_the_broker_and_ctrl_c_stops_all_of_it(tmp_path: Path):
    """`make run` is this command; here in an empty folder, seeding included."""
    server = LiveServer(tmp_path)
    command = ("manage.py", "run_broker", "--port", str(server.port))
    with running(server, *command) as broker:
        assert broker.stdout is not None
        said = []
        for line in broker.stdout:
            said.append(line)
            if "Ctrl+C stops everything" in line:
                break
        printed = "".join(said)
        assert f"http://localhost:{server.port}/" in printed, printed
        assert "demo@brokerpro.example  paper-money-2026" in printed
        assert_first_trade_works(server)

        status, second = finished(server, *command)
        assert status != 0
        assert f"Port {server.port} on 127.0.0.1 is taken" in second

        os.kill(broker.pid, signal.SIGINT)
        rest = broker.stdout.read()
        assert broker.wait(30) == 0
    assert "Stopped." in rest
    assert "already" in server.manage("seed_market"), "a second run keeps the data"
    server.close()


@pytest.mark.xdist_group("broker")
def test_server_and_simulator_are_two_processes_with_no_server_installed(broker: LiveServer):
    assert_first_trade_works(broker)


@pytest.fixture
def postgresql_and_redis() -> Iterator[dict[str, str]]:
    """A database of its own on the PostgreSQL that was named, and the Redis that was named."""
    url, redis_url = os.environ["TEST_DATABASE_URL"], os.environ["TEST_REDIS_URL"]
    name = f"first_trade_{uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"'.encode())
    try:
        yield {
            "DATABASE_URL": f"{url.rsplit('/', 1)[0]}/{name}",
            "REDIS_URL": redis_url,
            "CHANNEL_PREFIX": name,
            "WEB_CONCURRENCY": "2",
            "DATABASE_POOL_SIZE": "5",
        }
    finally:
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.mark.servers
def test_two_servers_share_postgresql_and_redis(
    tmp_path: Path, postgresql_and_redis: dict[str, str]
):
    """REST on one server, the WebSocket on the other, prices from a third process."""
    (tmp_path / "second").mkdir()
    second = LiveServer(tmp_path / "second", env=postgresql_and_redis)
    with LiveServer(tmp_path, env=postgresql_and_redis) as first:
        first.manage("seed_market", "--days", "30", "--minutes", "1")
        second.start()
        try:
            with running(first, "manage.py", "run_exchange_simulator", "--interval", "0.5"):
                assert_first_trade_works(first, second)
                assert_first_trade_works(second, first)
        finally:
            second.close()
