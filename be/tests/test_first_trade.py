"""examples/first_trade.py, run as a reader would, against servers that were really started."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from exchange.tests.server import ROOT, LiveServer

SIMULATOR = ("run_exchange_simulator", "--interval", "0.5")
SEED = ("seed_market", "--days", "30", "--minutes", "1")


def run_first_trade(server: LiveServer, ws_server: LiveServer | None = None) -> str:
    """What the script printed; its own assertions decide whether it succeeds."""
    ws_url = f"ws://127.0.0.1:{(ws_server or server).port}"
    done = subprocess.run(
        [sys.executable, "examples/first_trade.py", "--url", server.url, "--ws-url", ws_url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{server.output[-3000:]}"
    return done.stdout


@contextmanager
def process(server: LiveServer, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A process in the server's environment, ended (SIGTERM) at the end."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=server.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        try:
            yield running
        finally:
            running.terminate()


@pytest.mark.servers
def test_one_command_runs_the_broker_and_ctrl_c_stops_all_of_it(tmp_path: Path):
    """`make run` is this command; here in an empty folder, seeding included."""
    server = LiveServer(tmp_path)
    command = ("manage.py", "run_broker", "--port", str(server.port))
    with process(server, *command) as broker:
        assert broker.stdout is not None
        said = []
        for line in broker.stdout:
            said.append(line)
            if "Ctrl+C stops everything" in line:
                break
        printed = "".join(said)
        assert f"http://localhost:{server.port}/" in printed
        assert "demo@brokerpro.example  paper-money-2026" in printed
        assert "every number agrees" in run_first_trade(server)
        assert "0 mismatches" in server.manage("check_ledger")

        second = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=server.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode != 0
        assert f"Port {server.port} on 127.0.0.1 is taken" in second.stderr

        os.kill(broker.pid, signal.SIGINT)
        rest = broker.stdout.read()
        assert broker.wait(30) == 0
    assert "Stopped." in rest
    assert "already" in server.manage("seed_market"), "a second run keeps the data"


def test_server_and_simulator_are_two_processes_without_any_server_installed(tmp_path: Path):
    with LiveServer(tmp_path) as server:
        server.manage(*SEED)
        with process(server, "manage.py", *SIMULATOR):
            assert "every number agrees" in run_first_trade(server)
        assert "0 mismatches" in server.manage("check_ledger")


@pytest.fixture
def postgresql_and_redis() -> Iterator[dict[str, str]]:
    """A database of its own on the PostgreSQL that was named, and the Redis that was named."""
    url, redis_url = os.environ.get("TEST_DATABASE_URL"), os.environ.get("TEST_REDIS_URL")
    if not url or not redis_url:
        pytest.skip("needs TEST_DATABASE_URL and TEST_REDIS_URL (make test-servers)")
    name = f"first_trade_{uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
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
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.mark.servers
def test_two_servers_share_postgresql_and_redis(
    tmp_path: Path, postgresql_and_redis: dict[str, str]
):
    """REST on one server, the WebSocket on the other, prices from a third process."""
    with LiveServer(tmp_path, env=postgresql_and_redis) as first:
        first.manage(*SEED)
        (tmp_path / "second").mkdir()
        second = LiveServer(tmp_path / "second", env=postgresql_and_redis)
        second.start()
        try:
            with process(first, "manage.py", *SIMULATOR):
                time.sleep(1)
                assert "every number agrees" in run_first_trade(first, second)
                assert "every number agrees" in run_first_trade(second, first)
        finally:
            second.close()
        assert "0 mismatches" in first.manage("check_ledger")
