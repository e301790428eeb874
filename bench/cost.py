"""The cost of work: CPU time of this process, of the database's processes, and elapsed time."""

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
    """Units of work: per CPU-second here, per CPU-second here and in the database, per second."""

    here: float
    together: float
    clock: float

    def to(self, other: Self) -> "Rates":
        return Rates(
            self.here / other.here, self.together / other.together, self.clock / other.clock
        )


def measure(work: Work, backends: Sequence[int] = ()) -> Rates:
    """Do the work once. `backends` are the process ids of its database connections."""
    here, there, clock = time.process_time(), cpu_of(backends), time.perf_counter()
    done = work()
    here, there = time.process_time() - here, cpu_of(backends) - there
    return Rates(done / here, done / (here + there), done / (time.perf_counter() - clock))


def cpu_of(processes: Sequence[int]) -> float:
    """CPU-seconds of the threads of these processes; zero for those not on this machine.

    From the scheduler, which counts nanoseconds. `stat` counts ticks of ten milliseconds, which is
    too coarse for a turn.
    """
    return sum(_nanoseconds(pid) for pid in processes) / NANOSECONDS


def _nanoseconds(pid: int) -> int:
    try:
        threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads)
    except OSError:
        return 0


def compare(
    works: Sequence[Work], *, backends: Sequence[int] = (), turns: int = TURNS
) -> list[Rates]:
    """Do all of them in turn, several times; returns the median rates of each."""
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
