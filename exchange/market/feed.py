"""Recording a round of prices: the only writer of quotes and of growing candles.

A round is recorded completely or not at all, and only once. Its sequence number is written in the
same transaction as its quotes and candles, and a round whose number is not higher than the last one
changes nothing.

A tick that is older than its quote is late: a clock was set back, or a source sent rounds out of
order. It never changes the quote. It still counts in the candles of its time (`candles.FOLD_LATE`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from operator import attrgetter

from be.database import statements
from exchange.market import candles, quote_rows, revisions
from exchange.market.quote_rows import QuoteReader
from exchange.market.rules.ticks import Round, Tick
from exchange.models import SIMULATOR, Instrument, InstrumentStatus, Quote, Simulator

_quotes = QuoteReader()

CHANGING_COLUMNS = (
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
    "came_from",
    "low_ahead",
)
CHANGE_QUOTES = statements.update(Quote, ("instrument_id", *CHANGING_COLUMNS))
_changed = attrgetter("instrument_id", *CHANGING_COLUMNS)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded round: its number, and the quotes that it changed, locked until the commit."""

    sequence: int
    quotes: tuple[Quote, ...]
    at: datetime


def record(round_: Round) -> Recorded | None:
    """Write the round's quotes and fold its candles; None when it was recorded before.

    Call inside a transaction. Halted instruments keep their last quote and candles: there are no
    prices while trading is halted.
    """
    sequence = _count(round_.sequence)
    if sequence is None:
        return None
    ticks = {tick.symbol: tick for tick in round_.ticks}
    locked = lock_quotes(list(ticks))
    # Read after the quotes are locked, since a halt locks them too.
    active = set(
        Instrument.objects.filter(status=InstrumentStatus.ACTIVE).values_list("pk", flat=True)
    )
    trading = [quote for quote in locked if quote.instrument_id in active]
    changed = [quote for quote in trading if quote.timestamp <= round_.at]
    late = [quote for quote in trading if quote.timestamp > round_.at]
    for quote in changed:
        _apply(quote, ticks[quote.instrument.symbol], round_.at)
    write(changed, _trades(changed, ticks, round_.at), late=_trades(late, ticks, round_.at))
    if late:
        revisions.count()
    return Recorded(sequence, tuple(changed), round_.at)


def lock_quotes(symbols: Sequence[str]) -> list[Quote]:
    """The quotes of these symbols, locked in the order of their keys: first in the lock order."""
    if not symbols:
        return []
    chosen, values = statements.is_in("instrument.symbol", symbols)
    return [_quotes.make(row) for row in statements.query(_select_quotes(chosen), values)]


def write(
    quotes: Sequence[Quote],
    trades: Sequence[candles.Trade],
    *,
    late: Sequence[candles.Trade] = (),
) -> None:
    """Write locked quotes as they are now, and fold trades, in one round trip to the database."""
    statements.run(
        (CHANGE_QUOTES, [_changed(quote) for quote in quotes]),
        (candles.FOLD, trades),
        (candles.FOLD_LATE, late),
    )


def _count(sequence: int | None) -> int | None:
    """Store and return the number of a new round; None for a round that is not new."""
    simulator, _ = Simulator.objects.select_for_update().get_or_create(name=SIMULATOR)
    if sequence is not None and sequence <= simulator.rounds:
        return None
    simulator.rounds = simulator.rounds + 1 if sequence is None else sequence
    simulator.save(update_fields=["rounds"])
    return simulator.rounds


@cache
def _select_quotes(chosen: str) -> str:
    return (
        f"SELECT {_quotes.columns} FROM {quote_rows.TABLES} "
        f"WHERE {chosen} ORDER BY quote.instrument_id {statements.for_update('quote')}"
    )


def _apply(quote: Quote, tick: Tick, at: datetime) -> None:
    """Update the quote from its tick. A session is a UTC day, since the market never closes."""
    if at.date() != quote.session_date:
        quote.previous_close = quote.price
        quote.open = quote.high = quote.low = tick.price
        quote.volume = 0
        quote.session_date = at.date()
    quote.price, quote.bid, quote.ask = tick.price, tick.bid, tick.ask
    quote.bid_size, quote.ask_size = _units(quote, tick.bid_size), _units(quote, tick.ask_size)
    quote.bid_taken = quote.ask_taken = 0
    quote.came_from, quote.low_ahead = tick.came_from, tick.low_ahead
    quote.high = max(quote.high, tick.price)
    quote.low = min(quote.low, tick.price)
    quote.volume = min(quote.volume + _units(quote, tick.volume), candles.MOST_VOLUME)
    quote.timestamp = at
    quote.sequence += 1


def _trades(quotes: Sequence[Quote], ticks: dict[str, Tick], at: datetime) -> list[candles.Trade]:
    found = []
    for quote in quotes:
        tick = ticks[quote.instrument.symbol]
        found.append(candles.Trade(quote.instrument_id, at, tick.price, _units(quote, tick.volume)))
    return found


def _units(quote: Quote, quantity: Decimal) -> int:
    return quote.instrument.asset.units_down(quantity)
