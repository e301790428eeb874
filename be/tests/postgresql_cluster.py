"""A PostgreSQL server for one test, which the test may kill.

with Cluster() as cluster:
    LiveServer(tmp_path, env={"DATABASE_URL": cluster.url})
    cluster.kill()
    cluster.start()
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psycopg

from exchange.tests.server import free_port

SECONDS_TO_START = 30.0


def binaries() -> Path | None:
    """Where initdb and postgres are, of the newest version installed; None without them."""
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    found = shutil.which("initdb") or (installed[-1] if installed else None)
    return Path(found).parent if found else None


class Cluster:
    """One PostgreSQL server on a free port of 127.0.0.1, with its files in a new folder of /tmp.

    PostgreSQL refuses to run as root; it then runs as `postgres`, or as `nobody`.
    """

    def __init__(self, **settings: object) -> None:
        """With these settings of the server, as `max_connections=12`."""
        programs = binaries()
        assert programs is not None, "PostgreSQL is not installed."
        self._programs = programs
        self._settings = settings
        self._port = free_port()
        self._as: dict[str, Any] = _not_root()
        self._postmaster: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        # A short path: a socket's may not be longer than 107 characters.
        self._directory = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        try:
            if self._as:
                shutil.chown(self._directory, self._as["user"])
            subprocess.run(
                [
                    *(str(self._programs / "initdb"), "-D", str(self._directory / "data")),
                    *("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"),
                    "--no-sync",
                ],
                check=True,
                capture_output=True,
                cwd="/",
                **self._as,
            )
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._postmaster is not None:
            self.kill()
        shutil.rmtree(self._directory)

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start, recovering from a kill if need be, and wait until it takes connections."""
        settings = {
            "port": self._port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._directory,
            **self._settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self._directory / "log").open("ab") as log:
            self._postmaster = subprocess.Popen(
                [str(self._programs / "postgres"), "-D", str(self._directory / "data"), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                **self._as,
            )
        deadline = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < deadline and self._postmaster.poll() is None:
            with suppress(psycopg.OperationalError), psycopg.connect(self.url):
                return
            time.sleep(0.1)
        raise AssertionError((self._directory / "log").read_text(errors="replace"))

    def kill(self) -> None:
        """End the postmaster and all its children at once (SIGKILL)."""
        process, self._postmaster = self._postmaster, None
        assert process is not None, "The cluster is not running."
        process.send_signal(signal.SIGSTOP)  # it could replace a child that is killed first
        children = subprocess.run(
            ["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False
        ).stdout.split()
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        process.kill()
        process.wait()


def _not_root() -> dict[str, Any]:
    """Arguments for subprocess that make root somebody else."""
    if os.getuid() != 0:
        return {}
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in known else "nobody")
    return {"user": user.pw_name, "group": user.pw_gid, "extra_groups": []}
