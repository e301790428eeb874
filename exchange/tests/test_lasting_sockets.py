"""How long sockets last, and that nothing follows their closing frame: byte by byte."""

import json
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from exchange.tests.server import DAPHNE, UVICORN, LiveServer
from exchange.tests.socket_client import PATIENCE, sign_in, signed_in

HEARTBEAT = 0.5
TEXT, CLOSE, PING = 1, 8, 9
# Daphne looks every two seconds for sockets that are older than this.
SHORT_LIVED = (*DAPHNE[:2], "--websocket_timeout", "1", *DAPHNE[2:])


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(SHORT_LIVED, id="daphne"),
        pytest.param(UVICORN, id="uvicorn", marks=pytest.mark.servers),
    ],
)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    env = {"WEBSOCKET_HEARTBEAT_SECONDS": str(HEARTBEAT)}
    folder = tmp_path_factory.mktemp("server")
    with LiveServer(folder, env=env, command=request.param) as server:
        yield server


async def test_a_socket_outlives_the_time_after_which_daphne_would_close_it(server: LiveServer):
    async with signed_in(server) as client:
        for _ in range(12):
            await client.next("heartbeat")
        assert await client.ask(type="ping", id=1) == {"type": "pong", "id": 1}


@dataclass
class RawSocket:
    """A client that may say what no library would, and hears each frame."""

    connection: socket.socket
    received: bytearray = field(default_factory=bytearray)

    def say(self, opcode: int, payload: bytes, *, first: int = 0x80, masked: bool = True) -> None:
        """A frame; `first` are the bits beside the opcode: FIN, and reserved ones."""
        size = len(payload)
        length = bytes([size]) if size < 126 else b"\x7e" + struct.pack("!H", size)
        head = bytes([first | opcode, length[0] | (0x80 if masked else 0)]) + length[1:]
        mask = os.urandom(4)
        body = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        self.connection.sendall(head + (mask + body if masked else payload))

    def hear(self) -> tuple[int, bytes] | None:
        """The next frame: its opcode and payload. None when the server has hung up."""
        while not (whole := self._whole()):
            try:
                data = self.connection.recv(65536)
            except ConnectionResetError:  # Daphne has waited for our closing frame, in vain
                data = b""
            if not data:
                assert not self.received, "half a frame"
                return None
            self.received += data
        opcode, start, end = whole
        payload = bytes(self.received[start:end])
        del self.received[:end]
        return opcode, payload

    def _whole(self) -> tuple[int, int, int] | None:
        """Opcode, and where the payload of the first frame begins and ends, once it is there."""
        data = self.received
        if len(data) < 4:
            return None if len(data) < 2 or data[1] else (data[0] & 15, 2, 2)
        start, size = 2, data[1]
        if size == 126:
            start, size = 4, struct.unpack_from("!H", data, 2)[0]
        assert size < 126 or start == 4, "longer than anything here"
        return (data[0] & 15, start, start + size) if len(data) >= start + size else None


def opened(server: LiveServer, token: str) -> RawSocket:
    """Authenticated, by the handshake of RFC 6455 as in its section 1.3."""
    connection = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    connection.sendall(
        b"GET /ws/market-data/ HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Version: 13\r\n\r\n"
    )
    raw = RawSocket(connection)
    while b"\r\n\r\n" not in raw.received:
        raw.received += connection.recv(65536)
    assert raw.received.startswith(b"HTTP/1.1 101 ")
    del raw.received[: raw.received.index(b"\r\n\r\n") + 4]
    raw.say(TEXT, json.dumps({"type": "auth", "token": token}).encode())
    heard = raw.hear()
    assert heard is not None
    assert json.loads(heard[1])["type"] == "auth_success"
    return raw


FAULTS: dict[str, tuple[int, dict[str, Any]]] = {
    "a ping in pieces": (1002, {"opcode": PING, "payload": b"x", "first": 0}),
    "a ping of 126 bytes": (1002, {"opcode": PING, "payload": b"x" * 126}),
    "a reserved bit": (1002, {"opcode": TEXT, "payload": b"{}", "first": 0xC0}),
    "an unknown opcode": (1002, {"opcode": 3, "payload": b"{}"}),
    "no mask": (1002, {"opcode": TEXT, "payload": b"{}", "masked": False}),
    "no UTF-8": (1007, {"opcode": TEXT, "payload": b"\xff\xfe"}),
    "an ordered end": (1000, {"opcode": CLOSE, "payload": struct.pack("!H", 1000)}),
}


def frames_after(
    server: LiveServer, token: str, frame: Mapping[str, Any]
) -> list[tuple[int, bytes]]:
    """All that the server sends after this frame, until it hangs up."""
    raw = opened(server, token)
    with raw.connection:
        raw.say(**frame)
        return list(iter(raw.hear, None))


def test_nothing_follows_a_closing_frame(server: LiveServer):
    """All at once, as a server waits for seconds for the answer to its frame, which never comes."""
    token = sign_in(server)["token"]
    with ThreadPoolExecutor(len(FAULTS)) as pool:
        ends = {
            fault: pool.submit(frames_after, server, token, frame)
            for fault, (_, frame) in FAULTS.items()
        }
    for fault, end in ends.items():
        *before, (opcode, payload) = end.result()
        assert opcode == CLOSE, (fault, end.result())
        assert CLOSE not in [each for each, _ in before]
        assert struct.unpack_from("!H", payload)[0] == FAULTS[fault][0], (fault, payload)
