"""The one door through which the domain sends anything to sockets.

Whoever has something to tell puts it into a queue and goes on. One thread for each process sends
what is there, in order, over a connection to the channel layer that it keeps. The queue is bounded,
and what the channel layer does not take is dropped: clients see the gap in the sequence and ask
REST.
"""

import asyncio
import atexit
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from channels.layers import get_channel_layer

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)

Document = dict[str, Any]

GROUP = "brokerpro.stream"
ORDERS = "stream.orders"
MAX_WAITING = 5000
# Order updates that wait are sent together, so many at most; the next ones so much later.
MAX_TOGETHER = 100
SECONDS_BETWEEN_SENDS = 0.025
SECONDS_TO_SEND = 5.0
# Older news has been read from the database by whoever cares.
SECONDS_TO_WAIT = 30.0
SECONDS_AT_EXIT = 1.5


def quotes(*, sequence: int, documents: Sequence[Document]) -> None:
    """One message for a whole round of quotes, numbered by the round."""
    _send({"type": "stream.quotes", "sequence": sequence, "quotes": list(documents)})


def order_updates(*, owner_id: UUID, updates: Sequence[Document]) -> None:
    """What happened to one user's orders, oldest first; each update has its own sequence."""
    _send({"type": ORDERS, "owner": str(owner_id), "updates": list(updates)})


def alert(document: Document) -> None:
    """A market alert for everybody: halt, resume, a large move."""
    _send({"type": "stream.alert", "alert": document})


def flush(*, timeout: float) -> bool:
    """Wait until what this process has published so far is sent or dropped; False if not in time.

    For those who end right after: what is still in the queue ends with the process.
    """
    return _publisher.flush(timeout)


def _send(message: Document) -> None:
    """Queue a message, after the commit of what it tells. Never waits, never fails."""
    layer = get_channel_layer()
    if layer is not None:
        _publisher.put(layer, message)


class _Letter:
    """A message on its way to a layer, and until when (of the monotonic clock) it is news."""

    __slots__ = ("layer", "message", "until")

    def __init__(self, layer: Any, message: Document) -> None:
        self.layer = layer
        self.message = message
        self.until = time.monotonic() + SECONDS_TO_WAIT

    def joins(self, other: "_Letter") -> bool:
        """Whether both may be sent as one."""
        return self.layer is other.layer and self.message["type"] == other.message["type"] == ORDERS


class _Publisher:
    """The queue, and the thread that empties it, which starts with the first message."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[_Letter | threading.Event] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._failing = False
        self._full = False

    def put(self, layer: Any, message: Document) -> None:
        if self._queue.qsize() >= MAX_WAITING:
            if not self._full:
                logger.warning("%d messages wait for the channel layer; more are lost", MAX_WAITING)
            self._full = True
            return
        self._full = False
        self._queue.put(_Letter(layer, message))
        if self._thread is None:
            self._start()

    def flush(self, timeout: float) -> bool:
        if self._thread is None:
            return True
        reached = threading.Event()
        self._queue.put(reached)
        return reached.wait(timeout)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        following: _Letter | threading.Event | None = None
        while True:
            first = following or self._queue.get()
            following = None
            if isinstance(first, threading.Event):
                first.set()
                continue
            letters, following = self._together(first)
            self._deliver(letters)
            if following is None and first.message["type"] == ORDERS:
                time.sleep(SECONDS_BETWEEN_SENDS)  # what comes meanwhile goes together

    def _together(self, first: _Letter) -> tuple[list[_Letter], _Letter | threading.Event | None]:
        """What waits and may be sent with the first, and what was taken beyond that."""
        letters = [first]
        try:
            while len(letters) < MAX_TOGETHER:
                following = self._queue.get_nowait()
                if isinstance(following, threading.Event) or not following.joins(first):
                    return letters, following
                letters.append(following)
        except Empty:
            pass
        return letters, None

    def _deliver(self, letters: Sequence[_Letter]) -> None:
        """Send, or drop with one warning until something is taken again.

        Each layer has errors of its own, so all are caught, here and nowhere else.
        """
        messages = [letter.message for letter in letters if time.monotonic() < letter.until]
        if not messages:
            return
        message = (
            messages[0] if len(messages) == 1 else {"type": "stream.batch", "messages": messages}
        )
        try:
            self._send(letters[0].layer, message)
        except Exception as error:  # noqa: BLE001
            if not self._failing:
                logger.warning("the channel layer did not take %s: %r", message["type"], error)
            self._failing = True
        else:
            self._failing = False

    def _send(self, layer: Any, message: Document) -> None:
        """Through an event loop, unless the layer can do without."""
        # The class is asked: that of Redis looks for what it has not got in a running event loop.
        if hasattr(type(layer), "group_send_now"):
            layer.group_send_now(GROUP, message)
        else:
            self._loop.run_until_complete(_group_send(layer, message))

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        loop.set_default_executor(_Here())
        return loop


async def _group_send(layer: Any, message: Document) -> None:
    async with asyncio.timeout(SECONDS_TO_SEND):
        await layer.group_send(GROUP, message)


class _Here(ThreadPoolExecutor):
    """Runs what is given to threads at once, in the publisher's own, which has nothing else to do.

    It also does so while the interpreter ends, when other executors take nothing any more.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - the future has it
            future.set_exception(error)
        return future


_publisher = _Publisher()


def _begin_anew() -> None:
    """A forked child has the queue but not the thread: what is in there is its parent's to send."""
    global _publisher  # noqa: PLW0603 - one for each process
    _publisher = _Publisher()


os.register_at_fork(after_in_child=_begin_anew)
atexit.register(lambda: flush(timeout=SECONDS_AT_EXIT))
