"""run_broker ends the processes that it has started, however it ends itself."""

import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest
from django.core.management.base import CommandError

from be.management.ports import require_free_port
from be.tests.processes import running
from exchange.tests.server import LiveServer

SECONDS_TO_END = 20


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@pytest.mark.servers
@pytest.mark.parametrize(
    ("how", "host"),
    [
        (signal.SIGHUP, "127.0.0.1"),
        (signal.SIGKILL, "127.0.0.1"),
        (signal.SIGTERM, "0.0.0.0"),  # noqa: S104 - for the seconds of a test
    ],
)
def test_nothing_is_left_running(tmp_path: Path, how: signal.Signals, host: str):
    server = LiveServer(tmp_path)
    server.manage("migrate", "--verbosity", "0")
    server.manage("seed_market", "--days", "8", "--minutes", "1")
    command = ("manage.py", "run_broker", "--host", host, "--port", str(server.port))
    with running(server, *command) as broker:
        assert broker.stdout is not None
        waits_for = {"Ctrl+C stops everything", "Simulating 26 instruments"}
        for line in broker.stdout:
            assert "ERROR" not in line
            waits_for = {words for words in waits_for if words not in line}
            if not waits_for:
                break
        assert answers(server.port)
        broker.send_signal(how)
        deadline = time.monotonic() + SECONDS_TO_END
        while answers(server.port):
            assert time.monotonic() < deadline, "the server outlived run_broker"
            time.sleep(0.1)
        # The simulator has said goodbye too, and with that given its lease back.
        assert "Stopped after" in broker.stdout.read()


def test_a_port_that_is_taken_is_told_with_another_to_try():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=rf"is taken.*PORT={port + 1}"):
            require_free_port("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "port", "says"),
    [
        ("127.0.0.1", 99_999, "There is no port 99999"),
        ("192.0.2.1", 8000, "Choose an address of this machine"),
        ("no host", 8000, "Choose an address of this machine"),
    ],
)
def test_where_nobody_can_listen_is_told(host: str, port: int, says: str):
    with pytest.raises(CommandError, match=says):
        require_free_port(host, port)
