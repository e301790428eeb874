"""The thread that sends messages to the channel layer, and the queue before it.

Each process has one such thread. It sends what is queued, in order, over a connection that it
keeps. The queue is bounded, and what the channel layer does not take is dropped: clients see the
gap in the sequence numbers and ask REST.
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

from channels.layers import get_channel_layer

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)

Message = dict[str, Any]

GROUP = "brokerpro.stream"
# The type of messages with order updates. Those that wait are sent in batches.
ORDERS = "stream.orders"
MAX_WAITING = 5000
MAX_BATCH = 100
# After order updates the thread pauses for so long, so that the next ones fill a batch.
SECONDS_BETWEEN_BATCHES = 0.025
SECONDS_TO_SEND = 5.0
# Older messages are dropped: the hubs have read what was in them from the database.
SECONDS_TO_EXPIRE = 30.0
SECONDS_AT_EXIT = 1.5


def send(message: Message) -> None:
    """Queue a message for all hubs. Never waits, never fails."""
    layer = get_channel_layer()
    if layer is not None:
        _publisher.put(layer, message)


def flush(*, timeout: float) -> bool:
    """Wait until what this process has queued so far is sent or dropped; False if not in time.

    For processes that end right after: what is still in the queue is lost with the process.
    """
    return _publisher.flush(timeout)


class _Queued:
    """A message for a channel layer, and when it expires (by the monotonic clock)."""

    __slots__ = ("expires_at", "layer", "message")

    def __init__(self, layer: Any, message: Message) -> None:
        self.layer = layer
        self.message = message
        self.expires_at = time.monotonic() + SECONDS_TO_EXPIRE

    def can_join(self, first: "_Queued") -> bool:
        """Whether it may be sent in one batch with `first`."""
        return self.layer is first.layer and self.message["type"] == first.message["type"] == ORDERS


class _Publisher:
    """The queue and its thread, which starts with the first message."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[_Queued | threading.Event] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_failing = False
        self._is_full = False

    def put(self, layer: Any, message: Message) -> None:
        if self._queue.qsize() >= MAX_WAITING:
            if not self._is_full:
                logger.warning("%d messages wait for the channel layer; more are lost", MAX_WAITING)
            self._is_full = True
            return
        self._is_full = False
        self._queue.put(_Queued(layer, message))
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
        following: _Queued | threading.Event | None = None
        while True:
            first = following or self._queue.get()
            following = None
            if isinstance(first, threading.Event):
                first.set()
                continue
            batch, following = self._batch(first)
            self._send(batch)
            if following is None and first.message["type"] == ORDERS:
                time.sleep(SECONDS_BETWEEN_BATCHES)

    def _batch(self, first: _Queued) -> tuple[list[_Queued], _Queued | threading.Event | None]:
        """The messages that go with the first one, and what was taken from the queue after them."""
        batch = [first]
        try:
            while len(batch) < MAX_BATCH:
                following = self._queue.get_nowait()
                if isinstance(following, threading.Event) or not following.can_join(first):
                    return batch, following
                batch.append(following)
        except Empty:
            pass
        return batch, None

    def _send(self, batch: Sequence[_Queued]) -> None:
        """Send, or drop with one warning until a message is sent again.

        Each layer has errors of its own, so all are caught, here and nowhere else.
        """
        now = time.monotonic()
        messages = [queued.message for queued in batch if now < queued.expires_at]
        if not messages:
            return
        message = (
            messages[0] if len(messages) == 1 else {"type": "stream.batch", "messages": messages}
        )
        try:
            self._group_send(batch[0].layer, message)
        except Exception as error:  # noqa: BLE001
            if not self._is_failing:
                logger.warning("the channel layer did not take %s: %r", message["type"], error)
            self._is_failing = True
        else:
            self._is_failing = False

    def _group_send(self, layer: Any, message: Message) -> None:
        """Without an event loop where the layer can; that of Redis needs one."""
        # Ask the class: an instance of the Redis layer looks up unknown names in a running loop.
        if hasattr(type(layer), "group_send_now"):
            layer.group_send_now(GROUP, message)
        else:
            self._loop.run_until_complete(_group_send(layer, message))

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        loop.set_default_executor(_InlineExecutor())
        return loop


async def _group_send(layer: Any, message: Message) -> None:
    async with asyncio.timeout(SECONDS_TO_SEND):
        await layer.group_send(GROUP, message)


class _InlineExecutor(ThreadPoolExecutor):
    """Runs each call at once in the publisher's own thread, which has nothing else to do.

    So it works while the interpreter ends too, when other executors refuse new calls.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - the future has it
            future.set_exception(error)
        return future


_publisher = _Publisher()


def _reset_after_fork() -> None:
    """A forked child has a copy of the queue but no thread; the parent sends what is queued."""
    global _publisher  # noqa: PLW0603 - one for each process
    _publisher = _Publisher()


os.register_at_fork(after_in_child=_reset_after_fork)
atexit.register(lambda: flush(timeout=SECONDS_AT_EXIT))
