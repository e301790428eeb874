"""What work costs: CPU time here, CPU time of the database's processes, time on the clock."""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

Work = Callable[[], int]

NANOSECONDS = 10**9
TURNS = int(os.environ.get("BENCH_TURNS", "7"))


@dataclass(frozen=True, slots=True)
class Rates:
    """Units of work: a CPU-second here, a CPU-second here or in the database, a second."""

    here: float
    together: float
    clock: float

    def to(self, other: Self) -> "Rates":
        return Rates(
            self.here / other.here, self.together / other.together, self.clock / other.clock
        )


def measure(work: Work, backends: Sequence[int] = ()) -> Rates:
    """Do the work once. `backends` are the database's processes that work for it."""
    here, there, clock = time.process_time(), _cpu_of(backends), time.perf_counter()
    done = work()
    here, there = time.process_time() - here, _cpu_of(backends) - there
    return Rates(done / here, done / (here + there), done / (time.perf_counter() - clock))


def _cpu_of(processes: Sequence[int]) -> float:
    """CPU-seconds of these processes; zero for the ones that are not on this machine.

    The scheduler counts nanoseconds; `stat` counts ticks of ten milliseconds, and a turn has few.
    """
    return sum(_nanoseconds(pid) for pid in processes) / NANOSECONDS


def _nanoseconds(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
    except OSError:
        return 0


def compare(
    works: Sequence[Work], *, backends: Sequence[int] = (), turns: int = TURNS
) -> list[Rates]:
    """Do all of them in turn, several times over; the median rates of each."""
    for work in works:  # warm up
        work()
    taken = [[measure(work, backends) for work in works] for _ in range(turns)]
    return [median([turn[number] for turn in taken]) for number in range(len(works))]


def median(rates: Sequence[Rates]) -> Rates:
    return Rates(
        statistics.median(each.here for each in rates),
        statistics.median(each.together for each in rates),
        statistics.median(each.clock for each in rates),
    )
