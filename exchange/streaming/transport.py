"""How frames are written to the connection of one socket.

ASGI has one way to send: hand over a text, and wait. It cannot say that a reader is slow, and it
takes no bytes that are a frame already. So with the servers below, frames are written to the
server's own transport, which says when its buffer is full:

* uvicorn: an asyncio transport;
* Daphne: a Twisted transport.

Any other server gets one text at a time over ASGI, and the next one when it has taken that.
"""

import asyncio
import functools
import math
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, Protocol

from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import tcp

from exchange.streaming.rules import protocol
from exchange.streaming.rules.frames import Frame

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

OPEN = WebSocketProtocol.STATE_OPEN

# What servers raise when the client is gone and the application does not know it yet.
GONE = (RuntimeError, OSError)

# How long a client has to answer our closing frame.
SECONDS_TO_CLOSE = 5.0
# Messages that are somewhat too large are read, so that they can be refused with a reason.
MAX_READ_BYTES = 4 * protocol.MAX_MESSAGE_BYTES

# How much the kernel may hold for a slow client. By default it holds up to 4 MiB a socket: that is
# memory, and prices that are old when they arrive.
MAX_UNSENT_BYTES = 64 * 1024


class Writer(Protocol):
    """What a transport calls when the client reads too slowly, and when it has caught up."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class Transport(Protocol):
    def write(self, frame: Frame) -> None:
        """Write a frame without waiting. May call `pause` of the writer before it returns.

        Nothing is written after a closing frame of either side (RFC 6455, section 5.5.1).
        """

    def close(self, code: int) -> None:
        """Begin the closing handshake, after what was written; cut it off after a few seconds."""

    def release(self) -> None:
        """Let go of the writer; the socket is gone."""


class AsgiTransport:
    """Any server: one text is on its way at a time."""

    def __init__(self, send: Send, writer: Writer) -> None:
        self._send = send
        self._writer = writer
        self._task: asyncio.Task[None] | None = None

    def write(self, frame: Frame) -> None:
        self._writer.pause()
        self._send_next({"type": "websocket.send", "text": frame.text})

    def close(self, code: int) -> None:
        self._send_next({"type": "websocket.close", "code": code})

    def release(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _send_next(self, message: MutableMapping[str, Any]) -> None:
        self._task = asyncio.create_task(self._send_after(self._task, message))

    async def _send_after(
        self, previous: "asyncio.Task[None] | None", message: MutableMapping[str, Any]
    ) -> None:
        if previous is not None:
            await asyncio.wait([previous])
        try:
            await self._send(message)
        except GONE:
            return  # the server sends websocket.disconnect next
        if self._task is asyncio.current_task():
            self._writer.resume()


class UvicornTransport:
    """uvicorn with websockets' Sans-I/O protocol, its default when `websockets` is installed.

    asyncio's transport looks its callbacks up on the protocol object at each call, so those that
    are set here take the place of uvicorn's. By itself uvicorn would offer compression, which costs
    three times the CPU and twice the memory, and close with 1012 when it stops.
    """

    def __init__(self, server: Any, writer: Writer) -> None:
        self._server = server
        self._writer = writer
        self._write = server.transport.write
        self._is_closing = server.transport.is_closing
        server.pause_writing = self._pause
        server.resume_writing = self._resume
        server.shutdown = functools.partial(self.close, protocol.GOING_AWAY)

    @staticmethod
    def prepare(server: Any) -> None:
        """Before it is accepted: no compression, and no reading of what is far too large."""
        _limit_unsent(server.transport.get_extra_info("socket"))
        server.conn.extensions = []
        server.response.headers.pop("Sec-WebSocket-Extensions", None)
        server.conn.max_message_size = MAX_READ_BYTES

    def write(self, frame: Frame) -> None:
        # uvicorn closes the transport with its closing frame; the application learns of it later.
        if not self._is_closing():
            self._write(frame.wire)

    def close(self, code: int) -> None:
        server = self._server
        if server.close_sent or server.transport.is_closing():
            return
        server.stop_keepalive()
        server.conn.send_close(code)
        server.transport.write(b"".join(server.conn.data_to_send()))
        server.close_sent = True
        server.queue.put_nowait({"type": "websocket.disconnect", "code": code})
        if server.read_paused:
            server.read_paused = False
            server.transport.resume_reading()
        # The answer to our frame cancels it.
        server.close_timer = server.loop.call_later(SECONDS_TO_CLOSE, server.transport.abort)

    def release(self) -> None:
        for name in ("pause_writing", "resume_writing", "shutdown"):
            vars(self._server).pop(name, None)

    def _pause(self) -> None:
        self._server.writable.clear()
        self._writer.pause()

    def _resume(self) -> None:
        self._server.writable.set()
        self._writer.resume()


class DaphneTransport:
    """Daphne: this object is registered as the producer of what Twisted writes.

    Twisted pauses a producer at 64 KiB of unsent data, and resumes it when all of it is sent.
    """

    def __init__(self, server: WebSocketProtocol, writer: Writer) -> None:
        self._server = server
        self._writer = writer
        self._out = server.transport
        self._is_plain = isinstance(server.transport, tcp.Connection)  # no TLS on it
        server.unregisterProducer()  # the HTTP channel that the upgrade left behind
        server.registerProducer(self, streaming=True)

    @staticmethod
    def prepare(server: WebSocketProtocol) -> None:
        """Before it is accepted: what is far too large is answered with 1009, and not dropped.

        The socket has no age limit: its session decides how long it lives. Daphne would close it
        after `--websocket_timeout` (a day by default), whether in use or not, and with 1000, which
        clients take for a normal end.
        """
        _limit_unsent(server.transport.getHandle())
        server.maxMessagePayloadSize = server.maxFramePayloadSize = MAX_READ_BYTES
        server.failByDrop = False
        server.closeHandshakeTimeout = SECONDS_TO_CLOSE
        server.socket_opened = math.inf

    def write(self, frame: Frame) -> None:
        """Written at once: in the next turn of Twisted's loop it would cost three system calls."""
        if self._server.state != OPEN:
            return  # a closing frame was sent or received; the application learns of it later
        out, wire = self._out, frame.wire
        if self._is_plain and not (out.dataBuffer or out._tempDataBuffer or out.disconnecting):
            sent = out.writeSomeData(wire)
            if isinstance(sent, int):
                wire = wire[sent:]
        if (
            wire
        ):  # what did not fit; or everything, and then Twisted notices that the client is gone
            out.write(wire)

    def close(self, code: int) -> None:
        if self._server.state == OPEN:
            self._server.sendCloseFrame(code=code)

    def release(self) -> None:
        pass  # Twisted forgets its producer when the connection ends

    # Twisted's IPushProducer, hence the names.

    def pauseProducing(self) -> None:  # noqa: N802
        self._writer.pause()

    def resumeProducing(self) -> None:  # noqa: N802
        self._writer.resume()

    def stopProducing(self) -> None:  # noqa: N802
        self._writer.pause()


def prepare(send: Send) -> None:
    """Set up the connection behind `send`, before the socket is accepted."""
    if (server := _daphne_of(send)) is not None:
        DaphneTransport.prepare(server)
    elif (server := _uvicorn_of(send)) is not None:
        UvicornTransport.prepare(server)


def for_socket(send: Send, writer: Writer) -> Transport:
    """The transport behind the `send` of an accepted socket."""
    if (server := _daphne_of(send)) is not None:
        return DaphneTransport(server, writer)
    if (server := _uvicorn_of(send)) is not None:
        return UvicornTransport(server, writer)
    return AsgiTransport(send, writer)


def _limit_unsent(connection: Any) -> None:
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)  # Linux and macOS
    if option is not None and connection is not None:
        with suppress(OSError):  # a Unix socket, behind a proxy, has no such option
            connection.setsockopt(socket.IPPROTO_TCP, option, MAX_UNSENT_BYTES)


def _daphne_of(send: Send) -> Any:
    first = send.args[0] if isinstance(send, functools.partial) and send.args else None
    return first if isinstance(first, WebSocketProtocol) else None


def _uvicorn_of(send: Send) -> Any:
    module: Any = sys.modules.get("uvicorn.protocols.websockets.websockets_sansio_impl")
    server = getattr(send, "__self__", None)
    is_uvicorn = module is not None and isinstance(server, module.WebSocketsSansIOProtocol)
    return server if is_uvicorn else None
