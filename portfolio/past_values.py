"""What an account was worth at past times, in cents: the definition is `valuation.market_value`.

Integers give the same as it does. Only where an owner's trade from before a split has a price that
no integer can express is each value computed by it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, lru_cache

import numpy as np

from banking.rules.assets import USD
from exchange.market import quotes
from exchange.market.rules import bonds, calendar
from exchange.models import Instrument
from portfolio import instants, splits, valuation
from portfolio.prices import Observations
from portfolio.rules import grids
from portfolio.rules.grids import Integers, Series

_HOUR = instants.microseconds(timedelta(hours=1))
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Grid:
    """Times at which something is valued, in order."""

    times: Sequence[datetime]

    @cached_property
    def instants(self) -> Integers:
        since = self.times[0]
        passed = [(time - since) // instants.MICROSECOND for time in self.times]
        return np.array(passed, np.int64) + instants.instant(since)

    @cached_property
    def settlements(self) -> Integers:
        """When bonds settle that are traded at these times, as ordinals of days."""
        return np.array(list(map(_settlement, (self.instants // _HOUR).tolist())), np.int64)


# Days begin at full hours, in New York too. What is remembered depends on the argument alone.
@lru_cache(maxsize=8192)
def _settlement(hour: int) -> int:
    return calendar.settlement_date(instants.time_of(hour * _HOUR)).toordinal()


@dataclass(frozen=True, slots=True)
class Prices:
    """What positions are valued at: the newest of prices observed and of the owner's own trades."""

    observed: Observations
    trades: Mapping[str, Series]
    past_splits: splits.Splits

    def of(self, instrument: Instrument) -> tuple[Series, Sequence[tuple[datetime, Fraction]]]:
        """The owner's trades in it, at the prices of their time, and its splits."""
        symbol = instrument.symbol
        return self.trades.get(symbol, grids.NOTHING), self.past_splits.get(symbol, ())


def values_at(
    grid: Grid, *, units: dict[Instrument, Series], prices: Prices
) -> dict[Instrument, Integers]:
    """Cents that each position was worth at each time: its units then, at their newest price.

    A bond's value includes the interest that had accrued by then. Units of which no price was
    known yet count as zero.
    """
    return {
        instrument: _values_at(grid, instrument, grids.totals_at(grid.instants, changes), prices)
        for instrument, changes in units.items()
    }


def equity(grid: Grid, cash: Series, values: Iterable[Integers]) -> list[int]:
    """Cents of equity at each time: cash, and what positions were worth."""
    total = grids.totals_at(grid.instants, cash)
    for value in values:
        total = total + value
    return list(map(int, total.tolist()))


def _values_at(grid: Grid, instrument: Instrument, held: Integers, prices: Prices) -> Integers:
    paid, past_splits = prices.of(instrument)
    observed = prices.observed.get(instrument.symbol, [])
    interest = accrued_at(grid, instrument) if instrument.is_bond else None
    if past_splits:
        held = grids.integers(splits.units_today(grid.times, held.tolist(), past_splits))
        trades = list(_restated(paid, past_splits))
        if not all(instants.is_exact(price) for _, price in trades):
            return _values_one_by_one(grid, instrument, held, trades, observed, interest)
        restated = [instants.price_units(price) for _, price in trades]
        paid = Series(paid.at, grids.integers(restated))
    newest, known = grids.newest_at(grid.instants, grids.merged([paid, *observed]))
    held = np.where(known, held, 0)
    divisor = 10**instrument.scale * int(instrument.price_divisor)
    values = grids.cents(held, newest, divisor=divisor)
    if interest is not None:
        values = values + grids.cents(held, interest, divisor=divisor)
    return values


def _restated(
    paid: Series, past_splits: Sequence[tuple[datetime, Fraction]]
) -> Iterator[tuple[datetime, Decimal]]:
    """The prices of trades in today's shares."""
    for at, units in zip(paid.at.tolist(), paid.values.tolist(), strict=True):
        time = instants.time_of(at)
        yield time, splits.price_today(instants.price_of(units), time, past_splits)


def _values_one_by_one(
    grid: Grid,
    instrument: Instrument,
    held: Integers,
    trades: Sequence[tuple[datetime, Decimal]],
    observed: Sequence[Series],
    interest: Integers | None,
) -> Integers:
    candidates = [
        Series(np.array([instants.instant(at)]), np.array([price], object)) for at, price in trades
    ]
    for series in observed:
        decimals = [instants.price_of(units) for units in series.values.tolist()]
        candidates.append(Series(series.at, np.array(decimals, object)))
    newest, known = grids.newest_at(grid.instants, grids.merged(candidates))
    accrued = np.zeros(len(newest), np.int64) if interest is None else interest
    values = [
        USD.units(
            valuation.market_value(
                instrument, int(units), price=price, accrued=instants.price_of(earned)
            )
        )
        if units and is_known
        else 0
        for units, price, is_known, earned in zip(
            held.tolist(), newest, known, accrued.tolist(), strict=True
        )
    ]
    return grids.integers(values)


def returns_since(first: Decimal, grid: Grid, observed: Sequence[Series]) -> list[float | None]:
    """The return of a price at each time since it was `first`; None before it is known."""
    newest, known = grids.newest_at(grid.instants, grids.merged([grids.NOTHING, *observed]))
    if instants.is_exact(first):
        ratios = grids.quotients(newest, np.array([instants.price_units(first)]))
    else:
        ratios = np.array([float(instants.price_of(price) / first) for price in newest.tolist()])
    found = (ratios - 1).tolist()
    unknown = int(np.count_nonzero(~known))  # those before the first
    return [*[None] * unknown, *found[unknown:]]


def newest_prices(grid: Grid, observed: Sequence[Series]) -> list[Decimal | None]:
    """The newest price at each time, None before the first."""
    newest, known = grids.newest_at(grid.instants, grids.merged([grids.NOTHING, *observed]))
    return [
        instants.price_of(price) if is_known else None
        for price, is_known in zip(newest.tolist(), known.tolist(), strict=True)
    ]


def accrued_at(grid: Grid, bond: Instrument) -> Integers:
    """Interest per 100 of face value at each time, in units of prices."""
    terms, days = quotes.terms_of(bond), grid.settlements
    first, last = (date.fromordinal(int(days[place])).year for place in (0, -1))
    years = [_accrued_in(terms, year) for year in range(first, last + 1)]
    interest: Integers = np.concatenate(years)[days - date(first, 1, 1).toordinal()]
    return interest


# It is asked for again and again, and depends on the arguments alone.
@lru_cache(maxsize=1024)
def _accrued_in(terms: bonds.BondTerms, year: int) -> Integers:
    """The interest of each day of a year."""
    first = date(year, 1, 1)
    days = (first + number * _ONE_DAY for number in range(366))
    found = bonds.accrued_on(terms, (day for day in days if day.year == year))
    interest = [instants.price_units(each.quantize(quotes.ACCRUED_PLACES)) for each in found]
    return np.array(interest, np.int64)
