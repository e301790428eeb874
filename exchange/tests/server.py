"""A real server for tests, with its own process, database and folder.

    with LiveServer(tmp_path, env={"WEBSOCKET_HEARTBEAT_SECONDS": "1"}) as server:
        token = server.call("exchange.tests.scenes:sign_in", email="alice@example.com")
        httpx.get(f"{server.url}/api/…")

The test process cannot touch that database, as its own Django is bound to another. What a test
needs there is a function of an importable module, called by name in a warm process beside the
server: `server.call("module:function", **arguments)`, with arguments and result as JSON.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
DAPHNE = ("-m", "daphne", "-b", "127.0.0.1", "-p", "{port}", "be.asgi:application")
UVICORN = ("-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}", "be.asgi:application")
SERVERS = {"daphne": DAPHNE, "uvicorn": UVICORN}

SECONDS_TO_START = 30.0
SECONDS_TO_STOP = 15.0
# Set by whoever runs the tests, for the tests' own database and bus.
NOT_INHERITED = ("DATABASE_URL", "REDIS_URL", "REDIS_HOST", "DJANGO_SETTINGS_MODULE", "DEBUG")


class LiveServer:
    """A server on a free port of 127.0.0.1, on SQLite and the embedded layer in `directory`.

    `env` adds to or overrides the server's environment, `DATABASE_URL` and `REDIS_URL` included;
    `command` are Python's arguments, `{port}` in them is filled in. Used as a context manager it
    migrates the database, starts, and ends everything it started.
    """

    def __init__(
        self,
        directory: Path,
        *,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] = DAPHNE,
    ) -> None:
        self.directory = directory
        self.port = free_port()
        self.env = {
            **{name: value for name, value in os.environ.items() if name not in NOT_INHERITED},
            "DJANGO_SETTINGS_MODULE": "be.settings",
            "ENV_FILE": os.devnull,
            "VAR_DIR": str(directory / "var"),
            "DATABASE_URL": f"sqlite:///{directory / 'test.sqlite3'}",
            "PYTHONUNBUFFERED": "1",
            "PUBLIC_URL": f"http://localhost:{self.port}",  # passkeys need a name
            **(env or {}),
        }
        self._command = [part.format(port=self.port) for part in command]
        self._log = directory / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._helper: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._spawn()  # side by side: starting Django takes longer than all the rest
        self.call(f"{__name__}:migrate")
        self._wait_for_port()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/market-data/"

    @property
    def output(self) -> str:
        """All that the server has printed and logged, over all its starts."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, "The server is not running."
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until the port answers."""
        self._spawn()
        self._wait_for_port()

    def stop(self) -> int:
        """Ask it to end (SIGTERM), wait for that, and return its exit status."""
        process, self._process = self._process, None
        assert process is not None, "The server is not running."
        process.terminate()
        try:
            return process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would."""
        process, self._process = self._process, None
        assert process is not None, "The server is not running."
        process.kill()
        process.wait()

    def close(self) -> None:
        """End whatever runs: the server, if it still does, and the helper of `call`."""
        helper, self._helper = self._helper, None
        if helper is not None:
            with helper:
                helper.kill()
        if self._process is not None:
            self.stop()

    def manage(self, *args: str) -> str:
        """Run a management command in the server's environment; what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *args],
            cwd=ROOT,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"manage.py {' '.join(args)} failed:\n{done.stderr}"
        return done.stdout

    def call(self, function: str, /, **arguments: Any) -> Any:
        """Call `module:function` in the server's environment, where its database is."""
        if self._helper is None:
            self._helper = subprocess.Popen(
                [sys.executable, "-m", __name__],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._helper.stdin is not None
        assert self._helper.stdout is not None
        print(json.dumps([function, arguments]), file=self._helper.stdin, flush=True)
        answer = json.loads(self._helper.stdout.readline() or '{"error": "The helper died."}')
        assert "error" not in answer, f"{function}:\n{answer['error']}"
        return answer["result"]

    def _spawn(self) -> None:
        assert self._process is None, "The server is running already."
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self._command],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _wait_for_port(self) -> None:
        deadline = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                break
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        self.kill()
        raise AssertionError(f"The server did not start:\n{self.output}")


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def migrate() -> None:
    """Create or update the tables of the database at hand."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def serve_calls() -> None:
    """The helper process of `call`: one call and one answer a line."""
    import traceback

    import django

    # What is called may print: only answers go to the real output.
    answers, sys.stdout = sys.stdout, sys.stderr
    django.setup()
    for line in sys.stdin:
        name, arguments = json.loads(line)
        module, _, function = name.partition(":")
        try:
            result = {"result": getattr(import_module(module), function)(**arguments)}
        except Exception:  # noqa: BLE001 - reported to the test, whatever it is
            result = {"error": traceback.format_exc()}
        print(json.dumps(result), file=answers, flush=True)


if __name__ == "__main__":
    serve_calls()
