"""The first minute of a new user: no tables yet, no market yet, commands run twice."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from be.tests.processes import finished, running
from exchange.tests.server import ROOT, LiveServer

DATABASE_COMMANDS = (
    "check_ledger",
    "destroy_unlinked_numbers",
    "export_audit_log",
    "import_portfolio",
    "prune_history",
    "read_nacha_returns",
    "rebuild_portfolio",
    "rotate_banking_key",
    "rotate_identity_key",
    "run_corporate_actions",
    "run_exchange_simulator",
    "seed_market",
    "verify_audit_log",
    "write_nacha_file",
)


def test_every_command_that_needs_a_database_is_known_here():
    """Those of the project that don't are listed: a new command joins one list or the other."""
    without = {"run_broker", "runserver", "market_report", "rotate_signing_key"}
    found = {path.stem for path in ROOT.glob("*/management/commands/*.py")} - {"__init__"}
    assert found - without == set(DATABASE_COMMANDS)


@pytest.mark.parametrize("command", DATABASE_COMMANDS)
def test_without_tables_a_command_says_what_to_run(tmp_path: Path, command: str):
    status, output = finished(LiveServer(tmp_path), "manage.py", command)
    assert status == 1
    assert output.splitlines() == [
        "CommandError: The database is not prepared. Run: manage.py migrate"
    ]


def test_the_simulator_seeds_an_empty_market(tmp_path: Path):
    server = LiveServer(tmp_path)
    server.manage("migrate", "--verbosity", "0")
    output = server.manage("run_exchange_simulator", "--duration", "1", "--interval", "0.2")
    assert "The market is empty: seeding it." in output
    assert re.search(r"Stopped after \d+ rounds", output), output
    status, output = finished(LiveServer(tmp_path), "manage.py", "check_ledger")
    assert status == 0, output


def test_ctrl_c_while_seeding_ends_in_a_word_and_leaves_nothing_half_done(tmp_path: Path):
    server = LiveServer(tmp_path)
    with running(server, "manage.py", "run_broker", "--port", str(server.port)) as broker:
        assert broker.stdout is not None
        told = ""
        for line in broker.stdout:
            told += line
            if "instruments listed" in line:
                broker.send_signal(signal.SIGINT)
        assert broker.wait(30) == 130
    assert told.splitlines()[-1] == "Stopped."
    assert "Traceback" not in told
    assert server.call("exchange.seeding.seeding:is_seeded") is False


def test_starting_says_nothing_of_a_missing_env_file(tmp_path: Path):
    env = {name: value for name, value in os.environ.items() if name != "ENV_FILE"}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={**env, "VAR_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert done.stdout == "System check identified no issues (0 silenced).\n"


def test_an_env_file_that_is_named_must_be_there(tmp_path: Path):
    server = LiveServer(tmp_path, env={"ENV_FILE": str(tmp_path / "mistyped.env")})
    status, output = finished(server, "manage.py", "check")
    assert status != 0
    assert "mistyped.env does not exist" in output


def test_running_the_broker_installs_no_tools_of_its_tests():
    """A dry run of every target says what it would do, as if nothing had been installed."""

    def installs(target: str) -> str:
        return subprocess.run(
            ["make", "--dry-run", "--always-make", target],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    for target in ("run", "runserver", "run-simulator", "migrate"):
        syncs = re.findall(r"uv sync.*", installs(target))
        assert syncs == ["uv sync --frozen --quiet --no-default-groups --group examples --inexact"]
    assert "--no-default-groups" not in installs("test")


@pytest.mark.parametrize("options", [(), ("--noreload",)], ids=["reloading", "once"])
def test_runserver_says_that_its_port_is_taken_and_ends(tmp_path: Path, options: tuple[str, ...]):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        server = LiveServer(tmp_path)
        status, output = finished(server, "manage.py", "runserver", address, *options)
    assert status == 1
    assert "is taken. Stop what uses it, or choose another" in output


def test_the_made_up_past_of_the_demo_customer_is_no_news(tmp_path: Path):
    server = LiveServer(tmp_path)
    server.manage("migrate", "--verbosity", "0")
    status, output = finished(server, "manage.py", "seed_market", "--days", "40", "--minutes", "1")
    assert status == 0
    assert "a demo customer with a past" in output
    assert "brokerpro.events" not in output
