"""The body of `current_prices/`, ready until the next round: joined from the hub's quotes.

The view (exchange/api/market_data.py) says what the answer is. Here are the same bytes for
ordinary queries, while the hub is sure of its quotes. Call it in the event loop.
"""

import re

from banking.rules.assets import canonical
from exchange.streaming import hub
from exchange.streaming.prices import Prices

PATH = "/api/exchange/api/v1/market-data/current_prices/"
# A query that means the same to everybody: symbols of plain letters, commas plain or escaped.
ORDINARY_QUERY = re.compile(rb"symbols=((?:[A-Za-z0-9._,-]|%2[Cc])+)")
LONGEST_QUERY = 4000
# Bodies that are kept until the next round, for all that was asked for since the last one.
MAX_BYTES_KEPT = 8 * 1024 * 1024


class ReadyPrices:
    """Bodies by query, each made once for an edition of the hub's quotes."""

    def __init__(self) -> None:
        self._edition: object = None
        self._bodies: dict[bytes, bytes] = {}
        self._bytes = 0

    def body(self, query: bytes) -> bytes | None:
        """The whole answer; None if the view has to give it."""
        prices = hub.current().prices_to_read()
        if prices is None:
            return None
        if prices.edition is not self._edition:
            self._forget_all()
            self._edition = prices.edition
        body = self._bodies.get(query)
        if body is None:
            body = _made(prices, query)
            if body is not None:
                self._keep(query, body)
        return body

    def _keep(self, query: bytes, body: bytes) -> None:
        if self._bytes + len(body) > MAX_BYTES_KEPT:
            self._forget_all()
        self._bodies[query] = body
        self._bytes += len(query) + len(body)

    def _forget_all(self) -> None:
        self._bodies.clear()
        self._bytes = 0


def _made(prices: Prices, query: bytes) -> bytes | None:
    symbols = None
    if query:
        ordinary = ORDINARY_QUERY.fullmatch(query)
        if ordinary is None or len(query) > LONGEST_QUERY:
            return None
        text = ordinary[1].decode("ascii").replace("%2C", ",").replace("%2c", ",")
        symbols = [canonical(symbol) for symbol in text.split(",")]
    quotes = prices.quotes_of(symbols)
    if quotes is None:
        return None
    body = b'{"results":[%b]}' % b",".join(quotes)
    # The view writes other letters as \u..., the stream as they are.
    return body if body.isascii() else None
