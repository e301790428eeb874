"""A thread pool with a bounded queue, which refuses work that would wait too long."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Overloaded(Exception):
    """The queue is full, or the work has waited in it too long. The work has not begun."""


class _WithDeadline(Generic[T]):
    """Work that no longer begins once `deadline` (of the monotonic clock) has passed."""

    __slots__ = ("_deadline", "_work")

    def __init__(self, work: Callable[[], T], deadline: float) -> None:
        self._work = work
        self._deadline = deadline

    def __call__(self) -> T:
        if time.monotonic() > self._deadline:
            raise Overloaded
        return self._work()


class ThreadPool:
    """Runs work in a fixed number of threads, which live as long as the process does.

    At most `queue` further calls wait for a thread, none of them longer than `seconds`. Beyond that
    work is refused: the client can try again, or ask another server.
    """

    def __init__(
        self,
        *,
        name: str,
        threads: int,
        queue: int,
        seconds: float,
        initializer: Callable[[], object] | None = None,
    ) -> None:
        """Each thread calls `initializer` first."""
        self._threads = ThreadPoolExecutor(
            threads, thread_name_prefix=name, initializer=initializer
        )
        self._places = threading.Semaphore(threads + queue)
        self._seconds = seconds

    async def run(self, work: Callable[[], T]) -> T:
        """Do the work in a thread and return what it returns. Raises Overloaded.

        Cancelling takes the work out of the queue; work that has begun is carried out regardless.
        """
        if not self._places.acquire(blocking=False):
            raise Overloaded
        future = self._threads.submit(_WithDeadline(work, time.monotonic() + self._seconds))
        # Also after it was canceled in the queue, and never before the thread is free again.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)
