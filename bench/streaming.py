"""Rounds of prices to many sockets: ours beside the least possible cost, and beside Channels.

Every server runs on a core of its own, over a Redis that this module starts. One process on another
core publishes the rounds and reads the frames, and reports how busy it was. The figures are frames
delivered per CPU-second of the server's process, in interleaved turns. The frames of a round that
is sent symbol by symbol count as one.
"""

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from bench.http import DAPHNE, ROOT, UVICORN
from bench.keys import KEYS
from bench.servers import OTHER_CORES, TICKS, Server, free_port, pinned, running

SOCKETS = int(os.environ.get("BENCH_SOCKETS", "1000"))
TURNS = int(os.environ.get("BENCH_SOCKET_TURNS", "3"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "100"))
MANY = int(os.environ.get("BENCH_MANY_SOCKETS", "5000"))
MANY_SECONDS = int(os.environ.get("BENCH_MANY_SECONDS", "60"))
RATE = 20.0
PER_USER = 20
SYMBOLS = 26
OURS = "be.asgi:application"
PLAIN_CHANNELS = "bench.plain_channels:application"
LIMITS = ("-m", "bench.socket_limits")

Write = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Case:
    """A server, and how rounds are published to it."""

    name: str
    module: Sequence[str]
    style: str
    rounds: int
    count: int = SYMBOLS
    distinct: bool = False


OURS_UVICORN = (*UVICORN, "--lifespan", "off", OURS)
PLAIN_UVICORN = (*UVICORN, "--lifespan", "off", "--ws-per-message-deflate", "false", PLAIN_CHANNELS)
LOOP = Case("bare transport.write", (*LIMITS, "transport", "{port}"), "floor", ROUNDS)
BROADCAST = Case("websockets.broadcast", (*LIMITS, "broadcast", "{port}"), "floor", ROUNDS)
HUB = Case("ours, uvicorn", OURS_UVICORN, "hub", ROUNDS)
HUB_DAPHNE = Case("ours, Daphne", (*DAPHNE, OURS), "hub", ROUNDS)
HALF = Case("ours, uvicorn, 13 symbols, all alike", OURS_UVICORN, "hub", ROUNDS, 13)
DISTINCT = Case("ours, uvicorn, 13 symbols, all different", OURS_UVICORN, "hub", ROUNDS, 13, True)
BATCHED = Case("group_send a round, uvicorn", PLAIN_UVICORN, "batched", max(ROUNDS // 10, 2))
BATCHED_DAPHNE = Case(
    "group_send a round, Daphne", (*DAPHNE, PLAIN_CHANNELS), "batched", max(ROUNDS // 10, 2)
)
SINGLE = Case("group_send a symbol, uvicorn", PLAIN_UVICORN, "single", max(ROUNDS // 50, 1))
CASES = (LOOP, BROADCAST, HUB, HUB_DAPHNE, HALF, DISTINCT, BATCHED, BATCHED_DAPHNE, SINGLE)
COMPARED = (
    (HUB, BROADCAST),
    (HUB, LOOP),
    (HUB, BATCHED),
    (HUB, SINGLE),
    (HUB_DAPHNE, BATCHED_DAPHNE),
    (HUB_DAPHNE, BATCHED),
    (DISTINCT, HALF),
)


@dataclass(frozen=True, slots=True)
class Place:
    """The folder, Redis and environment of a run."""

    folder: Path
    redis: str
    env: Mapping[str, str]

    @property
    def scene(self) -> str:
        return str(self.folder / "crowd.json")


def run(write: Write, *parts: str) -> None:
    """Measure and write the results of all PARTS, or of those that are named."""
    if shutil.which("redis-server") is None:
        write("sockets: left out; install redis-server\n")
        return
    with tempfile.TemporaryDirectory() as folder, _redis() as url:
        place = Place(Path(folder), url, _environment(Path(folder), url))
        users = max(SOCKETS, MANY) // PER_USER + 1
        _python("-m", "bench.socket_users", place.scene, str(users), env=place.env)
        for part in parts or PARTS:
            PARTS[part](place, write)


@contextmanager
def _redis() -> Iterator[str]:
    port = free_port()
    command = [*pinned(OTHER_CORES), "redis-server", "--port", str(port), "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            while process.poll() is None:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.kill()


def _environment(folder: Path, redis: str) -> dict[str, str]:
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        "PYTHONPATH": str(ROOT),
        "ENV_FILE": os.devnull,
        "VAR_DIR": str(folder),
        "REDIS_URL": redis,
        "DEBUG": "false",
        "REQUIRE_VERIFIED_EMAIL": "false",
        **KEYS,
        "ALLOWED_HOSTS": "localhost",
        "LOG_LEVEL": "ERROR",
        "ACCESS_TOKEN_LIFETIME_SECONDS": "86400",
        "PYTHONWARNINGS": "ignore",
    }


class _Listeners:
    """The load generator: a process whose sockets are open, ready to publish its rounds."""

    def __init__(self, place: Place, server: Server, case: Case, **changed: Any) -> None:
        _Listeners.first += 10_000
        self.name = case.name
        plan = {
            "port": server.port,
            "sockets": SOCKETS,
            "stalled": 0,
            "rounds": case.rounds,
            "rate": RATE,
            "style": case.style,
            "count": case.count,
            "distinct": case.distinct,
            "group": f"{_prefix(case)}__group__brokerpro.stream",
            "redis": place.redis,
            "scene": place.scene,
            "first": _Listeners.first,
            "at_once": 50,
            **changed,
        }
        self.process = subprocess.Popen(
            [*pinned(OTHER_CORES), sys.executable, "-m", "bench.listeners"],
            cwd=ROOT,
            env=dict(place.env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._say(json.dumps(plan))
        self.opened = self._read()

    first = 10_000_000

    def run(self) -> dict[str, Any]:
        self._say("go")
        return self._read()

    def close(self) -> None:
        with self.process:
            self.process.kill()

    def _say(self, line: str) -> None:
        pipe = cast(IO[str], self.process.stdin)
        pipe.write(line + "\n")
        pipe.flush()

    def _read(self) -> dict[str, Any]:
        line = cast(IO[str], self.process.stdout).readline()
        if not line:
            raise RuntimeError(f"the listeners of {self.name} have died")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _prefix(case: Case) -> str:
    """The channel prefix of a server, since all of them share one Redis."""
    return "".join(letter for letter in " ".join(case.module) if letter.isalnum())


@contextmanager
def _serving(place: Place, case: Case) -> Iterator[Server]:
    env = {**place.env, "CHANNEL_PREFIX": _prefix(case)}
    with running(case.name, case.module, env, place.folder / "server.log") as server:
        yield server


@contextmanager
def _listening(place: Place, server: Server, case: Case, **changed: Any) -> Iterator[_Listeners]:
    listeners = _Listeners(place, server, case, **changed)
    try:
        yield listeners
    finally:
        listeners.close()


def _measure(
    place: Place, server: Server, case: Case, **changed: Any
) -> tuple[float, dict[str, Any]]:
    """Rounds delivered to a socket per CPU-second of the server, and the listeners' figures."""
    with _listening(place, server, case, **changed) as listeners:
        time.sleep(0.5)  # until the server has finished opening sockets
        before = server.cpu_seconds()
        seen = listeners.run()
        cpu = max(server.cpu_seconds() - before, 1 / TICKS)
    seen["cpu"] = cpu / seen["seconds"]
    rounds = seen["frames"] / (case.count if case.style == "single" else 1)
    return rounds / cpu, seen


# Frames per CPU-second ---------------------------------------------------------------------------


def _compare(place: Place, write: Write) -> None:
    rates: dict[Case, list[float]] = {case: [] for case in CASES}
    seen: dict[Case, list[dict[str, Any]]] = {case: [] for case in CASES}
    with ExitStack() as stack:
        modules = {case.module: case for case in CASES}
        servers = {
            module: stack.enter_context(_serving(place, case)) for module, case in modules.items()
        }
        for case in CASES:
            _measure(place, servers[case.module], case, rounds=2, sockets=min(SOCKETS, 100))
        for _ in range(TURNS):
            for case in CASES:
                rate, each = _measure(place, servers[case.module], case)
                rates[case].append(rate)
                seen[case].append(each)
    write(f"\n{SOCKETS} sockets, {RATE:g} rounds/s of {SYMBOLS} symbols, medians of {TURNS}\n")
    write(f"{'':<42}rounds/CPU-s       p50       p99  server   load   came\n")
    for case in CASES:
        write(f"{case.name:<42}{statistics.median(rates[case]):>12,.0f}{_columns(seen[case])}\n")
    write("\n")
    for mine, other in COMPARED:
        pairs = zip(rates[mine], rates[other], strict=True)
        ratio = statistics.median(one / another for one, another in pairs)
        write(f"{mine.name} / {other.name}: {ratio:.2f}\n")


def _columns(seen: Sequence[Mapping[str, Any]]) -> str:
    def median(name: str) -> float:
        return float(statistics.median(each[name] for each in seen))

    came = min(each["frames"] / each["wanted"] for each in seen)
    return (
        f"{median('p50') * 1000:>8.1f}ms{median('p99') * 1000:>8.1f}ms"
        f"{median('cpu'):>8.0%}{median('load'):>7.0%}{came:>7.0%}"
    )


# Latency -----------------------------------------------------------------------------------------


def _tails(place: Place, write: Write) -> None:
    """Latency from round to client, in more turns, since tails vary from turn to turn."""
    tails: dict[Case, list[float]] = {LOOP: [], HUB: [], HUB_DAPHNE: []}
    with ExitStack() as stack:
        servers = {case: stack.enter_context(_serving(place, case)) for case in tails}
        for case in tails:
            _measure(place, servers[case], case, rounds=2, sockets=min(SOCKETS, 100))
        for _ in range(3 * TURNS):
            for case, each in tails.items():
                each.append(_measure(place, servers[case], case)[1]["p99"])
    write(f"\np99 from round to client, medians of {3 * TURNS}\n")
    for case, each in tails.items():
        ratio = statistics.median(each) / statistics.median(tails[LOOP])
        write(
            f"{case.name:<42}{_ms(each):>10}: x {ratio:.2f} ({min(each) * 1000:.1f} ms at best)\n"
        )


# Readers that stall ------------------------------------------------------------------------------


def _stalled(place: Place, write: Write) -> None:
    """50 readers at 400 rounds/s, alone and beside 50 that read nothing."""
    write("\n50 readers, 400 rounds/s for 5 s, alone and beside 50 that stall\n")
    for case in (HUB, BROADCAST):
        alone: list[float] = []
        beside: list[float] = []
        memory: list[int] = []
        for _ in range(TURNS):
            for stalled, tails in ((0, alone), (50, beside)):
                with _serving(place, case) as server:
                    _, seen = _measure(
                        place, server, case, sockets=50, stalled=stalled, rounds=2000, rate=400.0
                    )
                    tails.append(seen["p99"])
                    memory.append(server.peak_bytes())
        more = statistics.median(memory[1::2]) / statistics.median(memory[::2])
        write(
            f"{case.name:<42}p99 {_ms(alone)} alone, {_ms(beside)} beside: "
            f"x {statistics.median(beside) / statistics.median(alone):.2f}; memory x {more:.2f}\n"
        )


def _ms(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.1f} ms"


# Many sockets ------------------------------------------------------------------------------------


def _many(place: Place, write: Write) -> None:
    write("\n")
    for case in (HUB, HUB_DAPHNE):
        opened = [_open(place, case) for _ in range(TURNS)]
        accepted, subscribed, a_socket = map(statistics.median, zip(*opened, strict=True))
        write(
            f"{case.name}: {SOCKETS} sockets accepted in {accepted:.2f} s, authenticated and "
            f"subscribed in {subscribed:.2f} s; {a_socket / 1024:.1f} KiB a socket\n"
        )
    with _serving(place, HUB) as server:
        _measure(place, server, HUB, sockets=20, rounds=2)
        before = server.resident_bytes()
        _, seen = _measure(place, server, HUB, sockets=MANY, rounds=MANY_SECONDS, rate=1.0)
        peak = server.peak_bytes()
    write(
        f"{HUB.name}: {MANY} sockets, a round a second for {MANY_SECONDS} s: "
        f"{seen['frames'] / seen['wanted']:.1%} of the frames came, {seen['lost']} sockets lost, "
        f"p99 {seen['p99'] * 1000:.0f} ms, server {seen['cpu']:.0%} of a core, "
        f"{(peak - before) / MANY / 1024:.1f} KiB a socket at most\n"
    )


def _open(place: Place, case: Case) -> tuple[float, float, float]:
    """Seconds until all sockets are accepted, and until they are subscribed; bytes per socket."""
    with _serving(place, case) as server:
        _measure(place, server, case, sockets=20, rounds=2)  # code that the first sockets load
        before = server.resident_bytes()
        at_once = SOCKETS if case is HUB else 50  # the length of Daphne's accept queue
        with _listening(place, server, case, at_once=at_once) as listeners:
            a_socket = (server.resident_bytes() - before) / SOCKETS
            return listeners.opened["accepted"], listeners.opened["subscribed"], a_socket


def _python(*arguments: str, env: Mapping[str, str]) -> None:
    subprocess.run([sys.executable, *arguments], cwd=ROOT, env=dict(env), check=True)


PARTS = {"rates": _compare, "tails": _tails, "stalled": _stalled, "many": _many}

if __name__ == "__main__":
    run(sys.stdout.write, *sys.argv[1:])
