"""Prices on their way to the sockets that subscribe to them."""

from collections.abc import Collection, Iterable, Mapping

from exchange.streaming import snapshots
from exchange.streaming.latest_quotes import Document, LatestQuotes, Subscription
from exchange.streaming.rules.frames import Frame
from exchange.streaming.sockets import Socket


class Prices(LatestQuotes):
    """The newest quotes, and for each set of symbols the sockets that subscribe to it.

    Quotes come from the channel layer, which may lose a round, and from the database.
    """

    def __init__(self) -> None:
        super().__init__()
        self.audiences: dict[frozenset[str], _Audience] = {}
        self.has_gap = True  # no round is known yet
        self._round_due = 0  # the last round in the database, at the check before

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

    async def catch_up(self, *, rounds: int) -> None:
        """Read from the database what the channel layer did not bring within a whole check.

        `rounds` is the number of the last round in the database.
        """
        if self.has_gap or self._round_due > self.round:
            self.has_gap = False  # unless another one opens meanwhile
            try:
                sequence, documents = await snapshots.prices_since(self.sequences)
            except BaseException:
                self.has_gap = True
                raise
            self._take(documents, sequence=sequence)
        self._round_due = rounds

    def _take(self, documents: Iterable[Document], *, sequence: int) -> None:
        """Remember the quotes that are newer than what is known, and send them to subscribers."""
        if changed := self.remember(documents, sequence=sequence):
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
