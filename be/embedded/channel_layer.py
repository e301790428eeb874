"""The embedded channel layer: the processes of one machine share groups through a SQLite file.

    CHANNEL_LAYERS = {"default": {
        "BACKEND": "be.embedded.channel_layer.EmbeddedChannelLayer",
        "CONFIG": {"path": "var/channels.sqlite3", "expiry": 60, "poll_interval": 0.05,
                   "capacity": 1000},
    }}

A message that is sent is one row. Each process that has channels runs one thread, the poller, which
reads new rows and puts them into the mailboxes of its own channels. The members of a group are
known only in their own process. So a process that dies leaves only rows behind, and rows expire.

It has the guarantees of `channels_redis.pubsub`, so that one can replace the other:

* delivery at most once, to the members at the time of sending; a new member gets no history;
* the same order for all receivers, which for one sender is the order of its calls;
* a channel that is full drops its OLDEST message and counts it: consumers notice the gap in their
  sequence numbers and catch up by other means;
* a channel lives in the event loop that made it, until its `receive()` is cancelled, its loop is
  closed, or it is full and nobody has received from it for `expiry` seconds;
* a channel that several processes receive from by name delivers to all of them;
* messages hold the native types of MessagePack: a Decimal would arrive as text here, and Redis
would
  refuse it.

It needs POSIX file locks and a local file system.
"""

import asyncio
import logging
import sqlite3
import threading
import time
import uuid
from collections import deque
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec.msgpack
from channels.layers import BaseChannelLayer

from be.embedded.message_file import MessageFile, Outgoing, Tail

logger = logging.getLogger(__name__)

Message = dict[str, Any]

POLLER_THREAD_NAME = "channel-layer-poller"
SECONDS_BETWEEN_FAILED_READS = 1.0


class EmbeddedChannelLayer(BaseChannelLayer):  # type: ignore[misc]  # channels has no type hints
    """A broadcast channel layer over a SQLite file; the module's docstring has its guarantees.

    `expiry` and `poll_interval` are in seconds, `capacity` in messages per channel. File and
    folder are created when first needed. `dropped` counts the messages that full channels of this
    process have lost. Sending raises `sqlite3.Error` or `OSError` if the file cannot be written.
    """

    extensions = ["groups", "flush"]

    def __init__(
        self,
        path: str | Path,
        expiry: float = 60,
        poll_interval: float = 0.05,
        capacity: int = 1000,
        channel_capacity: dict[str, int] | None = None,
    ) -> None:
        super().__init__(expiry=expiry, capacity=capacity)
        self.channel_capacity = self.compile_capacities(channel_capacity or {})
        self.poll_interval = poll_interval
        self.dropped = 0
        self._file = MessageFile(Path(path).absolute(), expiry=expiry)
        # Guards everything below, which the poller and event loops of several threads share.
        self._lock = threading.Lock()
        self._mailboxes: dict[str, _Mailbox] = {}
        # Address -> channel -> the last message before that channel began to listen there.
        self._listeners: dict[str, dict[str, int]] = {}
        self._poller: threading.Thread | None = None
        self._wake_poller = threading.Event()

    async def new_channel(self, prefix: str = "specific.") -> str:
        """Return the name of a new channel that belongs to the running event loop."""
        channel = f"{prefix}embedded!{uuid.uuid4().hex}"
        self.require_valid_channel_name(channel)
        await self._open_mailbox(channel)
        return channel

    async def send(self, channel: str, message: Message) -> None:
        """Send to a channel of this or any other process; returns once the message is written."""
        self.require_valid_channel_name(channel)
        await self._write(_channel_address(channel), message)

    async def receive(self, channel: str) -> Message:
        """Wait for the next message of the channel and return a copy of its own.

        A name that is new in this process begins to listen now. Cancelling ends the channel: this
        is how Channels ends the channel of a consumer that is gone.
        """
        self.require_valid_channel_name(channel)
        mailbox = self._mailboxes.get(channel)
        if mailbox is None or mailbox.loop.is_closed():
            mailbox = await self._open_mailbox(channel)
        if mailbox.loop is not asyncio.get_running_loop():
            raise RuntimeError(f"Channel {channel} belongs to another event loop.")
        try:
            payload = await mailbox.take()
        except (asyncio.CancelledError, GeneratorExit):
            with self._lock:
                self._forget(channel)
            raise
        message: Message = msgspec.msgpack.decode(payload)
        return message

    async def group_add(self, group: str, channel: str) -> None:
        """Add a channel of this process to the group; it gets what is sent from now on."""
        self.require_valid_group_name(group)
        self.require_valid_channel_name(channel)
        newest = await asyncio.to_thread(self._file.newest_id)
        with self._lock:
            if channel not in self._mailboxes:
                raise RuntimeError(f"Only a channel of this process can join a group: {channel}")
            self._listen(_group_address(group), channel, after=newest)

    async def group_discard(self, group: str, channel: str) -> None:
        """Take the channel out of the group; does nothing if it is not in it."""
        self.require_valid_group_name(group)
        self.require_valid_channel_name(channel)
        with self._lock:
            self._stop_listening(_group_address(group), channel)

    async def group_send(self, group: str, message: Message) -> None:
        """Send to the group's members in every process; returns once the message is written."""
        self.require_valid_group_name(group)
        await self._write(_group_address(group), message)

    def group_send_now(self, group: str, message: Message) -> None:
        """`group_send` for a thread that may block, without an event loop."""
        self.require_valid_group_name(group)
        self._file.write_outbox(self._queue(_group_address(group), message))
        self._wake_poller.set()

    async def flush(self) -> None:
        """Forget this process's channels and groups, and delete every message in the file."""
        await asyncio.to_thread(self._file.clear)
        await self.close()

    async def close(self) -> None:
        """Forget this process's channels and groups, end the poller, close the file.

        The layer can be used again afterwards.
        """
        with self._lock:
            self._mailboxes.clear()
            self._listeners.clear()
            poller, self._poller = self._poller, None
        if poller is not None:
            self._wake_poller.set()
            await asyncio.to_thread(poller.join)
        await asyncio.to_thread(self._file.close)

    async def _write(self, address: str, message: Message) -> None:
        # Queued here, in the order of the calls, and written in a thread: another process may have
        # the file locked for a moment, and an event loop must not wait for it.
        outgoing = self._queue(address, message)
        await asyncio.to_thread(self._file.write_outbox, outgoing)
        self._wake_poller.set()  # this process's channels need not wait for the next poll

    def _queue(self, address: str, message: Message) -> Outgoing:
        if not isinstance(message, dict):
            raise TypeError(f"A message is a dict, not {type(message).__name__}.")
        outgoing = Outgoing(time.time(), address, msgspec.msgpack.encode(message))
        self._file.outbox.append(outgoing)
        return outgoing

    async def _open_mailbox(self, channel: str) -> "_Mailbox":
        newest = await asyncio.to_thread(self._file.newest_id)
        opened = _Mailbox(asyncio.get_running_loop(), self.get_capacity(channel))
        with self._lock:
            self._forget_closed_loops()
            mailbox = self._mailboxes.setdefault(channel, opened)
            if mailbox is opened:
                self._listen(_channel_address(channel), channel, after=newest)
            self._ensure_poller(newest)
        return mailbox

    def _ensure_poller(self, newest: int) -> None:
        """Start the poller unless it runs (it does not in a forked child). The lock is held.

        It is a thread, rather than a task that uses `asyncio.to_thread`. So an idle poll wakes no
        event loop, a busy executor does not delay it, one poller serves every event loop of the
        process, and no task is destroyed when a loop ends without cancelling it.
        """
        if self._poller is None or not self._poller.is_alive():
            self._poller = threading.Thread(
                target=self._poll, args=(newest,), name=POLLER_THREAD_NAME, daemon=True
            )
            self._poller.start()

    def _poll(self, newest: int) -> None:
        with closing(Tail(self._file, after=newest)) as tail:
            while self._is_still_needed():
                pause = self.poll_interval
                try:
                    for message_id, address, payload in tail.new_messages():
                        self._deliver(message_id, address, payload)
                except (sqlite3.Error, OSError):
                    logger.exception("Cannot read channel layer messages; trying again.")
                    pause = SECONDS_BETWEEN_FAILED_READS
                self._wake_poller.wait(pause)
                self._wake_poller.clear()

    def _is_still_needed(self) -> bool:
        """Whether this thread is still the poller and there are channels; if not, it ends."""
        with self._lock:
            if self._poller is not threading.current_thread():
                return False
            self._forget_closed_loops()
            if not self._mailboxes:
                self._poller = None
            return bool(self._mailboxes)

    def _deliver(self, message_id: int, address: str, payload: bytes) -> None:
        with self._lock:
            if self._poller is not threading.current_thread():
                return  # the layer was closed; a new poller, if there is one, delivers this message
            for channel, after in list(self._listeners.get(address, {}).items()):
                if message_id > after:
                    self._put(channel, payload)

    def _put(self, channel: str, payload: bytes) -> None:
        mailbox = self._mailboxes[channel]
        if mailbox.is_abandoned(self.expiry):
            logger.warning("Nobody receives from channel %s: forgotten.", channel)
            self._forget(channel)
        else:
            self.dropped += mailbox.put(payload)

    # The caller of what follows holds the lock.

    def _listen(self, address: str, channel: str, *, after: int) -> None:
        self._listeners.setdefault(address, {}).setdefault(channel, after)
        self._mailboxes[channel].addresses.add(address)

    def _stop_listening(self, address: str, channel: str) -> None:
        channels = self._listeners.get(address, {})
        if channels.pop(channel, None) is not None:
            self._mailboxes[channel].addresses.discard(address)
            if not channels:
                del self._listeners[address]

    def _forget_closed_loops(self) -> None:
        for channel, mailbox in list(self._mailboxes.items()):
            if mailbox.loop.is_closed():
                self._forget(channel)

    def _forget(self, channel: str) -> None:
        if mailbox := self._mailboxes.get(channel):
            for address in list(mailbox.addresses):
                self._stop_listening(address, channel)
            del self._mailboxes[channel]


def _group_address(group: str) -> str:
    return f"group:{group}"  # no name can contain a colon


def _channel_address(channel: str) -> str:
    return f"channel:{channel}"


class _Mailbox:
    """The messages that one channel has not received yet: put by the poller, taken in its loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, capacity: int) -> None:
        self.loop = loop
        self.addresses: set[str] = set()
        self._payloads: deque[bytes] = deque(maxlen=capacity)
        self._filled = asyncio.Event()
        self._untouched_since = time.monotonic()
        self._lock = threading.Lock()

    async def take(self) -> bytes:
        """Wait for the oldest payload and remove it."""
        while True:
            with self._lock:
                if self._payloads:
                    self._untouched_since = time.monotonic()
                    return self._payloads.popleft()
                self._filled.clear()
            await self._filled.wait()

    def put(self, payload: bytes) -> int:
        """Add a payload; return how many (0 or 1) were dropped to make room for it."""
        with self._lock:
            was_empty = not self._payloads
            if was_empty:
                self._untouched_since = time.monotonic()
            dropped = int(len(self._payloads) == self._payloads.maxlen)
            self._payloads.append(payload)
        # Only the first payload wakes the loop, so that a blocked loop collects no callbacks.
        if was_empty:
            with suppress(RuntimeError):  # the loop was closed
                self.loop.call_soon_threadsafe(self._filled.set)
        return dropped

    def is_abandoned(self, expiry: float) -> bool:
        """Whether it is full and nobody has received from it for `expiry` seconds.

        This finds the channel of a consumer that ended while it was handling a message: nothing
        was waiting in `receive` then, so nothing was cancelled.
        """
        is_full = len(self._payloads) == self._payloads.maxlen
        return is_full and time.monotonic() - self._untouched_since > expiry
