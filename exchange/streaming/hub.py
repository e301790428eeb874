"""The hub: one per process, between the channel layer and all sockets of that process.

It receives a round once, encodes each quote once, builds one frame for each distinct set of
symbols, and writes the same bytes to every socket with that set. It remembers the newest quote of
each symbol: snapshots come from there, so no socket can get an older quote after a newer one.

The channel layer may lose messages, or be gone for a while; the database has the truth. Every
second the hub compares what it has heard of with the numbers there: it reads the quotes that it
missed, and tells users that order updates were lost. Prices thus go on, a second or two late, while
Redis is down, and nobody believes for long that an order is still open.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer
from django.conf import settings
from django.utils import timezone

from banking.rules.assets import canonical
from be.kernel.formats import time_text
from exchange.streaming import bus, publish, snapshots
from exchange.streaming.prices import Prices
from exchange.streaming.rules import order_lines, protocol
from exchange.streaming.rules.frames import Frame
from exchange.streaming.rules.order_lines import OrderLine
from exchange.streaming.sockets import Access, Socket

logger = logging.getLogger(__name__)

CHECK_SECONDS = 1.0
# An order's `updated_at` is taken when its transaction begins, by the clock of any of the servers.
SINCE_MARGIN = timedelta(seconds=60)


class _Orders:
    """One user's order updates, and when they were last known to be complete."""

    __slots__ = ("complete_at", "counts", "line")

    def __init__(self, now: datetime) -> None:
        self.line = OrderLine()
        self.complete_at = now
        self.counts = (0, 0)  # the numbers in the database, two checks ago and at the last one

    @property
    def since(self) -> str:
        """From when on to ask REST, so that nothing is missed."""
        return time_text(self.complete_at - SINCE_MARGIN)


class Hub:
    """Serves authenticated sockets of one event loop, from `start` to `stop`.

    `layer` is a channel layer with groups; `heartbeat_seconds` and `check_seconds` are how often
    sockets hear that the server is there, and how often sessions and numbers are compared with the
    database; a client that has read nothing for `stall_seconds` is closed.
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
        self._orders: dict[UUID, _Orders] = {}
        self._prices = Prices()
        self._round_due = 0
        self._has_gap = True  # nothing is known yet
        self._tasks: list[asyncio.Task[None]] = []

    # Sockets come and go ---------------------------------------------------------------------

    def start(self) -> None:
        """Begin to listen; again is no error."""
        if not self._tasks:
            listening = bus.listen(self._layer, receive=self._receive, joined=self._open_gap)
            self._tasks = [
                asyncio.create_task(listening),
                asyncio.create_task(self._check()),
                asyncio.create_task(self._beat()),
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
        if socket.access is not None:
            user_id = socket.access.user_id
            self._users[user_id].discard(socket)
            if not self._users[user_id]:
                del self._users[user_id]
            self._forget_orders_if_unwatched(user_id)

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
        new = wanted & await self._existing(wanted)
        if protocol.ORDERS in channels and socket.access is not None:
            await self._begin_orders(socket.access.user_id)
        # From here to the end nothing waits, so that nothing falls between answer and updates.
        if socket.is_closing:
            self._forget_orders_if_unwatched_by(socket)
            return
        if unknown := sorted(wanted - new):
            socket.refuse(protocol.UnknownSymbols(unknown))
        if odd := sorted(set(channels) - protocol.CHANNELS):
            there_are = ", ".join(sorted(protocol.CHANNELS))
            detail = f"There is no channel {', '.join(odd)}; there are: {there_are}."
            socket.refuse(protocol.UnknownChannels(detail))
        socket.settle_prices()
        self._prices.subscribe(socket, socket.symbols | new)
        socket.channels |= protocol.CHANNELS & set(channels)
        self._answer(socket, new)

    def _answer(self, socket: Socket, new: Collection[str]) -> None:
        newest = self._prices.newest
        orders = None
        if protocol.ORDERS in socket.channels and socket.access is not None:
            orders = self._orders.get(socket.access.user_id)
        answer = protocol.encode_subscribed(
            symbols=sorted(socket.symbols),
            channels=sorted(socket.channels),
            quotes=[newest[symbol] for symbol in sorted(new) if symbol in newest],
            orders_sequence=None if orders is None else orders.line.delivered,
            time=time_text(timezone.now()),
        )
        socket.put(Frame(answer))
        if orders is not None and socket.access is not None:
            # What came while the number was read from the database.
            self._tell_owner(socket.access.user_id, orders.line.take())

    def unsubscribe(
        self, socket: Socket, *, symbols: Collection[str], channels: Collection[str]
    ) -> None:
        """Take this away, and answer with what is left."""
        self._prices.subscribe(socket, socket.symbols - set(map(canonical, symbols)))
        socket.channels -= set(channels)
        self._forget_orders_if_unwatched_by(socket)
        socket.put(
            protocol.Unsubscribed(symbols=sorted(socket.symbols), channels=sorted(socket.channels))
        )

    async def _existing(self, symbols: Collection[str]) -> set[str]:
        """Those of the symbols that exist, after a look into the database for unheard ones."""
        heard = {symbol for symbol in symbols if symbol in self._prices.newest}
        if len(heard) == len(symbols):
            return heard
        found, documents = await snapshots.prices_of([s for s in symbols if s not in heard])
        self._prices.take(documents, sequence=self._prices.round)
        return heard | found

    # Order updates ---------------------------------------------------------------------------

    async def _begin_orders(self, user_id: UUID) -> None:
        """Know the number of the user's last update; what comes meanwhile is held."""
        while True:
            orders = self._orders.setdefault(user_id, _Orders(timezone.now()))
            if orders.line.delivered is not None:
                return
            try:
                counts = await snapshots.order_counts([user_id])
            except BaseException:
                self._forget_orders_if_unwatched(user_id)
                raise
            if orders.line.delivered is None:
                orders.line.begin(counts.get(user_id, 0))
            if self._orders.get(user_id) is orders:
                return  # else the user's other socket, which was the last to watch, has left

    def _forget_orders_if_unwatched_by(self, socket: Socket) -> None:
        if socket.access is not None:
            self._forget_orders_if_unwatched(socket.access.user_id)

    def _forget_orders_if_unwatched(self, user_id: UUID) -> None:
        if user_id in self._orders and not self._watchers(user_id):
            del self._orders[user_id]

    def _watchers(self, user_id: UUID) -> list[Socket]:
        return [
            socket for socket in self._users.get(user_id, ()) if protocol.ORDERS in socket.channels
        ]

    def _take_updates(self, user_id: UUID, updates: Iterable[publish.Document]) -> None:
        orders = self._orders.get(user_id)
        if orders is None:
            return
        was_waiting = orders.line.is_waiting
        for update in updates:
            orders.line.put(protocol.read_order_update(update))
            self._tell_owner(user_id, orders.line.take())
        if orders.line.is_waiting and not was_waiting:
            asyncio.get_running_loop().call_later(
                order_lines.SECONDS_TO_HOLD, partial(self._give_up, user_id, orders)
            )

    def _give_up(self, user_id: UUID, orders: _Orders) -> None:
        """What was missing is lost, if it still is: say so, and go on with what is there."""
        if self._orders.get(user_id) is not orders:
            return
        while orders.line.is_waiting and (lost := orders.line.give_up()) is not None:
            self._announce_gap(user_id, orders, lost)

    def _announce_gap(self, user_id: UUID, orders: _Orders, lost: int) -> None:
        gap = protocol.Gap(channel=protocol.ORDERS, sequence=lost, since=orders.since)
        frame = Frame(protocol.encode(gap))
        for socket in self._watchers(user_id):
            socket.put(frame)
        self._tell_owner(user_id, orders.line.take())

    def _tell_owner(self, user_id: UUID, updates: Iterable[protocol.OrderUpdate]) -> None:
        watchers = self._watchers(user_id)
        for update in updates:
            frame = Frame(protocol.encode(update))
            for socket in watchers:
                socket.put(frame)

    # From the channel layer to the sockets ---------------------------------------------------

    def _open_gap(self) -> None:
        self._has_gap = True

    def _receive(self, message: publish.Document) -> None:
        try:
            match message["type"]:
                case "stream.quotes":
                    self._has_gap |= message["sequence"] > self._prices.round + 1
                    self._prices.take(message["quotes"], sequence=message["sequence"])
                case "stream.orders":
                    self._take_updates(UUID(message["owner"]), message["updates"])
                case "stream.batch":
                    for each in message["messages"]:
                        self._receive(each)
                case "stream.alert":
                    self._tell_all(protocol.read_alert(message["alert"]))
                case _:
                    pass  # from a newer version that shares the layer
        except (KeyError, TypeError, ValueError):
            logger.exception("A message on the channel layer could not be read.")

    def _tell_all(self, message: protocol.ServerMessage) -> None:
        frame = Frame(protocol.encode(message))
        for socket in self.sockets:
            socket.put(frame)

    # By the clock ----------------------------------------------------------------------------

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat_seconds)
            frame = Frame(protocol.encode(protocol.Heartbeat(time=time_text(timezone.now()))))
            for socket in self.sockets:
                if socket.is_ready:
                    socket.write(frame)

    async def _check(self) -> None:
        failing = False
        while True:
            await asyncio.sleep(self._check_seconds)
            try:
                self._close_stalled()
                if self._users:
                    self._close_expired()
                    await self._compare()
                failing = False
            except Exception:  # the database, most likely; sockets stay, and expire by the clock
                if not failing:
                    logger.exception("The hub cannot check sessions and rounds; trying again.")
                failing = True

    def _close_stalled(self) -> None:
        for socket in self.sockets:
            if socket.has_stalled(seconds=self._stall_seconds):
                socket.close(protocol.TOO_SLOW)

    def _close_expired(self) -> None:
        now = timezone.now()
        for socket in self.sockets:
            if socket.access is not None and socket.access.expires_at <= now:
                socket.refuse(protocol.TokenExpired("The access token has expired; sign in anew."))

    async def _compare(self) -> None:
        """Ask the database once for all sockets."""
        asked = {socket.access.session_id for socket in self.sockets if socket.access is not None}
        now = timezone.now()
        truth = await snapshots.truth(sessions=asked, users=list(self._orders), now=now)
        self._close_ended(asked - truth.live_sessions)
        self._compare_orders(truth.order_counts, now)
        await self._catch_up()
        self._round_due = truth.rounds

    def _close_ended(self, ended: Collection[UUID]) -> None:
        for socket in self.sockets if ended else []:
            if socket.access is not None and socket.access.session_id in ended:
                socket.refuse(protocol.SessionEnded("The session has ended; sign in anew."))

    def _compare_orders(self, counts: Mapping[UUID, int], now: datetime) -> None:
        """Announce updates that the channel layer did not bring within two checks."""
        for user_id, orders in list(self._orders.items()):
            line = orders.line
            if line.delivered is None or line.is_waiting:
                continue
            due, last = orders.counts
            if due > line.delivered and (lost := line.give_up(counted=due)):
                self._announce_gap(user_id, orders, lost)
            count = counts.get(user_id, 0)
            if count <= line.delivered:
                orders.complete_at = now
            orders.counts = (last, count)

    async def _catch_up(self) -> None:
        """Read from the database what the channel layer did not bring within a whole check."""
        if self._has_gap or self._round_due > self._prices.round:
            self._has_gap = False  # unless another one opens meanwhile
            try:
                rounds, documents = await snapshots.prices_since(self._prices.sequences)
            except BaseException:
                self._has_gap = True
                raise
            self._prices.take(documents, sequence=rounds)


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
