"""The newest quote of each symbol, and the price frames for one set of symbols."""

from collections.abc import Callable, Collection, Iterable, Mapping
from operator import itemgetter
from typing import Any

from exchange.streaming.rules import protocol
from exchange.streaming.rules.frames import Frame

Document = dict[str, Any]


class LatestQuotes:
    """Quotes as JSON by symbol, each made once; a symbol's sequence only rises.

    `mark` counts the batches of changes, and `marks` has the batch in which each symbol changed
    last. A socket that missed some gets the quotes that changed after the last mark it has seen.
    """

    def __init__(self) -> None:
        self.mark = 0
        self.round = 0
        self.newest: dict[str, bytes] = {}
        self.sequences: dict[str, int] = {}
        self.marks: dict[str, int] = {}

    def remember(self, documents: Iterable[Document], *, sequence: int) -> Mapping[str, bytes]:
        """Keep those quotes that are newer than what is known; returns them as JSON by symbol.

        `sequence` is the number of the round that they are of.
        """
        self.round = max(self.round, sequence)
        newer = {
            document["symbol"]: document
            for document in documents
            if document["sequence"] > self.sequences.get(document["symbol"], -1)
        }
        if not newer:
            return {}
        changed = {symbol: protocol.encode_quote(document) for symbol, document in newer.items()}
        self.mark += 1
        self.newest |= changed
        self.sequences |= {symbol: document["sequence"] for symbol, document in newer.items()}
        self.marks |= dict.fromkeys(newer, self.mark)
        return changed


class Subscription:
    """Makes the price frames for one set of symbols, for all sockets that subscribe to it."""

    __slots__ = ("_latest", "_ordered", "_pick", "symbols")

    def __init__(self, latest: LatestQuotes, symbols: frozenset[str]) -> None:
        self.symbols = symbols
        self._latest = latest
        self._ordered = sorted(symbols)
        self._pick = _picker(self._ordered)

    def frame_of(self, changed: Mapping[str, bytes]) -> Frame | None:
        """Those of the changed quotes that belong to it; None if none does."""
        quotes = self._subscribed(changed)
        return self._frame(quotes) if quotes else None

    def newest(self, *, since: int) -> Frame | None:
        """The quotes that changed after the mark `since`, if any did."""
        latest = self._latest
        quotes = [
            latest.newest[symbol] for symbol in self._ordered if latest.marks.get(symbol, 0) > since
        ]
        return self._frame(quotes) if quotes else None

    def _frame(self, quotes: Collection[bytes]) -> Frame:
        return Frame(protocol.encode_price_update(sequence=self._latest.round, quotes=quotes))

    def _subscribed(self, changed: Mapping[str, bytes]) -> Collection[bytes]:
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
