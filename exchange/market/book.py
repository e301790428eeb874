"""The order book: the street's price levels, and customers' resting orders among them.

The feed has the best bid and ask only. The levels behind them follow from the quote by rule. So
all who see a quote see, and trade against, the same depth, and nothing needs to be stored.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from statistics import NormalDist
from typing import Any

from banking.rules.assets import canonical
from be.database import statements
from be.database.rows import Columns, Reader
from be.kernel.formats import plain_units, price_text
from exchange.market import instruments
from exchange.market.rules.levels import Level, without
from exchange.market.rules.ticks import increment_at
from exchange.models import WORKING_STATUSES, Instrument, Order, Quote, Side

DEPTH = 10
# Sizes behind the best level, as percentages of its size: quantiles of a log-normal law as wide as
# the best level's own. A hash of the quote's sequence chooses one for each level.
_DEVIATION = 0.6
_QUANTILES = 64
_SIZE_PERCENT = tuple(
    round(100 * math.exp(_DEVIATION * NormalDist().inv_cdf((number + 0.5) / _QUANTILES)))
    for number in range(_QUANTILES)
)
_PLACES = 2 * DEPTH
_WORD = 0xFFFFFFFF
_LEVELS_PER_PRICE = 5000


def street_levels(
    instrument: Instrument, quote: Quote, side: str, *, best: Decimal | None = None
) -> Iterator[Level]:
    """The street's levels that an order of `side` trades against (asks for a buy), best first.

    Units that were taken since the quote are left out. `best` replaces the quote's best price, for
    levels as they stood at an earlier price. A generator, since most orders need the best level
    only.
    """
    displayed = _displayed(instrument, quote, best, buying=side == Side.BUY)
    return without(displayed, quote.ask_taken if side == Side.BUY else quote.bid_taken)


def _displayed(
    instrument: Instrument, quote: Quote, best: Decimal | None, *, buying: bool
) -> Iterator[Level]:
    now, size = (quote.ask, quote.ask_size) if buying else (quote.bid, quote.bid_size)
    best = now if best is None else best
    yield Level(best, size)
    increment = increment_at(best, instrument.price_increment, instrument.asset_class)
    step = level_step(best, increment) * (1 if buying else -1)
    unit_step = instrument.asset.units(instrument.quantity_increment)
    for index in range(1, DEPTH):
        price = best + step * index
        if price <= 0:
            return
        yield Level(price, _size_at(quote.sequence, 2 * index + buying, size, unit_step))


def _size_at(sequence: int, place: int, size: int, unit_step: int) -> int:
    """Units at a place in the book, which numbers the levels of both sides."""
    chosen = _hashed(sequence * _PLACES + place) % _QUANTILES
    units = size * _SIZE_PERCENT[chosen] // 100
    return max(units - units % unit_step, unit_step)


def _hashed(number: int) -> int:
    """A 32-bit hash (the finaliser of A. Appleby's MurmurHash3)."""
    number &= _WORD
    number = (number ^ number >> 16) * 0x85EBCA6B & _WORD
    number = (number ^ number >> 13) * 0xC2B2AE35 & _WORD
    return number ^ number >> 16


def level_step(price: Decimal, increment: Decimal) -> Decimal:
    """The distance between two levels: 0.02 % of the price, on the grid, at least one increment."""
    increments = int(price / _LEVELS_PER_PRICE / increment)
    return increment * max(increments, 1)


def named(name: str, depth: int, *, now: datetime) -> dict[str, Any]:
    """The book of the instrument with this symbol (upper or lower case) or id.

    Raises instruments.UnknownSymbol.
    """
    symbol = "" if "\x00" in name else canonical(name)
    found = statements.query(_SELECT_BY_SYMBOL, (symbol,))
    if not found:  # an id, or no quote yet
        return document(instruments.find(name), depth, now=now)
    [row] = found
    instrument = _instruments.make(row[_quotes.width :])
    return _document(instrument, _quotes.make(row[: _quotes.width]), depth, now)


def document(instrument: Instrument, depth: int, *, now: datetime) -> dict[str, Any]:
    """The book of the public contract; empty while the instrument has no quote."""
    found = statements.query(_SELECT_QUOTE, (instrument.pk,))
    if not found:
        return {"symbol": instrument.symbol, "sequence": 0, "bids": [], "asks": []}
    return _document(instrument, _quotes.make(found[0]), depth, now)


def _document(instrument: Instrument, quote: Quote, depth: int, now: datetime) -> dict[str, Any]:
    bids, asks = whole_book(instrument, quote, depth, now)
    return {
        "symbol": instrument.symbol,
        "sequence": quote.sequence,
        "bids": [_row(instrument, level) for level in bids],
        "asks": [_row(instrument, level) for level in asks],
    }


def _row(instrument: Instrument, level: Level) -> list[str]:
    price = price_text(level.price, instrument.price_increment)
    return [price, plain_units(level.units, instrument.scale)]


def whole_book(
    instrument: Instrument, quote: Quote, depth: int, now: datetime
) -> tuple[list[Level], list[Level]]:
    """Bids and asks that an order could trade against: the street and resting orders together."""
    bids, asks = _street(instrument, quote, Side.SELL), _street(instrument, quote, Side.BUY)
    given = (instrument.pk, now, depth)
    for side, limit_price, units in statements.query(_RESTING, (*given, *given)):
        [price] = _limit_price.load((limit_price,))
        (bids if side == Side.BUY else asks)[price] += int(units)
    return _best(bids, depth, highest_first=True), _best(asks, depth, highest_first=False)


def _street(instrument: Instrument, quote: Quote, meets: Side) -> dict[Decimal, int]:
    units: dict[Decimal, int] = defaultdict(int)
    for level in street_levels(instrument, quote, meets):
        units[level.price] += level.units
    return units


def _best(units: dict[Decimal, int], depth: int, *, highest_first: bool) -> list[Level]:
    prices = sorted(units, reverse=highest_first)[:depth]
    return [Level(price, units[price]) for price in prices]


# What a book has no use for is not read.
_quotes = Reader(
    Quote,
    without=(
        *("price", "previous_close", "open", "high", "low", "volume", "session_date"),
        *("timestamp", "unworked", "came_from", "low_ahead"),
    ),
)
_instruments = Reader(Instrument, without=("name", "currency", "min_quantity", "tradable"))
_SELECT_QUOTE = (
    f"SELECT {_quotes.columns('quote')} FROM exchange_quote quote "  # noqa: S608
    "WHERE quote.instrument_id = %s"
)
_SELECT_BY_SYMBOL = (
    f"SELECT {_quotes.columns('quote')}, {_instruments.columns('instrument')} "  # noqa: S608
    "FROM exchange_instrument instrument "
    "JOIN exchange_quote quote ON quote.instrument_id = instrument.id "
    "WHERE instrument.symbol = %s"
)
_limit_price = Columns(Order, ("limit_price",))
_WORKING = ", ".join(f"'{status}'" for status in WORKING_STATUSES)
# Two exits of a pair sell the same units, so only the better one is shown: the one that has
# priority over the other in the book.
_NO_BETTER_EXIT = (
    "AND NOT EXISTS (SELECT 1 FROM exchange_order better "  # noqa: S608
    "WHERE better.pair_id = resting.pair_id "
    f"AND better.status IN ({_WORKING}) AND NOT better.armed "
    "AND (better.limit_price < resting.limit_price "
    "OR better.limit_price = resting.limit_price AND better.id < resting.id))"
)


def _resting(side: Side, direction: str, shown: str = "") -> str:
    """Units of working orders by price, best first: of an instrument, at a time, so many prices."""
    return (
        f"SELECT * FROM (SELECT '{side.value}' AS side, resting.limit_price, "  # noqa: S608
        "SUM(resting.quantity - resting.filled_quantity) AS units FROM exchange_order resting "
        f"WHERE resting.instrument_id = %s AND resting.side = '{side.value}' "
        f"AND resting.status IN ({_WORKING}) AND NOT resting.armed "
        "AND resting.limit_price IS NOT NULL "
        f"AND (resting.expires_at IS NULL OR resting.expires_at > %s) {shown} "
        f"GROUP BY resting.limit_price ORDER BY resting.limit_price {direction} LIMIT %s) "
        f"AS {side.value}s"
    )


_RESTING = f"{_resting(Side.BUY, 'DESC')} UNION ALL {_resting(Side.SELL, 'ASC', _NO_BETTER_EXIT)}"
