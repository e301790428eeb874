"""What a credential costs: an API key beside an access token, and 200 sign-ins beside reads.

The server runs on a core of its own. A request by API key and one by token are measured in
interleaved turns, in CPU-seconds of the server. Then reads come at a steady rate, in turns with and
without 200 customers who sign in at once; compared is the 99th percentile.
"""

import json
import os
import statistics
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import http
from bench.keys import KEYS
from bench.servers import Server, running

TURNS = int(os.environ.get("BENCH_CREDENTIAL_TURNS", "7"))
REQUESTS = int(os.environ.get("BENCH_CREDENTIAL_REQUESTS", "1000"))
SIGN_INS = 200
PATHS = {
    "balances": "/api/banking/balances/",
    "prices": "/api/exchange/api/v1/market-data/current_prices/?symbols=AAPL",
}
CREDENTIALS = ("token", "key")

Write = Callable[[str], object]


def run(write: Write) -> None:
    """Measure on SQLite, and on PostgreSQL if BENCH_DATABASE_URL names one."""
    with tempfile.TemporaryDirectory() as folder:
        _run_on("SQLite", Path(folder), "", write)
    if url := os.environ.get("BENCH_DATABASE_URL", ""):
        with tempfile.TemporaryDirectory() as folder, http.database(url) as own:
            _run_on("PostgreSQL", Path(folder), own, write)


def _run_on(name: str, folder: Path, url: str, write: Write) -> None:
    env = {
        **os.environ,
        **KEYS,
        "PYTHONPATH": str(http.ROOT),
        "ENV_FILE": os.devnull,
        "VAR_DIR": str(folder),
        "DATABASE_URL": url,
        "REDIS_URL": os.environ.get("BENCH_REDIS_URL", "") if url else "",
        "DEBUG": "false",
        "ALLOWED_HOSTS": "localhost",
        "SECURE_SSL_REDIRECT": "false",
        "LOG_LEVEL": "ERROR",
        "ACCESS_TOKEN_LIFETIME_SECONDS": "86400",
        "PYTHONWARNINGS": "ignore",
    }
    http.run_python("-m", "bench.credentials_scene", str(folder), env=env)
    with ExitStack() as stack:
        module = (*http.DAPHNE, http.OURS)
        server = stack.enter_context(running("ours", module, env, folder / "server.log"))
        for what, path in PATHS.items():
            _compare_credentials(f"{name}, {what}", path, server, folder, env, write)
        _compare_sign_ins(name, server, folder, env, write)


def _compare_credentials(
    name: str, path: str, server: Server, folder: Path, env: dict[str, str], write: Write
) -> None:
    costs: dict[str, list[float]] = {credential: [] for credential in CREDENTIALS}
    for turn in range(TURNS + 1):
        for credential in CREDENTIALS if turn % 2 else CREDENTIALS[::-1]:
            cost = _cost(server, folder / credential, path, env)
            if turn:  # the first warms up
                costs[credential].append(cost)
    ratio = statistics.median(
        key / token for token, key in zip(costs["token"], costs["key"], strict=True)
    )
    each = ", ".join(
        f"{credential} {statistics.median(costs[credential]) * 1e6:,.0f} µs"
        for credential in CREDENTIALS
    )
    write(f"{name}: {each} of CPU; key / token: {ratio:.3f}\n")


def _cost(server: Server, file: Path, path: str, env: dict[str, str]) -> float:
    """CPU-seconds of the server for a response."""
    before = server.cpu_seconds()
    load = ("-m", "bench.read_load", str(server.port), str(file), path, str(REQUESTS))
    kinds = json.loads(http.run_python(*load, env=env))
    if kinds != {"200": REQUESTS}:
        raise RuntimeError(f"not all responses are right: {kinds}")
    return (server.cpu_seconds() - before) / REQUESTS


def _compare_sign_ins(
    name: str, server: Server, folder: Path, env: dict[str, str], write: Write
) -> None:
    turns: dict[int, list[dict[str, Any]]] = {0: [], SIGN_INS: []}
    for _ in range(TURNS):
        for count, results in turns.items():
            load = ("-m", "bench.sign_ins", str(server.port), str(folder / "token"), str(count))
            results.append(json.loads(http.run_python(*load, env=env)))
    for kind in ("p50", "p99"):
        alone, beside = ([each[kind] for each in turns[count]] for count in turns)
        ratio = statistics.median(b / a for a, b in zip(alone, beside, strict=True))
        write(
            f"{name}, reads {kind}: {statistics.median(alone):.1f} ms alone, "
            f"{statistics.median(beside):.1f} ms beside {SIGN_INS} sign-ins; {ratio:.2f}\n"
        )
    last = turns[SIGN_INS][-1]
    write(f"{name}, the last turn: {last}\n")


if __name__ == "__main__":
    import sys

    run(sys.stdout.write)
