"""What each instrument of an account has gained between the points of its return.

Between two points an instrument gains the change of its value, plus the money that it gave, less
what it took: so fees lower, and dividends and coupons raise, the gain of their instrument.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from exchange.models import Instrument
from portfolio import flow_valuations, instants, past_values
from portfolio.equity_series import Chain, Valued, Worth
from portfolio.instrument_changes import NO_CHANGES, AccountChanges, Changes
from portfolio.past_values import Grid
from portfolio.periods import Window
from portfolio.rules import grids
from portfolio.rules.grids import Integers

_LAST_ENTRY = 2**62


class Gains(NamedTuple):
    """An instrument: cents of its value at each point, gained in each interval, and in all.

    If the window begins with the first deposit, `gain` includes what was gained before it.
    """

    instrument: Instrument
    values: Integers
    intervals: Integers
    gain: int


class _Points(NamedTuple):
    """The points of a chain: up to which time, and at that time which entry, they reach."""

    at: Integers
    entries: Integers


def by_instrument(
    instruments: Sequence[Instrument],
    changes: AccountChanges,
    window: Window,
    valued: Valued,
    chain: Chain,
) -> list[Gains]:
    """The gains of these instruments, in their order."""
    flows = _flow_points(valued, chain)
    points = _points(valued, chain, flows)
    prices = flow_valuations.prices_at([point.entry_id for _, point in flows if point.is_valued])
    found = []
    for instrument in instruments:
        of = changes.by_symbol.get(instrument.symbol, NO_CHANGES)
        held = _totals(points, of, of.units)
        values = _values(instrument, held, valued, chain, flows, prices)
        given = _totals(points, of, of.cents)
        before = 0 if window.from_opening else int(values[0]) + int(given[0])
        total = int(values[-1]) + int(given[-1]) - before
        found.append(Gains(instrument, values, np.diff(values) + np.diff(given), total))
    return found


def _values(
    instrument: Instrument,
    held: Integers,
    valued: Valued,
    chain: Chain,
    flows: Sequence[tuple[int, Worth]],
    prices: Mapping[int, Mapping[str, str]],
) -> Integers:
    """Cents at each point of the chain, of which `held` are the units."""
    regular = valued.values[instrument]
    places = [place for place, _ in flows]
    at_flows = grids.integers(_values_at_flows(instrument, held[places], flows, prices, valued))
    values = np.zeros(len(held), np.result_type(regular, at_flows))
    values[np.array(chain.is_regular)] = regular
    values[places] = at_flows
    return values


def _flow_points(valued: Valued, chain: Chain) -> list[tuple[int, Worth]]:
    """The points at which a flow has come, and their places in the chain."""
    later = [place for place, is_regular in enumerate(chain.is_regular) if not is_regular]
    found = [*zip(later, valued.later, strict=True)]
    has_opening = valued.opening is not None and len(valued.grid.times) > 1
    return [(0, valued.opening), *found] if has_opening and valued.opening else found


def _points(valued: Valued, chain: Chain, flows: Sequence[tuple[int, Worth]]) -> _Points:
    """A flow that was valued when it was booked reaches up to its entry, all others to their time.

    What was booked at the same time as a flow, but before it, was there when it was valued.
    """
    at = np.empty(len(chain.worth), np.int64)
    at[np.array(chain.is_regular)] = valued.grid.instants
    entries = np.full(len(at), _LAST_ENTRY, np.int64)
    for place, point in flows:
        at[place] = instants.instant(point.at)
        if point.is_valued:
            entries[place] = point.entry_id
    return _Points(at, entries)


def _totals(points: _Points, changes: Changes, values: Integers) -> Integers:
    """The sum of all changes up to each point."""
    number = len(values)
    at = np.concatenate((changes.at, points.at))
    order = np.lexsort((np.concatenate((changes.entries, points.entries)), at))
    given = np.concatenate((values, np.zeros(len(points.at), values.dtype)))
    places = np.flatnonzero(order >= number)
    totals: Integers = np.empty(len(points.at), given.dtype)
    totals[order[places] - number] = np.cumsum(given[order])[places]
    return totals


def _values_at_flows(
    instrument: Instrument,
    held: Integers,
    flows: Sequence[tuple[int, Worth]],
    prices: Mapping[int, Mapping[str, str]],
    valued: Valued,
) -> list[int]:
    """Cents at each flow: as it was stored, or as `equity_series` estimates it."""
    if not flows:
        return []
    units = [
        instants.price_units(Decimal(prices.get(point.entry_id, {}).get(instrument.symbol, 0)))
        for _, point in flows
    ]
    known = np.array(units, np.int64)
    # Without a price, interest does not count either.
    held = np.where(known > 0, held, 0)
    divisor = 10**instrument.scale * int(instrument.price_divisor)
    values = grids.cents(held, known, divisor=divisor)
    if instrument.is_bond:
        interest = past_values.accrued_at(Grid([point.at for _, point in flows]), instrument)
        values = values + grids.cents(held, interest, divisor=divisor)
    times, estimates = valued.estimated
    by_time = dict(zip(times, estimates[instrument].tolist(), strict=True)) if times else {}
    return [
        value if point.is_valued else by_time[point.at]
        for value, (_, point) in zip(values.tolist(), flows, strict=True)
    ]


def unexplained(gains: Sequence[Gains], chain: Chain) -> Integers:
    """What the account gained in each interval beyond what its instruments did, in cents."""
    rest = np.diff(grids.integers(chain.worth)) - grids.integers(chain.flows)[1:]
    for each in gains:
        rest = rest - each.intervals
    return rest
