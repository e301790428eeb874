"""One authenticated, or not yet authenticated, client: what it gets, and the way it gets it."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from exchange.streaming import protocol, transport
from exchange.streaming.outbox import Outbox, PriceFrame
from exchange.streaming.protocol import ServerMessage, SocketRefusal


@dataclass(frozen=True, slots=True)
class Access:
    """For whom a socket acts, and until when."""

    user_id: UUID
    session_id: UUID
    expires_at: datetime


class Socket:
    """A client's outbox with one task that empties it as fast as the client reads.

    Whoever has something for the client puts it here and never waits. Needs a running event loop.
    """

    __slots__ = ("_close_code", "_outbox", "_task", "_transport", "_wake", "access", "channels",
                 "symbols")  # fmt: skip

    def __init__(self, send: transport.Send) -> None:
        self.access: Access | None = None
        # Changed by the hub only, which keeps its lists by them.
        self.symbols: frozenset[str] = frozenset()
        self.channels: frozenset[str] = frozenset()
        self._outbox = Outbox()
        self._close_code: int | None = None
        self._wake = asyncio.Event()
        self._transport = transport.of(send, on_writable=self._wake.set)
        self._task = asyncio.create_task(self._write())

    @property
    def is_closing(self) -> bool:
        """Whether the end has begun: nothing more is accepted."""
        return self._close_code is not None

    def put(self, message: ServerMessage | str) -> None:
        """Send what must arrive. A client that lets too much of it pile up is closed."""
        if self.is_closing:
            return
        text = message if isinstance(message, str) else protocol.encode(message)
        if self._outbox.put(text):
            self._wake.set()
        else:
            self.close(protocol.TOO_SLOW)

    def put_prices(self, frame: PriceFrame) -> None:
        """Send prices, unless newer ones come before the client has read these."""
        if not self.is_closing:
            self._outbox.put_prices(frame)
            self._wake.set()

    def put_heartbeat(self, text: str) -> None:
        """Send a heartbeat if nothing else is waiting to be sent."""
        if not self._outbox:
            self.put(text)

    def drop_prices(self, symbols: frozenset[str]) -> None:
        """Forget waiting prices of symbols that are no longer wanted."""
        self._outbox.drop_prices(symbols)

    def refuse(self, refusal: SocketRefusal) -> None:
        """Send the error, and close if the refusal says so."""
        self.put(refusal.message())
        if refusal.close_code is not None:
            self.close(refusal.close_code)

    def close(self, code: int) -> None:
        """Close after the frames that wait, or at once if the client is not reading."""
        if not self.is_closing:
            self._close_code = code
            self._outbox.drop_all_prices()
            self._wake.set()

    async def close_now(self, code: int) -> None:
        """Close without sending what waits; for when the server stops."""
        self._close_code = code
        await self._transport.close(code)

    def forget(self) -> None:
        """End the task: the client is gone."""
        self._close_code = self._close_code or protocol.GOING_AWAY
        self._task.cancel()

    async def _write(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._write_what_waits()
                if self._close_code is not None:
                    await self._transport.close(self._close_code)
                    return
        except transport.GONE:
            return  # the consumer is told next, and forgets us

    async def _write_what_waits(self) -> None:
        while self._transport.is_writable and (text := self._outbox.take()) is not None:
            await self._transport.send(text)
