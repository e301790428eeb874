"""Orders over HTTP: ours beside the same writes in FastAPI, and beside plain Django.

Each server runs on a core of its own, and a separate process generates the load. The figures are
responses per CPU-second of the server's process, in interleaved turns. The database is a new one on
the server that BENCH_DATABASE_URL names.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg

from bench.keys import KEYS
from bench.servers import OTHER_CORES, Server, pinned, running

ROOT = Path(__file__).resolve().parents[1]
TURNS = int(os.environ.get("BENCH_HTTP_TURNS", "5"))
REQUESTS = {"orders": int(os.environ.get("BENCH_HTTP_REQUESTS", "400"))}
REQUESTS["prices"] = REQUESTS["orders"]
DAPHNE = ("-m", "daphne", "-b", "127.0.0.1", "-p", "{port}", "-v", "0")
UVICORN = ("-m", "uvicorn", "--port", "{port}", "--no-access-log", "--log-level", "error")
OURS = "be.asgi:application"
PLAIN_DJANGO = "bench.plain_django:application"
FASTAPI = "bench.fastapi_route:application"
SERVERS: tuple[tuple[str, Sequence[str]], ...] = (
    ("ours, Daphne", (*DAPHNE, OURS)),
    ("ours, uvicorn", (*UVICORN, "--lifespan", "off", OURS)),
    ("FastAPI, uvicorn", (*UVICORN, FASTAPI)),
    ("stock Django, Daphne", (*DAPHNE, PLAIN_DJANGO)),
)
COMPARED = (
    ("orders", "ours, Daphne", "FastAPI, uvicorn"),
    ("orders", "ours, uvicorn", "FastAPI, uvicorn"),
    ("orders", "ours, Daphne", "stock Django, Daphne"),
    ("prices", "ours, Daphne", "stock Django, Daphne"),
)

Rates = dict[tuple[str, str], list[float]]


def run(write: Callable[[str], object]) -> None:
    """Measure and write the results, or one line that says what is missing."""
    url = os.environ.get("BENCH_DATABASE_URL", "")
    if not url:
        write("orders over HTTP: left out; name a PostgreSQL in BENCH_DATABASE_URL\n")
        return
    with tempfile.TemporaryDirectory() as folder, database(url) as own:
        rates = _measure(Path(folder), _environment(own, Path(folder)))
    for (what, name), each in rates.items():
        write(f"{what:<7} {name:<22} {statistics.median(each):>9,.0f} a CPU-second\n")
    write("\n")
    for what, mine, other in COMPARED:
        pairs = zip(rates[what, mine], rates[what, other], strict=True)
        ratio = statistics.median(one / another for one, another in pairs)
        write(f"{what:<7} {mine} / {other}: {ratio:.2f}\n")


@contextmanager
def database(url: str, *, copy_of: str = "") -> Iterator[str]:
    """The URL of a new database on the server of `url`; dropped afterwards.

    It is empty, or a copy of the one at the URL `copy_of`, to which nobody may be connected.
    """
    name = f"bench_{uuid4().hex[:12]}"
    template = f' TEMPLATE "{urlsplit(copy_of).path[1:]}"' if copy_of else ""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"{template}'.encode())
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def _environment(url: str, folder: Path) -> dict[str, str]:
    """Settings as in production, except that quotes and tokens do not expire."""
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        "PYTHONPATH": str(ROOT),
        "ENV_FILE": os.devnull,
        "VAR_DIR": str(folder),
        "DATABASE_URL": url,
        "REDIS_URL": os.environ.get("BENCH_REDIS_URL", ""),
        "DEBUG": "false",
        "REQUIRE_VERIFIED_EMAIL": "false",
        **KEYS,
        "ALLOWED_HOSTS": "localhost",
        "SECURE_SSL_REDIRECT": "false",
        "LOG_LEVEL": "ERROR",
        "QUOTE_MAX_AGE_SECONDS": "1000000000",
        "ACCESS_TOKEN_LIFETIME_SECONDS": "86400",
        "BENCH_SCENE": str(folder / "scene"),
        "PYTHONWARNINGS": "ignore",
    }


def _measure(folder: Path, env: dict[str, str]) -> Rates:
    run_python("-m", "bench.market", env["BENCH_SCENE"], env=env)
    rates: Rates = {}
    with ExitStack() as stack:
        servers = [
            stack.enter_context(running(name, module, env, folder / f"server{number}.log"))
            for number, (name, module) in enumerate(SERVERS)
        ]
        wanted = {(what, name) for what, *names in COMPARED for name in names}
        cases = [
            (what, server)
            for what in REQUESTS
            for server in servers
            if (what, server.name) in wanted
        ]
        for what, server in cases:
            _rate(what, server, env)  # warm up
        for _ in range(TURNS):
            for what, server in cases:
                rates.setdefault((what, server.name), []).append(_rate(what, server, env))
    return rates


def _rate(what: str, server: Server, env: dict[str, str]) -> float:
    """Responses per CPU-second of the server."""
    requests = REQUESTS[what]
    before = server.cpu_seconds()
    load = ("-m", "bench.load", env["BENCH_SCENE"], str(server.port), what, str(requests))
    well = int(run_python(*load, env=env))
    if well != requests:
        raise RuntimeError(f"{server.name} answered {requests - well} of {requests} wrongly")
    return requests / (server.cpu_seconds() - before)


def run_python(*arguments: str, env: dict[str, str]) -> str:
    """What a Python process prints, which runs beside the measured servers' core."""
    done = subprocess.run(
        [*pinned(OTHER_CORES), sys.executable, *arguments],
        env=env,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return done.stdout


if __name__ == "__main__":
    run(sys.stdout.write)
