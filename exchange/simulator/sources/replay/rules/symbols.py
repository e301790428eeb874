"""Symbols as sources spell them: BTC/USD, BTCUSD, XBTUSD, X:BTCUSD, aapl.us. Pure."""

import re
from collections.abc import Iterable

_STABLE = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD")
"""Stablecoins. Prices in them are another market's, and are replayed only when asked for."""

_SHAPE = re.compile(r"([A-Z]{1,3}:)?[A-Z]{1,6}([./-][A-Z0-9]{1,4}|[A-Z]{1,4})?")
_NO_SYMBOLS = frozenset({"true", "false", "yes", "no", "buy", "sell", "bid", "ask", "trade"})


def looks_like_one(text: str) -> bool:
    """Whether a word has the form of a symbol, all in one case, and is no flag."""
    shaped = _SHAPE.fullmatch(text.upper()) and (text.isupper() or text.islower())
    return bool(shaped) and text.lower() not in _NO_SYMBOLS


def is_part_of(text: str, symbol: str) -> bool:
    """Whether it is the symbol, or one side of its pair: BTC or USD of BTC-USD."""
    return find(text, [symbol, *symbol.split("-")]) is not None


def find(text: str, listed: Iterable[str]) -> str | None:
    """The listed symbol with this spelling; None if there is none."""
    wanted = spelling(text)
    return next((symbol for symbol in listed if wanted and spelling(symbol) == wanted), None)


def by_spelling(listed: Iterable[str]) -> dict[str, str]:
    """The listed symbols by their `spelling`, where many are to be found as `find` does."""
    found: dict[str, str] = {}
    for symbol in listed:
        found.setdefault(spelling(symbol), symbol)
    found.pop("", None)
    return found


def is_of(text: str, symbol: str) -> bool:
    """Whether rows of `text` may be replayed as `symbol`: the same, or the coin in a stablecoin."""
    wanted, bare = spelling(symbol), spelling(text)
    in_dollars = {bare.removesuffix(coin) + "USD" for coin in _STABLE if bare.endswith(coin)}
    return wanted in {bare, *in_dollars}


def spelling(text: str) -> str:
    """What all spellings of a symbol have in common."""
    upper = text.strip().upper().rpartition(":")[2].removesuffix(".US")
    bare = "".join(letter for letter in upper if letter.isalnum())
    return bare.replace("XBT", "BTC", 1) if bare.startswith("XBT") else bare
