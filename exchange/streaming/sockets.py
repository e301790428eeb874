"""One client: what it may get, and how it is given that without ever waiting for it."""

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
    """For whom a socket acts, and until when."""

    user_id: UUID
    session_id: UUID
    expires_at: datetime


class Socket:
    """Whoever has something for the client puts it here and never waits.

    While the client keeps up, `is_ready` is true and frames go straight to `write`. When it does
    not, what must arrive waits in the outbox, and of the prices only is kept since when it lacks
    them. Needs a running event loop.
    """

    __slots__ = ("_close_code", "_lacks_since", "_outbox", "_paused_at", "_transport", "access",
                 "channels", "is_ready", "subscription", "write")  # fmt: skip

    def __init__(self, send: transport.Send) -> None:
        self.access: Access | None = None
        # Changed by the hub only, which keeps its lists by them.
        self.subscription: Subscription | None = None
        self.channels: frozenset[str] = frozenset()
        self.is_ready = True
        self._outbox = Outbox()
        self._lacks_since: int | None = None
        self._paused_at: float | None = None
        self._close_code: int | None = None
        self._transport = transport.of(send, self)
        self.write = self._transport.write

    @property
    def symbols(self) -> frozenset[str]:
        """What the client gets prices of."""
        return frozenset() if self.subscription is None else self.subscription.symbols

    @property
    def is_closing(self) -> bool:
        """Whether the end has begun: nothing more is accepted."""
        return self._close_code is not None

    def put(self, message: ServerMessage | Frame) -> None:
        """Send what must arrive. A client that lets too much of it pile up is closed."""
        if self.is_closing:
            return
        frame = message if isinstance(message, Frame) else Frame(protocol.encode(message))
        if self.is_ready:
            self.write(frame)
        elif not self._outbox.put(frame):
            self.close(protocol.TOO_SLOW)

    def lack_prices(self, *, since: int) -> None:
        """Remember that prices were passed over: those that came after the mark `since`."""
        if self._lacks_since is None:
            self._lacks_since = since

    def settle_prices(self) -> None:
        """Queue the prices that it lacks, so that what is put next comes after them."""
        if (frame := self._lacking()) is not None:
            self.put(frame)

    def refuse(self, refusal: SocketRefusal) -> None:
        """Send the error, and close if the refusal says so."""
        self.put(refusal.message())
        if refusal.close_code is not None:
            self.close(refusal.close_code)

    def close(self, code: int) -> None:
        """Close after the frames that wait, unless they wait because the client does not read."""
        if self.is_closing:
            return
        self._close_code = code
        self.is_ready = False
        while code != protocol.TOO_SLOW and (frame := self._outbox.take()) is not None:
            self.write(frame)
        self._transport.close(code)

    def has_stalled(self, *, seconds: float) -> bool:
        """Whether the client has read next to nothing for so long."""
        return self._paused_at is not None and monotonic() - self._paused_at > seconds

    def forget(self) -> None:
        """The client is gone."""
        self._close_code = self._close_code or protocol.GOING_AWAY
        self.is_ready = False
        self._transport.release()

    # The transport's calls: the client cannot take more just now, and it can again.

    def pause(self) -> None:
        self.is_ready = False
        self._paused_at = monotonic()

    def resume(self) -> None:
        self._paused_at = None
        while self._can_write and (frame := self._outbox.take()) is not None:
            self.write(frame)
        if self._can_write and (frame := self._lacking()) is not None:
            self.write(frame)
        self.is_ready = self._can_write

    @property
    def _can_write(self) -> bool:
        return self._paused_at is None and not self.is_closing

    def _lacking(self) -> Frame | None:
        since, self._lacks_since = self._lacks_since, None
        if since is None or self.subscription is None:
            return None
        return self.subscription.newest(since=since)
