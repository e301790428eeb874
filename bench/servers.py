"""Starting the measured servers on a core of their own, and reading their CPU time and memory."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SECONDS_TO_START = 60
TICKS = os.sysconf("SC_CLK_TCK")
# The server has the first core; the load generator and the database have the others.
CORES = os.cpu_count() or 1
SERVER_CORE = "0"
OTHER_CORES = f"1-{CORES - 1}" if CORES > 1 else "0"


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """The CPU time of the process: all its threads, in user and system mode."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident_bytes(self) -> int:
        """Its resident memory now."""
        return self._status("VmRSS")

    def peak_bytes(self) -> int:
        """Its highest resident memory so far."""
        return self._status("VmHWM")

    def _status(self, name: str) -> int:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        line = next(line for line in lines if line.startswith(f"{name}:"))
        return int(line.split()[1]) * 1024


def pinned(cores: str) -> list[str]:
    """The prefix of a command that keeps it on these cores."""
    taskset = shutil.which("taskset")
    return [taskset, "--cpu-list", cores] if taskset else []


@contextmanager
def running(
    name: str, module: Sequence[str], env: Mapping[str, str], log: Path, root: Path | None = None
) -> Iterator[Server]:
    """A Python module as a server, in the folder `root`; `{port}` in its arguments is filled in."""
    port = free_port()
    arguments = [part.format(port=port) for part in module]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*pinned(SERVER_CORE), sys.executable, *arguments],
            env=env,
            cwd=root,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            _wait(process, port, log)
            yield Server(name, port, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"a server did not start:\n{log.read_text(errors='replace')}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
