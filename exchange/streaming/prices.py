"""Prices on their way to the sockets that subscribe to them."""

from collections.abc import Iterable, Mapping

from exchange.streaming.latest_quotes import Document, LatestQuotes, Subscription
from exchange.streaming.rules.frames import Frame
from exchange.streaming.sockets import Socket


class Prices(LatestQuotes):
    """The newest quotes, and for each set of symbols the sockets that subscribe to it."""

    def __init__(self) -> None:
        super().__init__()
        self.audiences: dict[frozenset[str], _Audience] = {}

    def take(self, documents: Iterable[Document], *, sequence: int) -> None:
        """Remember the quotes that are newer than what is known, and send them to subscribers."""
        if changed := self.remember(documents, sequence=sequence):
            for audience in self.audiences.values():
                audience.send(changed, since=self.mark - 1)

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


class _Audience:
    """The sockets that subscribe to exactly these symbols: one frame for all of them."""

    __slots__ = ("sockets", "subscription")

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.sockets: set[Socket] = set()

    def send(self, changed: Mapping[str, bytes], *, since: int) -> None:
        """Write the changed quotes to every socket that is ready; the others ask for them later."""
        frame: Frame | None = self.subscription.frame_of(changed)
        if frame is None:
            return
        for socket in self.sockets:
            if socket.is_ready:
                socket.write(frame)
            else:
                socket.lack_prices(since=since)
