"""Processes that run beside a server under test."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from exchange.tests.server import ROOT, LiveServer


@contextmanager
def running(server: LiveServer, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A Python process in the server's environment, ended (SIGTERM) at the end."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=server.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def finished(server: LiveServer, *arguments: str, timeout: float = 120) -> tuple[int, str]:
    """Run a Python process to its end in the server's environment: (exit status, output)."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=server.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
    return done.returncode, done.stdout
