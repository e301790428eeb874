"""The cost of work: CPU time of this process, of the database's processes, and elapsed time."""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

Work = Callable[[], int]

# Of the numbers of Linux's clocks, clock_getcpuclockid(3): the CPU time of a whole process.
CPU_CLOCK = 2
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
    """CPU-seconds of these processes so far; zero for those that are not on this machine.

    All threads count, those that have ended too. The kernel's clock of a process counts
    nanoseconds; `stat` counts ticks of ten milliseconds, which is too coarse for a turn.
    """
    return sum(_cpu_clock(pid) for pid in processes)


def _cpu_clock(pid: int) -> float:
    try:
        return time.clock_gettime(~pid << 3 | CPU_CLOCK)
    except OSError:
        return 0.0


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
