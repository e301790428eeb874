"""What an account held at a past time, in shares and at prices of that time.

Positions are valued at the newest close known by then; daily closes are kept for ever. Candles are
restated by later splits, so a close is brought back into the shares of its time: exactly, where it
was on the price grid of its instrument.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import prod
from uuid import UUID

from banking.rules.assets import EXACT, USD
from exchange.market import candles, quotes
from exchange.models import Instrument, Interval
from portfolio import history, instants, prices, securities, splits, valuation
from portfolio.history import Flow
from portfolio.periods import Steps
from portfolio.prices import Observations
from portfolio.rules.grids import Series

_DAY = candles.LENGTH[Interval.ONE_DAY]
# How far a rounding to 1e-8 may be off.
_ROUNDED = Fraction(1, 2 * 10**8)

_Splits = Sequence[tuple[datetime, Fraction]]


@dataclass(frozen=True, slots=True)
class PastPosition:
    """Units of an instrument, in the shares of their time; `value_cents` is 0 without a price.

    `price` is for one share or coin, or for 100 of a bond's face value; `accrued` is the interest
    on that, which the value includes.
    """

    instrument: Instrument
    units: int
    price: Decimal | None
    accrued: Decimal
    value_cents: int


@dataclass(frozen=True, slots=True)
class PastAccount:
    """Cash and positions, by symbol, at a time; `flows` are what banks have moved until then."""

    cash_cents: int
    positions: dict[str, PastPosition]
    flows: list[Flow]

    @property
    def equity_cents(self) -> int:
        return self.cash_cents + sum(each.value_cents for each in self.positions.values())


def read(*, owner_id: UUID, at: datetime, is_now: bool) -> PastAccount:
    """The owner's account after all that was booked up to and at a time.

    With `is_now`, positions are valued at their quotes.
    """
    steps = Steps(at, _DAY)
    moved = history.movements(owner_id=owner_id, until=at, steps=steps)
    units = {symbol: int(changes.values.sum()) for symbol, changes in moved.units.items()}
    instruments = securities.by_symbols(sorted(symbol for symbol in units if units[symbol]))
    symbols = [each.symbol for each in instruments]
    observed = prices.closes(symbols=symbols, interval=Interval.ONE_DAY, start=at, end=at)
    if is_now:
        observed = prices.merged(observed, prices.quoted(instruments=instruments, at=at))
    paid = prices.executed(owner_id=owner_id, until=at, steps=steps) if symbols else {}
    past_splits = splits.by_symbol(symbols)
    positions = {}
    for each in instruments:
        price = _price_at(at, each, observed, paid.get(each.symbol), past_splits)
        positions[each.symbol] = _position(each, units[each.symbol], price, at)
    return PastAccount(int(moved.cash.values.sum()), positions, moved.flows)


def _position(
    instrument: Instrument, units: int, price: Decimal | None, at: datetime
) -> PastPosition:
    accrued = quotes.accrued_interest(instrument, at).quantize(quotes.ACCRUED_PLACES)
    if price is None:
        return PastPosition(instrument, units, None, accrued, 0)
    value = valuation.market_value(instrument, units, price=price, accrued=accrued)
    return PastPosition(instrument, units, price, accrued, USD.units(value))


def _price_at(
    at: datetime,
    instrument: Instrument,
    observed: Observations,
    paid: Series | None,
    past_splits: splits.Splits,
) -> Decimal | None:
    """The newest price known at a time: a close or quote, or what the owner has paid since that."""
    carried_out = sorted(past_splits.get(instrument.symbol, ()))
    found: tuple[int, Decimal] | None = None
    if paid is not None and len(paid.at):
        traded_at = int(paid.at[-1])
        since = [each for each in carried_out if instants.time_of(traded_at) < each[0] <= at]
        found = traded_at, _after(instants.price_of(int(paid.values[-1])), since)
    for series in observed.get(instrument.symbol, ()):
        known_at = int(series.at[-1])
        if found is None or known_at >= found[0]:
            close = instants.price_of(int(series.values[-1]))
            increment = instrument.price_increment
            found = (
                known_at,
                close_at(at, close, instants.time_of(known_at), increment, carried_out),
            )
    return None if found is None else found[1]


def close_at(
    at: datetime, close: Decimal, known_at: datetime, increment: Decimal, carried_out: _Splits
) -> Decimal:
    """A daily close in the shares of a time after it, from what later splits have made of it.

    All of them, in order, have restated it, each rounded to 1e-8. The last trade of its day may
    have been before a split of that day. The price that is on the grid before as few splits as
    possible is what was traded at, and is restated up to that time only. If there is none, the
    close is restated back.
    """
    later = [each for each in carried_out if each[0] > known_at]
    same_day = [each for each in carried_out if known_at - _DAY < each[0] <= known_at]
    for undone in (same_day[count:] + later for count in range(len(same_day), -1, -1)):
        traded = _on_grid(close, undone, increment)
        if traded is not None:
            return _after(traded, [each for each in undone if each[0] <= at])
    return _decimal(Fraction(close) * _ratio([each for each in later if each[0] > at]))


def _on_grid(restated: Decimal, undone: _Splits, increment: Decimal) -> Decimal | None:
    """The price of the grid that these splits have made another; None if there is none."""
    ratio, off = Fraction(1), Fraction(0)
    for _, each in undone:
        ratio *= each
        off += _ROUNDED * ratio
    exact, step = Fraction(restated) * ratio, Fraction(increment)
    nearest = round(exact / step) * step
    return _decimal(nearest) if abs(nearest - exact) <= off else None


def _after(price: Decimal, carried_out: _Splits) -> Decimal:
    return _decimal(Fraction(price) / _ratio(carried_out)) if carried_out else price


def _ratio(carried_out: _Splits) -> Fraction:
    return prod((each for _, each in carried_out), start=Fraction(1))


def _decimal(price: Fraction) -> Decimal:
    quotient = EXACT.divide(Decimal(price.numerator), price.denominator)
    return quotient.quantize(valuation.UNIT_PLACES, context=EXACT)
