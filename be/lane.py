"""A lane: a fixed number of threads, and a bounded line of work that waits for one of them."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Overloaded(Exception):
    """The line is full, or the work has waited in it for too long. It has not begun."""


class _Late(Generic[T]):
    """Work that is not begun any more once `deadline` (of the monotonic clock) has passed."""

    __slots__ = ("_deadline", "_work")

    def __init__(self, work: Callable[[], T], deadline: float) -> None:
        self._work = work
        self._deadline = deadline

    def __call__(self) -> T:
        if time.monotonic() > self._deadline:
            raise Overloaded
        return self._work()


class Lane:
    """Runs work in its `threads`, which live as long as the process does.

    At most `line` more pieces of work wait for a thread, none for longer than `seconds`. What is
    beyond that is refused rather than queued: whoever asked can come again, or go elsewhere.
    """

    def __init__(
        self,
        *,
        name: str,
        threads: int,
        line: int,
        seconds: float,
        begin: Callable[[], object] | None = None,
    ) -> None:
        """`begin` is what each thread does first."""
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name, initializer=begin)
        self._places = threading.Semaphore(threads + line)
        self._seconds = seconds

    async def run(self, work: Callable[[], T]) -> T:
        """Do the work in a thread and return what it returns. Raises Overloaded.

        Cancelling takes the work out of the line; work that has begun is carried out regardless.
        """
        if not self._places.acquire(blocking=False):
            raise Overloaded
        future = self._threads.submit(_Late(work, time.monotonic() + self._seconds))
        # Also when it is canceled in the line; and never before a thread is really free.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)
