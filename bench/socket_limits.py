"""python -m bench.socket_limits transport|broadcast PORT: the least a round can cost.

It receives rounds from the channel layer as the hub does, encodes each once, and then

* `transport`: writes the frame to the asyncio transport of each socket, in a loop;
* `broadcast`: calls `websockets.broadcast`.

There are no users, no subscriptions, and no handling of slow readers.
"""

import asyncio
import base64
import hashlib
import os
import sys
from collections.abc import Callable
from typing import Any, cast

import django
from websockets.asyncio.server import ServerConnection, broadcast, serve

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "be.settings")
django.setup(set_prefix=False)

from channels.layers import get_channel_layer  # noqa: E402

from exchange.streaming import listener  # noqa: E402
from exchange.streaming.rules import protocol  # noqa: E402
from exchange.streaming.rules.frames import Frame  # noqa: E402

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
BACKLOG = 2048


class Bare(asyncio.Protocol):
    """Answers the handshake; from then on only its transport is used."""

    transports: set[asyncio.Transport] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.transport in self.transports:
            return
        lines = data.split(b"\r\n")
        key = next(line[19:] for line in lines if line.lower().startswith(b"sec-websocket-key: "))
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())  # noqa: S324 - as the RFC says
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self.transports.add(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transports.discard(self.transport)


def _json(message: dict[str, Any]) -> bytes:
    quotes = [protocol.encode_quote(document) for document in message["quotes"]]
    return protocol.encode_price_update(sequence=message["sequence"], quotes=quotes)


async def _listen(receive: Callable[[dict[str, Any]], None]) -> None:
    await listener.listen(get_channel_layer(), receive=receive, joined=lambda: None)


async def transport(port: int) -> None:
    def write(message: dict[str, Any]) -> None:
        frame = Frame(_json(message)).wire
        for each in Bare.transports:
            each.write(frame)

    loop = asyncio.get_running_loop()
    await loop.create_server(Bare, "127.0.0.1", port, backlog=BACKLOG)
    await _listen(write)


async def websockets_broadcast(port: int) -> None:
    connections: set[ServerConnection] = set()

    async def handle(connection: ServerConnection) -> None:
        connections.add(connection)
        try:
            await connection.wait_closed()
        finally:
            connections.discard(connection)

    def write(message: dict[str, Any]) -> None:
        broadcast(connections, _json(message).decode())

    async with serve(handle, "127.0.0.1", port, compression=None, backlog=BACKLOG):
        await _listen(write)


if __name__ == "__main__":
    serving = {"transport": transport, "broadcast": websockets_broadcast}[sys.argv[1]]
    asyncio.run(serving(int(sys.argv[2])))
