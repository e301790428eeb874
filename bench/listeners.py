"""python -m bench.listeners: open sockets, publish rounds, and record what arrives and when.

It reads a plan (one line of JSON) from its input, opens the sockets, and prints how long that
took. At the next line it publishes the rounds, reads until all have arrived, and prints its
figures. It is one epoll loop that reads only the head of each frame, so that it costs far less than
what it measures. The figures include how much of its core it used.
"""

import json
import os
import random
import select
import socket
import struct
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import redis

# RFC 6455, section 5.2: the second byte of a frame has its length, or says where the length is.
IN_16_BITS, IN_64_BITS, MASKED = 126, 127, 128
TEXT, PING, PONG = 0x81, 0x89, 0x8A
GREETINGS = 2  # answers to auth and subscribe
BUFFER = 512 * 1024
HEAD = 14 + len(b'{"type":"price_update","sequence":12345678')
SEQUENCE_AT = len(b'{"type":"price_update","sequence":')
SECONDS_OF_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Plan:
    """`style` is hub, floor, batched or single.

    A socket subscribes to the first `count` symbols, or to `count` random ones if `distinct`.
    """

    port: int
    sockets: int
    stalled: int
    rounds: int
    rate: float
    style: str
    count: int
    distinct: bool
    group: str
    redis: str
    scene: str
    first: int  # the number of the first round; it has eight digits
    at_once: int  # handshakes


class Listener:
    """One socket, and the position of its bytes within a frame."""

    __slots__ = ("head", "left", "socket", "started", "texts")

    def __init__(self, port: int, *, small: bool) -> None:
        self.socket = socket.socket()
        if small:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(
            b"GET /ws/market-data/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        self.head = bytearray()
        self.left = 0
        self.texts = 0
        self.started = False

    def say(self, message: dict[str, Any]) -> None:
        """A masked text frame; the mask is zero."""
        data = json.dumps(message).encode()
        length = bytes((MASKED | min(len(data), IN_16_BITS),))
        if len(data) >= IN_16_BITS:
            length += struct.pack("!H", len(data))
        self.socket.sendall(b"\x81" + length + bytes(4) + data)

    def heads(self, data: memoryview) -> list[bytes]:
        """The heads of the frames that begin in this data, or that were incomplete before it."""
        found: list[bytes] = []
        at, end = 0, len(data)
        while at < end:
            if self.left:
                step = min(self.left, end - at)
                self.left -= step
                at += step
                continue
            piece = data[at : at + HEAD - len(self.head)]
            self.head += piece
            at += len(piece)
            size = _size(self.head)
            if size is None or len(self.head) < min(size, HEAD):
                return found
            found.append(bytes(self.head[:size]))
            self.left = max(size - HEAD, 0)
            at -= max(len(self.head) - size, 0)
            self.head.clear()
        return found


def _size(head: bytearray) -> int | None:
    """The size of header and payload together; None while the header is incomplete."""
    header = _header(head) if len(head) > 1 else len(head) + 1
    if len(head) < header:
        return None
    return header + (int.from_bytes(head[2:header], "big") if header > len(b"..") else head[1])


def _header(head: bytes | bytearray) -> int:
    return {IN_16_BITS: 4, IN_64_BITS: 10}.get(head[1], 2)


def _payload(head: bytes) -> bytes:
    return head[_header(head) :]


class Listeners:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        scene = json.loads(Path(plan.scene).read_text())
        self.quotes: list[dict[str, Any]] = scene["quotes"]
        self.tokens: list[str] = scene["tokens"]
        self.epoll = select.epoll()
        self.listeners: dict[int, Listener] = {}
        self.stalled: list[Listener] = []
        self.buffer = memoryview(bytearray(BUFFER))
        self.sent: dict[int, float] = {}
        self.latencies: list[float] = []
        self.frames = 0
        self.bytes = 0
        self.lost = 0
        self.redis = redis.Redis.from_url(plan.redis)

    def connect(self) -> dict[str, float]:
        """Open all sockets; the seconds until all are accepted, and until all are subscribed."""
        plan, began = self.plan, time.monotonic()
        all_: list[Listener] = []
        while len(all_) < plan.sockets + plan.stalled:
            numbers = range(len(all_), min(len(all_) + plan.at_once, plan.sockets + plan.stalled))
            batch = [Listener(plan.port, small=number >= plan.sockets) for number in numbers]
            for listener in batch:
                _handshake(listener)
            all_ += batch
        accepted = time.monotonic() - began
        if plan.style == "hub":
            for number, listener in enumerate(all_):
                listener.say({"type": "auth", "token": self.tokens[number // 20]})
                listener.say({"type": "subscribe", "symbols": self._symbols(number)})
        for listener in all_:
            listener.socket.setblocking(False)
        for listener in all_[: plan.sockets]:
            self.listeners[listener.socket.fileno()] = listener
            self.epoll.register(listener.socket.fileno(), select.EPOLLIN)
        self.stalled = all_[plan.sockets :]
        if plan.style == "hub":
            self._until(lambda: all(each.texts >= GREETINGS for each in all_[: plan.sockets]))
        subscribed = time.monotonic() - began
        self.frames = self.bytes = 0
        return {"accepted": accepted, "subscribed": subscribed}

    def _symbols(self, number: int) -> list[str]:
        symbols = [quote["symbol"] for quote in self.quotes]
        if self.plan.distinct:
            return random.Random(number).sample(symbols, self.plan.count)
        return symbols[: self.plan.count]

    def run(self) -> dict[str, Any]:
        """Publish at the plan's rate, and read until every round has reached every reader."""
        plan = self.plan
        messages = [self._messages(number) for number in range(plan.rounds)]
        want = plan.sockets * plan.rounds * (len(messages[0]) if plan.style == "single" else 1)
        cpu, began = time.process_time(), time.monotonic()
        for number, each in enumerate(messages):
            due = began + number / plan.rate
            while (left := due - time.monotonic()) > 0:
                self._read(left)
            self.sent[self.plan.first + number] = time.monotonic()
            for message in each:
                self.redis.publish(plan.group, message)
            self._read(0)
        self._until(lambda: self._is_complete(want))
        seconds = time.monotonic() - began
        latencies = sorted(self.latencies)
        return {
            "frames": self.frames,
            "wanted": want,
            "bytes": self.bytes,
            "seconds": seconds,
            "load": (time.process_time() - cpu) / seconds,
            "p50": latencies[len(latencies) // 2] if latencies else 0.0,
            "p99": latencies[int(len(latencies) * 0.99)] if latencies else 0.0,
            "lost": self.lost,
        }

    def _is_complete(self, want: int) -> bool:
        """Whether all frames are there. The hub may skip rounds, but never the newest one."""
        return self.frames >= want or (
            self.plan.style == "hub" and self._newest == self.plan.sockets
        )

    _newest = 0

    def _messages(self, number: int) -> list[bytes]:
        sequence = self.plan.first + number
        quotes = [quote | {"sequence": sequence} for quote in self.quotes[: self._width()]]
        if self.plan.style in ("hub", "floor"):
            parts: list[dict[str, Any]] = [
                {"type": "stream.quotes", "sequence": sequence, "quotes": quotes}
            ]
        else:
            groups = [quotes] if self.plan.style == "batched" else [[quote] for quote in quotes]
            parts = [{"type": "stream.text", "text": _text(sequence, each)} for each in groups]
        return [msgpack.packb(part) for part in parts]

    def _width(self) -> int:
        return len(self.quotes) if self.plan.distinct else self.plan.count

    def _until(self, condition: Any) -> None:
        deadline = time.monotonic() + SECONDS_OF_PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                return
            self._read(0.05)

    def _read(self, timeout: float) -> None:
        for number, _ in self.epoll.poll(timeout):
            listener = self.listeners[number]
            try:
                size = listener.socket.recv_into(self.buffer)
            except BlockingIOError:
                continue
            if not size:
                self.epoll.unregister(number)
                self.lost += 1
                continue
            self.bytes += size
            for head in listener.heads(self.buffer[:size]):
                self._count(listener, head)

    def _count(self, listener: Listener, head: bytes) -> None:
        if head[0] != TEXT:
            if head[0] == PING:
                data = _payload(head)
                listener.socket.send(bytes((PONG, MASKED | len(data))) + bytes(4) + data)
            return
        payload = _payload(head)
        listener.texts += 1
        if not payload.startswith(b'{"type":"price_update"'):
            return
        sequence = int(payload[SEQUENCE_AT : SEQUENCE_AT + 8])
        if sequence < self.plan.first:
            return
        self.frames += 1
        self._newest += sequence == self.plan.first + self.plan.rounds - 1
        self.latencies.append(time.monotonic() - self.sent[sequence])


def _text(sequence: int, quotes: list[dict[str, Any]]) -> str:
    return json.dumps(
        {"type": "price_update", "sequence": sequence, "quotes": quotes}, separators=(",", ":")
    )


def _handshake(listener: Listener) -> None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = listener.socket.recv(4096)
        if not part:
            raise RuntimeError(f"a socket was refused: {head!r}")
        head += part
    if b" 101 " not in head:
        raise RuntimeError(f"a socket was refused: {head!r}")


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    plan = Plan(**json.loads(sys.stdin.readline()))
    listeners = Listeners(plan)
    opened = listeners.connect()
    _say(opened)
    sys.stdin.readline()
    _say(listeners.run())
    os._exit(0)


if __name__ == "__main__":
    main()
