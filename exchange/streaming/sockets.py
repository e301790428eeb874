"""One client's socket: its access, its subscriptions, and sending without ever waiting for it."""

from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from uuid import UUID

from exchange.streaming import transport
from exchange.streaming.latest_quotes import Subscription
from exchange.streaming.rules import protocol
from exchange.streaming.rules.frames import Frame
from exchange.streaming.rules.outbox import Outbox
from exchange.streaming.rules.protocol import ServerMessage, SocketRefusal


@dataclass(frozen=True, slots=True)
class Access:
    """For which user a socket acts, by which session or API key; and until when, if it ends."""

    user_id: UUID
    session_id: UUID | None
    expires_at: datetime | None
    api_key_id: UUID | None = None


class Socket:
    """Sends frames to one client; no method waits for the client to read.

    While the client keeps up, `is_ready` is true and frames go straight to `write`. When it does
    not, frames that must arrive wait in the outbox. Prices are not queued: the socket remembers
    since when it misses them, and gets the newest later. Needs a running event loop.
    """

    __slots__ = ("_close_code", "_missed_since", "_outbox", "_paused_at", "_transport", "access",
                 "channels", "is_ready", "subscription", "write")  # fmt: skip

    def __init__(self, send: transport.Send) -> None:
        self.access: Access | None = None
        # Changed by the hub only, which has lists of sockets by them.
        self.subscription: Subscription | None = None
        self.channels: frozenset[str] = frozenset()
        self.is_ready = True
        self._outbox = Outbox()
        self._missed_since: int | None = None
        self._paused_at: float | None = None
        self._close_code: int | None = None
        self._transport = transport.for_socket(send, self)
        self.write = self._transport.write

    @property
    def symbols(self) -> frozenset[str]:
        """The symbols whose prices the client gets."""
        return frozenset() if self.subscription is None else self.subscription.symbols

    @property
    def is_closing(self) -> bool:
        """Whether the socket is being closed or is gone: nothing more is sent."""
        return self._close_code is not None

    def put(self, message: ServerMessage | Frame) -> None:
        """Send a frame that must arrive. A client that lets too many of them wait is closed."""
        if self.is_closing:
            return
        frame = message if isinstance(message, Frame) else Frame(protocol.encode(message))
        if self.is_ready:
            self.write(frame)
        elif not self._outbox.put(frame):
            self.close(protocol.TOO_SLOW)

    def miss_prices(self, *, since: int) -> None:
        """Remember that prices were not sent: those that changed after the mark `since`."""
        if self._missed_since is None:
            self._missed_since = since

    def put_missed_prices(self) -> None:
        """Send the newest of the prices that it missed, before what is put next."""
        if (frame := self._take_missed_prices()) is not None:
            self.put(frame)

    def refuse(self, refusal: SocketRefusal) -> None:
        """Send the error, and close if the refusal says so."""
        self.put(refusal.message())
        if refusal.close_code is not None:
            self.close(refusal.close_code)

    def close(self, code: int) -> None:
        """Close, after the frames that wait; they are dropped if the client is too slow."""
        if self.is_closing:
            return
        self._close_code = code
        self.is_ready = False
        while code != protocol.TOO_SLOW and (frame := self._outbox.take()) is not None:
            self.write(frame)
        self._transport.close(code)

    def has_stalled(self, *, seconds: float) -> bool:
        """Whether the client has read next to nothing for `seconds`."""
        return self._paused_at is not None and monotonic() - self._paused_at > seconds

    def forget(self) -> None:
        """The client is gone."""
        self._close_code = self._close_code or protocol.GOING_AWAY
        self.is_ready = False
        self._transport.release()

    # Called by the transport: the client cannot take more now, and it can again.

    def pause(self) -> None:
        self.is_ready = False
        self._paused_at = monotonic()

    def resume(self) -> None:
        self._paused_at = None
        while self._can_write and (frame := self._outbox.take()) is not None:
            self.write(frame)
        if self._can_write and (frame := self._take_missed_prices()) is not None:
            self.write(frame)
        self.is_ready = self._can_write

    @property
    def _can_write(self) -> bool:
        return self._paused_at is None and not self.is_closing

    def _take_missed_prices(self) -> Frame | None:
        since, self._missed_since = self._missed_since, None
        if since is None or self.subscription is None:
            return None
        return self.subscription.newest(since=since)
