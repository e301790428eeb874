"""The newest quote of each symbol, and the frames that carry them to those who want them."""

from collections.abc import Callable, Collection, Iterable, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from exchange.streaming import protocol
from exchange.streaming.frames import Frame

if TYPE_CHECKING:
    from exchange.streaming.sockets import Socket

Document = dict[str, Any]


class Prices:
    """Quotes as JSON by symbol, each made once; a symbol's sequence only rises.

    `mark` counts the batches of changes: a socket that missed some is brought up to date by asking
    for what changed after the mark it has seen.
    """

    def __init__(self) -> None:
        self.mark = 0
        self.round = 0
        self.newest: dict[str, bytes] = {}
        self.sequences: dict[str, int] = {}
        self.marks: dict[str, int] = {}
        self.audiences: dict[frozenset[str], Audience] = {}

    def take(self, documents: Iterable[Document], *, sequence: int) -> None:
        """Remember those quotes that are news as of round `sequence`, and pass them on."""
        self.round = max(self.round, sequence)
        news = {
            document["symbol"]: document
            for document in documents
            if document["sequence"] > self.sequences.get(document["symbol"], -1)
        }
        if not news:
            return
        changed = {symbol: protocol.encode_quote(document) for symbol, document in news.items()}
        self.mark += 1
        self.newest |= changed
        self.sequences |= {symbol: document["sequence"] for symbol, document in news.items()}
        self.marks |= dict.fromkeys(news, self.mark)
        for audience in self.audiences.values():
            audience.tell(changed)

    def move(self, socket: "Socket", symbols: frozenset[str]) -> None:
        """Make these the symbols of the socket; none lets go of it."""
        if (old := socket.audience) is not None:
            old.sockets.discard(socket)
            if not old.sockets:
                del self.audiences[old.symbols]
        socket.audience = None
        if symbols:
            audience = self.audiences.get(symbols)
            if audience is None:
                audience = self.audiences[symbols] = Audience(self, symbols)
            audience.sockets.add(socket)
            socket.audience = audience


class Audience:
    """The sockets that want exactly these symbols: one frame for all."""

    __slots__ = ("_ordered", "_pick", "_prices", "sockets", "symbols")

    def __init__(self, prices: Prices, symbols: frozenset[str]) -> None:
        self.symbols = symbols
        self.sockets: set[Socket] = set()
        self._prices = prices
        self._ordered = sorted(symbols)
        self._pick = _picker(self._ordered)

    def tell(self, changed: Mapping[str, bytes]) -> None:
        """Write the changed quotes to all that are ready; the others will ask."""
        quotes = self._wanted(changed)
        if not quotes:
            return
        frame, since = self._frame(quotes), self._prices.mark - 1
        for socket in self.sockets:
            if socket.is_ready:
                socket.write(frame)
            else:
                socket.lack_prices(since=since)

    def newest(self, *, since: int) -> Frame | None:
        """The quotes that changed after the mark `since`, if any did."""
        prices = self._prices
        quotes = [
            prices.newest[symbol] for symbol in self._ordered if prices.marks.get(symbol, 0) > since
        ]
        return self._frame(quotes) if quotes else None

    def _frame(self, quotes: Collection[bytes]) -> Frame:
        return Frame(protocol.encode_price_update(sequence=self._prices.round, quotes=quotes))

    def _wanted(self, changed: Mapping[str, bytes]) -> Collection[bytes]:
        """In order. Most rounds change every symbol, and then they are picked in one go."""
        try:
            return self._pick(changed)
        except KeyError:
            return [changed[symbol] for symbol in self._ordered if symbol in changed]


def _picker(symbols: list[str]) -> Callable[[Mapping[str, bytes]], tuple[bytes, ...]]:
    if len(symbols) == 1:
        [only] = symbols
        return lambda changed: (changed[only],)
    return itemgetter(*symbols)
