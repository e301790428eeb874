"""The way out of one socket, and what ASGI does not tell about it.

ASGI has no word for "this reader is slow". Under uvicorn `send` waits for such a reader. Under
Daphne it returns at once and the server's memory takes what the reader does not, so there we ask
the Twisted transport. Daphne's `close` also refuses the codes below 3000, 1001 among them.
"""

import functools
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from daphne.ws_protocol import WebSocketProtocol

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# What servers raise when the peer is gone but the application has not been told yet.
GONE = (RuntimeError, OSError)


class Transport:
    """Any ASGI server: `send` waits while the reader is slow."""

    is_writable = True

    def __init__(self, send: Send) -> None:
        self._send = send

    async def send(self, text: str) -> None:
        """Send a text frame. Raises one of `GONE` when the peer is gone."""
        await self._send({"type": "websocket.send", "text": text})

    async def close(self, code: int) -> None:
        """Begin the closing handshake, after what was sent before."""
        await self._send({"type": "websocket.close", "code": code})


class DaphneTransport(Transport):
    """Daphne: we stand in as the producer of what Twisted writes, and it says when to pause.

    Twisted pauses us at 64 KiB of unsent data, and resumes when all of it is out.
    """

    def __init__(
        self, send: Send, protocol: WebSocketProtocol, on_writable: Callable[[], None]
    ) -> None:
        super().__init__(send)
        self._protocol = protocol
        self._on_writable = on_writable
        protocol.unregisterProducer()  # the HTTP channel that the upgrade left behind
        protocol.registerProducer(self, streaming=True)

    async def close(self, code: int) -> None:
        if self._protocol.state == WebSocketProtocol.STATE_OPEN:
            self._protocol.sendCloseFrame(code=code)

    # Twisted's IPushProducer, hence the names.

    def pauseProducing(self) -> None:  # noqa: N802
        self.is_writable = False

    def resumeProducing(self) -> None:  # noqa: N802
        self.is_writable = True
        self._on_writable()

    def stopProducing(self) -> None:  # noqa: N802
        self.is_writable = False


def of(send: Send, on_writable: Callable[[], None]) -> Transport:
    """The transport behind the `send` of an accepted socket.

    `on_writable` is called when `is_writable` becomes true again.
    """
    if isinstance(send, functools.partial) and send.args:
        protocol = send.args[0]
        if isinstance(protocol, WebSocketProtocol):
            return DaphneTransport(send, protocol, on_writable)
    return Transport(send)
