"""The hub: one per process, between the channel layer and all sockets of that process.

It receives a round once, encodes each quote once, builds one frame for each distinct set of
symbols, and hands the same text to every socket with that set. It remembers the newest quote of
each symbol: snapshots come from there, so no socket can get an older quote after a newer one.

The channel layer may lose messages, or be gone for a while; the database has the truth. Every
second the hub compares the number of the last round there with the last it heard of, and reads
what it missed. Prices thus go on, a second or two late, while Redis is down.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import msgspec
from channels.layers import get_channel_layer
from django.conf import settings
from django.utils import timezone

from be.api.formats import time_text
from exchange.streaming import protocol, publish, snapshots
from exchange.streaming.outbox import PriceFrame
from exchange.streaming.sockets import Access, Socket

logger = logging.getLogger(__name__)

CHECK_SECONDS = 1.0
FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 5.0


@dataclass(slots=True)
class _Audience:
    """The sockets that want exactly these symbols."""

    symbols: frozenset[str]
    sockets: set[Socket] = field(default_factory=set)

    def tell(self, sequence: int, changed: Mapping[str, msgspec.Raw]) -> None:
        wanted = {symbol: raw for symbol, raw in changed.items() if symbol in self.symbols}
        if wanted:
            frame = PriceFrame(sequence, wanted)
            for socket in self.sockets:
                socket.put_prices(frame)


class Hub:
    """Serves authenticated sockets of one event loop, from `start` to `stop`.

    `layer` is a channel layer with groups; `heartbeat_seconds` and `check_seconds` are how often
    sockets hear that the server is there, and how often sessions and missed rounds are looked for.
    """

    def __init__(
        self, *, layer: Any, heartbeat_seconds: float, check_seconds: float = CHECK_SECONDS
    ) -> None:
        self._layer = layer
        self._heartbeat_seconds = heartbeat_seconds
        self._check_seconds = check_seconds
        self._users: dict[UUID, set[Socket]] = defaultdict(set)
        self._audiences: dict[frozenset[str], _Audience] = {}
        self._newest: dict[str, msgspec.Raw] = {}
        self._sequences: dict[str, int] = {}
        self._round = 0
        self._round_due = 0
        self._has_gap = True  # nothing is known yet
        self._tasks: list[asyncio.Task[None]] = []

    # Sockets come and go ---------------------------------------------------------------------

    def start(self) -> None:
        """Begin to listen; again is no error."""
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._listen()),
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
        self._move(socket, frozenset())
        if socket.access is not None:
            sockets = self._users[socket.access.user_id]
            sockets.discard(socket)
            if not sockets:
                del self._users[socket.access.user_id]

    # Subscriptions ---------------------------------------------------------------------------

    async def subscribe(
        self, socket: Socket, *, symbols: Collection[str], channels: Collection[str]
    ) -> None:
        """Add what exists of this, and answer with all that is subscribed and its quotes.

        An error frame that names what does not exist goes before the answer. Raises
        TooManySymbols, and then nothing is added.
        """
        wanted = frozenset(symbols) - socket.symbols
        if len(socket.symbols) + len(wanted) > protocol.MAX_SYMBOLS:
            raise protocol.TooManySymbols(
                f"A socket may have {protocol.MAX_SYMBOLS} symbols; open another for more."
            )
        new = wanted & await self._existing(wanted)
        # From here to the end nothing waits, so that no round falls between quotes and updates.
        if socket.is_closing:
            return
        if unknown := sorted(wanted - new):
            socket.refuse(protocol.UnknownSymbols(unknown))
        if odd := sorted(set(channels) - protocol.CHANNELS):
            socket.refuse(protocol.UnknownChannels(f"There is no channel {', '.join(odd)}."))
        self._move(socket, socket.symbols | new)
        socket.channels |= protocol.CHANNELS & set(channels)
        socket.put(
            protocol.encode_subscribed(
                symbols=sorted(socket.symbols),
                channels=sorted(socket.channels),
                quotes=[self._newest[symbol] for symbol in sorted(new) if symbol in self._newest],
            )
        )

    def unsubscribe(
        self, socket: Socket, *, symbols: Collection[str], channels: Collection[str]
    ) -> None:
        """Take this away, and answer with what is left."""
        self._move(socket, socket.symbols - set(symbols))
        socket.drop_prices(frozenset(symbols))
        socket.channels -= set(channels)
        socket.put(
            protocol.Unsubscribed(symbols=sorted(socket.symbols), channels=sorted(socket.channels))
        )

    async def _existing(self, symbols: Collection[str]) -> set[str]:
        """Those of the symbols that exist, after a look into the database for unheard ones."""
        heard = {symbol for symbol in symbols if symbol in self._newest}
        if len(heard) == len(symbols):
            return heard
        found, documents = await snapshots.prices_of([s for s in symbols if s not in heard])
        self._take(documents)
        return heard | found

    def _move(self, socket: Socket, symbols: frozenset[str]) -> None:
        if audience := self._audiences.get(socket.symbols):
            audience.sockets.discard(socket)
            if not audience.sockets:
                del self._audiences[socket.symbols]
        if symbols:
            audience = self._audiences.setdefault(symbols, _Audience(symbols))
            audience.sockets.add(socket)
            symbols = audience.symbols  # one object for all who want the same
        socket.symbols = symbols

    # From the channel layer to the sockets ---------------------------------------------------

    async def _listen(self) -> None:
        """Receive for ever; when the layer fails, come back to it."""
        pause = 0.0
        while True:
            channel = ""
            try:
                channel = await self._layer.new_channel("hub.")
                await self._layer.group_add(publish.GROUP, channel)
                if pause:
                    logger.info("The channel layer is back.")
                self._has_gap, pause = True, 0.0
                while True:
                    self._receive(await self._layer.receive(channel))
            except Exception as error:  # noqa: BLE001 - any layer, any failure: come back to it
                if not pause:
                    logger.warning("The channel layer failed: %r; trying again.", error)
                pause = min(max(2 * pause, FIRST_RETRY_SECONDS), LONGEST_RETRY_SECONDS)
                await self._give_up(channel)
                await asyncio.sleep(pause)

    async def _give_up(self, channel: str) -> None:
        """A member that nobody receives for would collect messages."""
        if channel:
            with suppress(Exception):  # it is the failing layer that is asked
                await self._layer.group_discard(publish.GROUP, channel)

    def _receive(self, message: publish.Document) -> None:
        try:
            match message["type"]:
                case "stream.quotes":
                    self._take_round(message["sequence"], message["quotes"])
                case "stream.orders":
                    self._tell_owner(UUID(message["owner"]), message["updates"])
                case "stream.batch":
                    for each in message["messages"]:
                        self._receive(each)
                case "stream.alert":
                    self._tell_all(protocol.read_alert(message["alert"]))
                case _:
                    pass  # from a newer version that shares the layer
        except (KeyError, TypeError, ValueError):
            logger.exception("A message on the channel layer could not be read.")

    def _take_round(self, sequence: int, documents: Collection[publish.Document]) -> None:
        self._has_gap |= sequence > self._round + 1
        self._round = max(self._round, sequence)
        self._take(documents)

    def _take(self, documents: Collection[publish.Document]) -> None:
        """Remember those quotes that are news, and pass them on."""
        changed = {
            document["symbol"]: protocol.encode_quote(document)
            for document in documents
            if document["sequence"] > self._sequences.get(document["symbol"], -1)
        }
        if not changed:
            return
        self._newest |= changed
        self._sequences |= {
            document["symbol"]: document["sequence"]
            for document in documents
            if document["symbol"] in changed
        }
        for audience in self._audiences.values():
            audience.tell(self._round, changed)

    def _tell_owner(self, owner: UUID, updates: Iterable[publish.Document]) -> None:
        sockets = [
            socket for socket in self._users.get(owner, ()) if protocol.ORDERS in socket.channels
        ]
        if sockets:
            for update in updates:
                text = protocol.encode(protocol.read_order_update(update))
                for socket in sockets:
                    socket.put(text)

    def _tell_all(self, message: protocol.ServerMessage) -> None:
        text = protocol.encode(message)
        for socket in self.sockets:
            socket.put(text)

    # By the clock ----------------------------------------------------------------------------

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat_seconds)
            text = protocol.encode(protocol.Heartbeat(time=time_text(timezone.now())))
            for socket in self.sockets:
                socket.put_heartbeat(text)

    async def _check(self) -> None:
        failing = False
        while True:
            await asyncio.sleep(self._check_seconds)
            try:
                if self._users:
                    self._close_expired()
                    await self._close_ended()
                    await self._catch_up()
                failing = False
            except Exception:  # the database, most likely; sockets stay, and expire by the clock
                if not failing:
                    logger.exception("The hub cannot check sessions and rounds; trying again.")
                failing = True

    def _close_expired(self) -> None:
        now = timezone.now()
        for socket in self.sockets:
            if socket.access is not None and socket.access.expires_at <= now:
                socket.refuse(protocol.TokenExpired("The access token has expired; sign in anew."))

    async def _close_ended(self) -> None:
        """Ask once for all sessions."""
        asked = {socket.access.session_id for socket in self.sockets if socket.access is not None}
        live = await snapshots.live_sessions(asked, timezone.now())
        ended = asked - live
        for socket in self.sockets if ended else []:
            if socket.access is not None and socket.access.session_id in ended:
                socket.refuse(protocol.SessionEnded("The session has ended; sign in anew."))

    async def _catch_up(self) -> None:
        """Read from the database what the channel layer did not bring within a whole check."""
        if self._has_gap or self._round_due > self._round:
            self._has_gap = False  # unless another one opens meanwhile
            try:
                rounds, documents = await snapshots.prices_since(self._sequences)
            except BaseException:
                self._has_gap = True
                raise
            self._round = max(self._round, rounds)
            self._take(documents)
        self._round_due = await snapshots.rounds_recorded()


_hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = WeakKeyDictionary()


def current() -> Hub:
    """The hub of the running event loop, started when first asked for."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub(
            layer=get_channel_layer(), heartbeat_seconds=settings.WEBSOCKET_HEARTBEAT_SECONDS
        )
    _hubs[loop].start()
    return _hubs[loop]
