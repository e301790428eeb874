"""The hub: one per process, between the channel layer and all sockets of that process.

It receives a round once, encodes each quote once, builds one frame for each distinct set of
symbols, and writes the same bytes to every socket with that set. It remembers the newest quote of
each symbol: snapshots come from there, so no socket can get an older quote after a newer one.

The channel layer may lose messages or be down for a while; the database has everything. Every
second the hub compares the numbers of what it received with those in the database. It reads the
quotes that it missed (exchange/streaming/prices.py) and announces lost order updates
(exchange/streaming/order_updates.py). So prices go on, a second or two late, while Redis is down.

REST reads the same quotes (exchange/api/ready_prices.py): for its readers as for sockets the hub
goes on comparing.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Collection
from contextlib import suppress
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer
from django.conf import settings
from django.utils import timezone

from banking.rules.assets import canonical
from be.kernel.formats import time_text
from exchange.streaming import listener, snapshots
from exchange.streaming.order_updates import OrderUpdates
from exchange.streaming.prices import Prices
from exchange.streaming.publish import Document
from exchange.streaming.rules import protocol
from exchange.streaming.rules.frames import Frame
from exchange.streaming.sockets import Access, Socket

logger = logging.getLogger(__name__)

CHECK_SECONDS = 1.0
# The hub goes on comparing for so long after quotes were read over REST.
SECONDS_AFTER_READING = 10.0


class Hub:
    """Serves authenticated sockets of one event loop, from `start` to `stop`.

    `layer` is a channel layer with groups. A heartbeat is sent every `heartbeat_seconds`; sessions
    and numbers are compared with the database every `check_seconds`. A client that has read nothing
    for `stall_seconds` is closed.
    """

    def __init__(
        self,
        *,
        layer: Any,
        heartbeat_seconds: float,
        stall_seconds: float,
        check_seconds: float = CHECK_SECONDS,
    ) -> None:
        self._layer = layer
        self._heartbeat_seconds = heartbeat_seconds
        self._stall_seconds = stall_seconds
        self._check_seconds = check_seconds
        self._users: dict[UUID, set[Socket]] = defaultdict(set)
        self._orders = OrderUpdates()
        self._prices = Prices()
        self._tasks: list[asyncio.Task[None]] = []
        self._compare_until = float("-inf")
        self._has_readers_again = asyncio.Event()

    # Sockets come and go ---------------------------------------------------------------------

    def start(self) -> None:
        """Begin to listen; does nothing if the hub has started already."""
        if not self._tasks:
            listening = listener.listen(
                self._layer, receive=self._receive, joined=self._prices.open_gap
            )
            self._tasks = [
                asyncio.create_task(listening),
                asyncio.create_task(self._keep_checking()),
                asyncio.create_task(self._send_heartbeats()),
            ]

    async def stop(self) -> None:
        """Leave the channel layer; sockets get nothing more."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def sockets(self) -> list[Socket]:
        """All sockets that have joined."""
        return [socket for sockets in self._users.values() for socket in sockets]

    def join(self, socket: Socket, access: Access) -> None:
        """Let an authenticated socket in, or renew its access in place.

        Raises AuthFailed for the token of another user, and TooManySockets.
        """
        if socket.access is not None and socket.access.user_id != access.user_id:
            raise protocol.AuthFailed("This token is another user's; open another socket for it.")
        sockets = self._users.get(access.user_id, set())
        if socket not in sockets and len(sockets) >= protocol.MAX_SOCKETS_PER_USER:
            raise protocol.TooManySockets(
                f"You have {protocol.MAX_SOCKETS_PER_USER} sockets open; close one first."
            )
        self._users[access.user_id].add(socket)
        socket.access = access

    def leave(self, socket: Socket) -> None:
        """Let go of a socket that had joined."""
        self._prices.subscribe(socket, frozenset())
        self._orders.unsubscribe(socket)
        if socket.access is not None:
            user_id = socket.access.user_id
            self._users[user_id].discard(socket)
            if not self._users[user_id]:
                del self._users[user_id]

    # Subscriptions ---------------------------------------------------------------------------

    async def subscribe(
        self, socket: Socket, *, symbols: Collection[str], channels: Collection[str]
    ) -> None:
        """Add what exists of this, and answer with all that is subscribed and its quotes.

        An error frame that names what does not exist goes before the answer. Raises
        TooManySymbols, and then nothing is added.
        """
        wanted = frozenset(map(canonical, symbols)) - socket.symbols
        if len(socket.symbols) + len(wanted) > protocol.MAX_SYMBOLS:
            raise protocol.TooManySymbols(
                f"A socket may have {protocol.MAX_SYMBOLS} symbols; open another for more."
            )
        new = wanted & await self._prices.existing(wanted)
        if protocol.ORDERS in channels:
            await self._orders.prepare(socket)
        # No `await` from here to the end, so that no update is lost or sent before the answer.
        if socket.is_closing:
            self._orders.unsubscribe(socket)
            return
        _refuse_unknown(socket, symbols=wanted - new, channels=set(channels) - protocol.CHANNELS)
        socket.put_missed_prices()
        self._prices.subscribe(socket, socket.symbols | new)
        socket.channels |= protocol.CHANNELS & set(channels)
        if protocol.ORDERS in channels:
            self._orders.subscribe(socket)
        self._answer(socket, new)

    def _answer(self, socket: Socket, new: Collection[str]) -> None:
        newest = self._prices.newest
        orders = self._orders.updates_for(socket)
        answer = protocol.encode_subscribed(
            symbols=sorted(socket.symbols),
            channels=sorted(socket.channels),
            quotes=[newest[symbol] for symbol in sorted(new) if symbol in newest],
            orders_sequence=None if orders is None else orders.delivered,
            time=time_text(timezone.now()),
        )
        socket.put(Frame(answer))
        if orders is not None:
            orders.deliver()  # what arrived while the number was read from the database

    def unsubscribe(
        self, socket: Socket, *, symbols: Collection[str], channels: Collection[str]
    ) -> None:
        """Take this away, and answer with what is left."""
        self._prices.subscribe(socket, socket.symbols - set(map(canonical, symbols)))
        socket.channels -= set(channels)
        if protocol.ORDERS in channels:
            self._orders.unsubscribe(socket)
        socket.put(
            protocol.Unsubscribed(symbols=sorted(socket.symbols), channels=sorted(socket.channels))
        )

    # To readers over REST --------------------------------------------------------------------

    def prices_to_read(self) -> Prices | None:
        """All quotes, or None while they may be older than those in the database."""
        now = time.monotonic()
        if now >= self._compare_until:
            self._has_readers_again.set()
        self._compare_until = now + SECONDS_AFTER_READING
        return self._prices if self._prices.is_current() else None

    # From the channel layer to the sockets ---------------------------------------------------

    def _receive(self, message: Document) -> None:
        try:
            match message["type"]:
                case "stream.quotes":
                    self._prices.receive(message["quotes"], sequence=message["sequence"])
                case "stream.orders":
                    self._orders.receive(UUID(message["owner"]), message["updates"])
                case "stream.batch":
                    for each in message["messages"]:
                        self._receive(each)
                case "stream.alert":
                    self._put_everywhere(protocol.read_alert(message["alert"]))
                case _:
                    pass  # from a newer version that shares the layer
        except (KeyError, TypeError, ValueError):
            logger.exception("A message on the channel layer could not be read.")

    def _put_everywhere(self, message: protocol.ServerMessage) -> None:
        frame = Frame(protocol.encode(message))
        for socket in self.sockets:
            socket.put(frame)

    # By the clock ----------------------------------------------------------------------------

    async def _send_heartbeats(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat_seconds)
            frame = Frame(protocol.encode(protocol.Heartbeat(time=time_text(timezone.now()))))
            for socket in self.sockets:
                if socket.is_ready:
                    socket.write(frame)

    async def _keep_checking(self) -> None:
        is_failing = False
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._has_readers_again.wait(), self._check_seconds)
            self._has_readers_again.clear()
            try:
                self._close_stalled()
                if self._users or time.monotonic() < self._compare_until:
                    self._close_expired()
                    await self._compare_with_database()
                is_failing = False
            except Exception:  # the database, most likely; sockets stay, and expire by the clock
                if not is_failing:
                    logger.exception("The hub cannot check sessions and rounds; trying again.")
                is_failing = True

    def _close_stalled(self) -> None:
        for socket in self.sockets:
            if socket.has_stalled(seconds=self._stall_seconds):
                socket.close(protocol.TOO_SLOW)

    def _close_expired(self) -> None:
        now = timezone.now()
        for socket in self.sockets:
            if socket.access is None or socket.access.expires_at is None:
                continue
            if socket.access.expires_at <= now:
                socket.refuse(protocol.TokenExpired("The access token has expired; sign in anew."))

    async def _compare_with_database(self) -> None:
        """Once for all sockets and readers: sessions, order updates and prices."""
        asked_at = time.monotonic()
        accesses = [socket.access for socket in self.sockets if socket.access is not None]
        asked = {access.session_id for access in accesses if access.session_id is not None}
        keys = {access.api_key_id for access in accesses if access.api_key_id is not None}
        now = timezone.now()
        state = await snapshots.state(
            sessions=asked,
            api_keys=keys,
            users=list(self._orders.owners),
            now=now,
            with_taken=asked_at < self._compare_until,
        )
        self._close_ended(asked - state.live_sessions)
        self._close_revoked(keys - state.live_api_keys)
        self._orders.compare(state.order_counts, now=now)
        await self._prices.compare(state.prices, asked_at=asked_at)

    def _close_ended(self, ended: Collection[UUID]) -> None:
        for socket in self.sockets if ended else []:
            if socket.access is not None and socket.access.session_id in ended:
                socket.refuse(protocol.SessionEnded("The session has ended; sign in anew."))

    def _close_revoked(self, revoked: Collection[UUID]) -> None:
        for socket in self.sockets if revoked else []:
            if socket.access is not None and socket.access.api_key_id in revoked:
                socket.refuse(protocol.ApiKeyRevoked("The API key was revoked or has expired."))


def _refuse_unknown(socket: Socket, *, symbols: Collection[str], channels: Collection[str]) -> None:
    if symbols:
        socket.refuse(protocol.UnknownSymbols(sorted(symbols)))
    if channels:
        there_are = ", ".join(sorted(protocol.CHANNELS))
        detail = f"There is no channel {', '.join(sorted(channels))}; there are: {there_are}."
        socket.refuse(protocol.UnknownChannels(detail))


_hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = WeakKeyDictionary()


def current() -> Hub:
    """The hub of the running event loop, started when first asked for."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub(
            layer=get_channel_layer(),
            heartbeat_seconds=settings.WEBSOCKET_HEARTBEAT_SECONDS,
            stall_seconds=settings.WEBSOCKET_STALL_SECONDS,
        )
    _hubs[loop].start()
    return _hubs[loop]
