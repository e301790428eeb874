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

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum

from be.kernel.formats import plain, price_text
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


def whole_book(
    instrument: Instrument, quote: Quote, depth: int, now: datetime
) -> tuple[list[Level], list[Level]]:
    """Bids and asks that an order could trade against: the street and resting orders together."""
    return (
        _side(instrument, quote, rests=Side.BUY, meets=Side.SELL, depth=depth, now=now),
        _side(instrument, quote, rests=Side.SELL, meets=Side.BUY, depth=depth, now=now),
    )


def document(instrument: Instrument, depth: int, *, now: datetime) -> dict[str, Any]:
    """The book of the public contract; empty while the instrument has no quote."""
    quote = Quote.objects.filter(pk=instrument.pk).first()
    if quote is None:
        return {"symbol": instrument.symbol, "sequence": 0, "bids": [], "asks": []}
    bids, asks = whole_book(instrument, quote, depth, now)
    return {
        "symbol": instrument.symbol,
        "sequence": quote.sequence,
        "bids": [_row(instrument, level) for level in bids],
        "asks": [_row(instrument, level) for level in asks],
    }


def _row(instrument: Instrument, level: Level) -> list[str]:
    price = price_text(level.price, instrument.price_increment)
    return [price, plain(instrument.asset.amount(level.units))]


def _better_exits() -> QuerySet[Order]:
    """The other exit orders of an order's pair that have priority over it in the book."""
    return Order.objects.filter(
        Q(limit_price__lt=OuterRef("limit_price"))
        | Q(limit_price=OuterRef("limit_price"), pk__lt=OuterRef("pk")),
        pair_id=OuterRef("pair_id"),
        status__in=WORKING_STATUSES,
        armed=False,
    )


def _side(
    instrument: Instrument, quote: Quote, *, rests: Side, meets: Side, depth: int, now: datetime
) -> list[Level]:
    units: dict[Decimal, int] = defaultdict(int)
    for level in street_levels(instrument, quote, meets):
        units[level.price] += level.units
    resting = Order.objects.filter(
        Q(expires_at__isnull=True) | Q(expires_at__gt=now),
        instrument=instrument,
        side=rests,
        status__in=WORKING_STATUSES,
        armed=False,
        limit_price__isnull=False,
    )
    if rests == Side.SELL:  # two exits of a pair sell the same units, so only one is shown
        resting = resting.exclude(Exists(_better_exits()))
    levels = resting.values_list("limit_price").annotate(
        left=Sum(F("quantity") - F("filled_quantity"))
    )
    for price, left in levels.order_by("-limit_price" if rests == Side.BUY else "limit_price")[
        :depth
    ]:
        units[price] += left
    best_first = sorted(units, reverse=rests == Side.BUY)
    return [Level(price, units[price]) for price in best_first[:depth]]
