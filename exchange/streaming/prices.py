"""Prices on their way to the sockets that subscribe to them."""

import time
from collections.abc import Collection, Iterable, Mapping

from exchange.streaming import snapshots
from exchange.streaming.latest_quotes import Document, LatestQuotes, Subscription
from exchange.streaming.rules import protocol
from exchange.streaming.rules.frames import Frame
from exchange.streaming.snapshots import PricesState
from exchange.streaming.sockets import Socket

# What is read over REST comes from here only while rounds are heard and the database agrees.
SECONDS_HEARD = 10.0
SECONDS_AGREED = 2.5


class Prices(LatestQuotes):
    """The newest quotes, and for each set of symbols the sockets that subscribe to it.

    Quotes come from the channel layer, which may lose a round, and from the database. `symbols` are
    those of all quotes in the database, in its order, and `left` the quotes that customers have
    traded on since their round, with the sizes that were left at the last check: readers get them,
    sockets get the next round. `edition` is another object after each change. `revision` is the
    last change of market data without a round, at the last check that readers made the hub do.
    """

    def __init__(self) -> None:
        super().__init__()
        self.audiences: dict[frozenset[str], _Audience] = {}
        self.has_gap = True  # no round is known yet
        self.symbols: tuple[str, ...] = ()
        self.left: dict[str, bytes] = {}
        self.edition = object()
        self.revision: int | None = None
        self._due = PricesState()  # the database at the check before
        self._taken: Mapping[str, tuple[int, int]] = {}
        self._heard_at = self._agreed_at = float("-inf")

    def subscribe(self, socket: Socket, symbols: frozenset[str]) -> None:
        """Make these the symbols of the socket; an empty set ends its subscription."""
        if (old := self.audiences.get(socket.symbols)) is not None:
            old.sockets.discard(socket)
            if not old.sockets:
                del self.audiences[socket.symbols]
        socket.subscription = None
        if symbols:
            audience = self.audiences.get(symbols)
            if audience is None:
                audience = self.audiences[symbols] = _Audience(Subscription(self, symbols))
            audience.sockets.add(socket)
            socket.subscription = audience.subscription

    def receive(self, documents: Iterable[Document], *, sequence: int) -> None:
        """Take a round from the channel layer; a number that was left out opens a gap."""
        self.has_gap |= sequence > self.round + 1
        self._heard_at = time.monotonic()
        self._take(documents, sequence=sequence)

    def open_gap(self) -> None:
        """Rounds may have been missed: the database is read at the next check."""
        self.has_gap = True

    async def existing(self, symbols: Collection[str]) -> set[str]:
        """Those of the symbols that exist; the unknown ones are looked up in the database."""
        known = {symbol for symbol in symbols if symbol in self.newest}
        if len(known) == len(symbols):
            return known
        found, documents = await snapshots.prices_of([s for s in symbols if s not in known])
        self._take(documents, sequence=self.round)
        return known | found

    async def compare(self, state: PricesState, *, asked_at: float) -> None:
        """Read from the database what the channel layer did not bring within a whole check.

        `state` is the database's, asked for at `asked_at` (by the monotonic clock).
        """
        if self.has_gap or not self._has_reached(self._due):
            self.has_gap = False  # unless another one opens meanwhile
            try:
                newer = await snapshots.prices_since(self.sequences)
            except BaseException:
                self.has_gap = True
                raise
            self.symbols = newer.symbols
            self.edition = object()
            self._take(newer.documents, sequence=newer.rounds)
        self._due, self.revision = state, state.revision
        if state.taken is None:  # nobody reads over REST
            return
        await self._read_what_is_left(state.taken)
        if self._is_at(state):
            self._agreed_at = asked_at

    def is_current(self) -> bool:
        """Whether all quotes are here, and as new as those in the database at the last checks."""
        now = time.monotonic()
        return (
            not self.has_gap
            and now - self._heard_at <= SECONDS_HEARD
            and now - self._agreed_at <= SECONDS_AGREED
            and len(self.symbols) == len(self.newest)
        )

    def quotes_of(self, symbols: Collection[str] | None) -> list[bytes] | None:
        """The quotes of all or of these symbols as JSON, in the database's order.

        None if one of them is not known.
        """
        chosen = self.symbols
        if symbols is not None:
            wanted = set(symbols)
            chosen = tuple(symbol for symbol in chosen if symbol in wanted)
            if len(chosen) < len(wanted):
                return None
        newest, left = self.newest, self.left
        return [left.get(symbol) or newest[symbol] for symbol in chosen]

    async def _read_what_is_left(self, taken: Mapping[str, tuple[int, int]]) -> None:
        changed = [symbol for symbol, units in taken.items() if self._taken.get(symbol) != units]
        if changed:
            _, documents = await snapshots.prices_of(changed)
            for document in documents:
                symbol = document["symbol"]
                if document["sequence"] == self.sequences.get(symbol):
                    self.left[symbol] = protocol.encode_quote(document)
            self.edition = object()
        self._taken = taken

    def _has_reached(self, state: PricesState) -> bool:
        return (
            self.round >= state.rounds
            and self._sum() >= state.sequences
            and len(self.symbols) == state.count
        )

    def _is_at(self, state: PricesState) -> bool:
        here = (self.round, self._sum(), len(self.symbols))
        return here == (state.rounds, state.sequences, state.count)

    def _sum(self) -> int:
        return sum(self.sequences[symbol] for symbol in self.symbols)

    def _take(self, documents: Iterable[Document], *, sequence: int) -> None:
        """Remember the quotes that are newer than what is known, and send them to subscribers."""
        if changed := self.remember(documents, sequence=sequence):
            self.edition = object()
            for symbol in self.left.keys() & changed.keys():
                del self.left[symbol]
            for audience in self.audiences.values():
                audience.send(changed, since=self.mark - 1)


class _Audience:
    """The sockets that subscribe to exactly these symbols: one frame for all of them."""

    __slots__ = ("sockets", "subscription")

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.sockets: set[Socket] = set()

    def send(self, changed: Mapping[str, bytes], *, since: int) -> None:
        """Write the changed quotes to every socket that is ready; the others get them later."""
        frame: Frame | None = self.subscription.frame_of(changed)
        if frame is None:
            return
        for socket in self.sockets:
            if socket.is_ready:
                socket.write(frame)
            else:
                socket.miss_prices(since=since)
