"""What one socket has not been sent yet: bounded, whatever its reader does. Pure."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from msgspec import Raw

from exchange.streaming import protocol

MAX_QUEUED_FRAMES = 1000
MAX_QUEUED_CHARACTERS = 1024 * 1024


@dataclass(frozen=True)
class PriceFrame:
    """Quotes by symbol as of round `sequence`; shared by all sockets that want just these."""

    sequence: int
    quotes: dict[str, Raw]

    @cached_property
    def text(self) -> str:
        """The frame, encoded when the first socket sends it."""
        return protocol.encode_price_update(
            sequence=self.sequence, quotes=list(self.quotes.values())
        )

    def followed_by(self, newer: "PriceFrame") -> "PriceFrame":
        """Both in one: of each symbol the newer quote."""
        return PriceFrame(newer.sequence, self.quotes | newer.quotes)

    def without(self, symbols: Iterable[str]) -> "PriceFrame | None":
        """What is left when these symbols are taken out, if anything is."""
        unwanted = set(symbols)
        left = {symbol: raw for symbol, raw in self.quotes.items() if symbol not in unwanted}
        return PriceFrame(self.sequence, left) if left else None


class Outbox:
    """Frames that must arrive, in order, and prices of which only the newest matter.

    Prices are coalesced to one frame, so that they take no more room than one quote per symbol.
    The other frames go first: a snapshot precedes the updates that follow it.
    """

    def __init__(self) -> None:
        self._frames: deque[str] = deque()
        self._characters = 0
        self._prices: PriceFrame | None = None

    def __bool__(self) -> bool:
        return bool(self._frames) or self._prices is not None

    def put(self, text: str) -> bool:
        """Add a frame that must arrive; False if there is no room, and the reader is too slow."""
        if (
            len(self._frames) >= MAX_QUEUED_FRAMES
            # A lone frame may be larger than all the room: a snapshot has to pass.
            or (self._frames and self._characters + len(text) > MAX_QUEUED_CHARACTERS)
        ):
            return False
        self._frames.append(text)
        self._characters += len(text)
        return True

    def put_prices(self, frame: PriceFrame) -> None:
        """Add prices, over those that still wait."""
        self._prices = frame if self._prices is None else self._prices.followed_by(frame)

    def drop_prices(self, symbols: Iterable[str]) -> None:
        """Forget waiting prices of these symbols."""
        if self._prices is not None:
            self._prices = self._prices.without(symbols)

    def drop_all_prices(self) -> None:
        """Forget all waiting prices."""
        self._prices = None

    def take(self) -> str | None:
        """Remove and return the next frame."""
        if self._frames:
            text = self._frames.popleft()
            self._characters -= len(text)
            return text
        prices, self._prices = self._prices, None
        return None if prices is None else prices.text
