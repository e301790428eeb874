"""manage.py run_broker: the whole broker in one command."""

import ctypes
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from be.database.base_commands import PlainCommand
from be.management.ports import require_free_port

SECONDS_TO_START = 60
SECONDS_TO_STOP = 12  # a little longer than the server gives its open requests
PR_SET_PDEATHSIG = 1  # <sys/prctl.h>


class Command(PlainCommand):
    help = "Prepare the database, then run the server and the exchange simulator until Ctrl+C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        if settings.DEBUG:  # so that links in mails lead here
            os.environ.setdefault("PUBLIC_URL", f"http://localhost:{port}")
        require_free_port(host, port)
        call_command("migrate", verbosity=0)
        self.stdout.write("Database ready.")
        call_command("seed_market", stdout=self.stdout)
        stop = StopSignal()
        # -v 0: the handler's own line for a request has the request id, Daphne's has not.
        serve = ("-m", "daphne", "-v", "0", "-b", host, "-p", str(port), "be.asgi:application")
        processes = {
            "server": start(*serve),
            "simulator": start("manage.py", "run_exchange_simulator", "--plain"),
        }
        try:
            self._wait_until_served(host, port, processes, stop)
            if not stop.received:
                self._print_addresses(port)
            failed = watch(processes, stop)
        finally:
            end(processes)
        if failed:
            raise CommandError(f"The {failed} ended by itself; see its messages above.")
        self.stdout.write("Stopped.")

    def _wait_until_served(
        self,
        host: str,
        port: int,
        processes: dict[str, "subprocess.Popen[bytes]"],
        stop: "StopSignal",
    ) -> None:
        deadline = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < deadline and not stop.received:
            if any(process.poll() is not None for process in processes.values()):
                return
            if answers(f"http://{reachable(host)}:{port}/api/exchange/api/v1/status/"):
                return
            time.sleep(0.2)

    def _print_addresses(self, port: int) -> None:
        lines = [
            "",
            f"  BrokerPro runs at   http://localhost:{port}/",
            f"  API documentation   http://localhost:{port}/api/docs/",
            f"  Admin               http://localhost:{port}/admin/",
        ]
        if settings.DEBUG:
            lines += [
                "",
                f"  Demo customer       {settings.DEMO_EMAIL}  {settings.DEMO_PASSWORD}",
                f"  Administrator       {settings.ADMIN_EMAIL}  {settings.ADMIN_PASSWORD}",
            ]
        self.stdout.write("\n".join([*lines, "", "  Ctrl+C stops everything.", ""]))
        self.stdout.flush()


class StopSignal:
    """Remembers that Ctrl+C, a SIGTERM or the end of the terminal came."""

    def __init__(self) -> None:
        self.received = False
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, self._on_signal)

    def _on_signal(self, *_: object) -> None:
        self.received = True


def start(*arguments: str) -> "subprocess.Popen[bytes]":
    """A child in its own session: Ctrl+C reaches only this process, which ends its children."""
    return subprocess.Popen(  # noqa: S603 - our own interpreter with our own arguments
        [sys.executable, *arguments],
        cwd=settings.BASE_DIR,
        env=os.environ,
        start_new_session=True,
        preexec_fn=end_with_parent,  # noqa: PLW1509 - no thread runs here yet
    )


def end_with_parent() -> None:
    """In a child, on Linux: get a SIGTERM when the parent dies, even by SIGKILL."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def reachable(host: str) -> str:
    """The host part of a URL that reaches a server bound to `host` from this machine."""
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound here
    return f"[{here}]" if ":" in here else here


def answers(url: str) -> bool:
    """Whether a server answers there. The Host header is one that ALLOWED_HOSTS allows."""
    name = next(iter(settings.ALLOWED_HOSTS), "localhost").removeprefix(".")
    request = urllib.request.Request(url, headers={"Host": name})  # noqa: S310 - our own address
    try:
        with urllib.request.urlopen(request, timeout=2):  # noqa: S310
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def watch(processes: dict[str, "subprocess.Popen[bytes]"], stop: StopSignal) -> str | None:
    """Wait for a signal; returns the name of a process that ended before one came."""
    while not stop.received:
        for name, process in processes.items():
            if process.poll() is not None:
                return name
        time.sleep(0.2)
    return None


def end(processes: dict[str, "subprocess.Popen[bytes]"]) -> None:
    """Terminate all, the simulator first, and kill those that don't end in time."""
    for process in reversed(processes.values()):
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + SECONDS_TO_STOP
    for process in processes.values():
        try:
            process.wait(timeout=max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
