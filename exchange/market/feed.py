"""Recording a round of prices: the only writer of quotes and candles."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from exchange.market import candles, moves
from exchange.market.moves import Move
from exchange.market.ticks import Round, Tick
from exchange.models import Instrument, InstrumentStatus, Quote


@dataclass(frozen=True, slots=True)
class Recorded:
    """The quotes that a round changed, locked for the rest of the transaction, and large moves."""

    quotes: tuple[Quote, ...]
    at: datetime
    moves: tuple[Move, ...]


def lock_quotes(symbols: list[str]) -> list[Quote]:
    """Quote rows of these symbols, locked in the order of their keys, the first in lock order."""
    return list(
        Quote.objects.select_for_update(of=("self",))
        .filter(instrument__symbol__in=symbols)
        .select_related("instrument", "instrument__bond")
        .order_by("pk")
    )


def record(round_: Round) -> Recorded:
    """Write the round's quotes and fold its candles. Call inside a transaction.

    Halted instruments keep their last quote: no price is made while trading is stopped.
    """
    ticks = {tick.symbol: tick for tick in round_.ticks}
    locked = lock_quotes(list(ticks))
    # Read after the locks, which a halt takes too.
    active = set(
        Instrument.objects.filter(status=InstrumentStatus.ACTIVE).values_list("pk", flat=True)
    )
    changed = [quote for quote in locked if quote.instrument_id in active]
    trades: list[candles.Trade] = []
    large: list[Move] = []
    for quote in changed:
        tick = ticks[quote.instrument.symbol]
        large += _apply(quote, tick, round_.at)
        trades.append(
            candles.Trade(quote.instrument_id, round_.at, tick.price, _units(quote, tick.volume))
        )
    Quote.objects.bulk_create(
        changed, update_conflicts=True, unique_fields=["instrument"], update_fields=CHANGING_FIELDS
    )
    candles.record(trades)
    return Recorded(tuple(changed), round_.at, tuple(large))


CHANGING_FIELDS = [
    "price",
    "bid",
    "ask",
    "bid_size",
    "ask_size",
    "bid_taken",
    "ask_taken",
    "previous_close",
    "open",
    "high",
    "low",
    "volume",
    "session_date",
    "timestamp",
    "sequence",
]


def _apply(quote: Quote, tick: Tick, at: datetime) -> list[Move]:
    """The session is the UTC day: the market is open around the clock. Returns large moves."""
    high, low = quote.high, quote.low
    if at.date() != quote.session_date:
        quote.previous_close = high = low = quote.price
        quote.open = quote.high = quote.low = tick.price
        quote.volume = 0
        quote.session_date = at.date()
    quote.price, quote.bid, quote.ask = tick.price, tick.bid, tick.ask
    quote.bid_size, quote.ask_size = _units(quote, tick.bid_size), _units(quote, tick.ask_size)
    quote.bid_taken = quote.ask_taken = 0
    quote.high = max(quote.high, tick.price)
    quote.low = min(quote.low, tick.price)
    quote.volume += _units(quote, tick.volume)
    quote.timestamp = at
    quote.sequence += 1
    symbol, close = quote.instrument.symbol, quote.previous_close
    extremes = ((high, quote.high), (low, quote.low))
    found = (moves.passed(symbol, close=close, before=a, extreme=b) for a, b in extremes)
    return [move for move in found if move is not None]


def _units(quote: Quote, quantity: Decimal) -> int:
    return quote.instrument.asset.units_down(quantity)
