"""Equity and time-weighted return of an account at regular times of a window.

The return is chained over the regular times and over the deposits and withdrawals (*flows*) between
them, at which the account was valued when they were booked. So the return between two times depends
neither on the steps in between nor on which candles are still kept: returns of different periods
agree about the days that they share.

Positions are valued at the newest close known by then, and at the live quote at the end. A flow
that was booked before valuations were stored is valued at the owner's own trades and at daily
closes, which are kept for ever: not to the minute, but the same at any time and for any period.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import compress, groupby
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

from banking.rules.assets import USD
from exchange.models import Instrument, Interval
from portfolio import flow_valuations, history, past_values, prices, splits
from portfolio.history import Flow, Movements
from portfolio.instants import instant
from portfolio.past_values import Grid, Prices
from portfolio.periods import EVERY_MOMENT, Steps, Window
from portfolio.prices import Observations
from portfolio.rules import grids, returns
from portfolio.rules.grids import NOTHING, Integers


class SeriesPoint(NamedTuple):
    """One regular time, in cents. `net_deposit_cents` and the returns are those since the start."""

    time: datetime
    equity_cents: int
    net_deposit_cents: int
    time_weighted_return: float | None
    benchmark_return: float | None

    @property
    def equity(self) -> Decimal:
        """Dollars."""
        return USD.amount(self.equity_cents)

    @property
    def net_deposits(self) -> Decimal:
        """Dollars."""
        return USD.amount(self.net_deposit_cents)


@dataclass(frozen=True, slots=True)
class SeriesPoints:
    """The regular points, a list for each of their figures; goes through them as `SeriesPoint`s."""

    times: Sequence[datetime] = ()
    equity_cents: Sequence[int] = ()
    net_deposit_cents: Sequence[int] = ()
    time_weighted_returns: Sequence[float | None] = ()
    benchmark_returns: Sequence[float | None] = ()

    def __iter__(self) -> Iterator[SeriesPoint]:
        columns = (
            self.times,
            self.equity_cents,
            self.net_deposit_cents,
            self.time_weighted_returns,
            self.benchmark_returns,
        )
        return map(SeriesPoint._make, zip(*columns, strict=True))


NO_POINTS = SeriesPoints()


@dataclass(frozen=True, slots=True)
class EquitySeries:
    """The regular points, and the return at the last one; None if there was never any money."""

    points: SeriesPoints
    time_weighted_return: float | None


class Worth(NamedTuple):
    """The account just after a flow, in cents. `is_valued` if its value was stored."""

    at: datetime
    equity: int
    flow: int
    entry_id: int
    is_valued: bool


@dataclass(frozen=True, slots=True)
class Account:
    """What is needed to value an account at any time of a window. `reference` is the benchmark."""

    owner_id: UUID
    window: Window
    movements: Movements
    past_splits: splits.Splits
    instruments: Sequence[Instrument]
    reference: Instrument | None

    def values_at(
        self, grid: Grid, movements: Movements, observed: Observations, *, steps: Steps
    ) -> dict[Instrument, Integers]:
        """Cents of each position at each time, at observed prices and the owner's own trades'.

        `steps` are those between which movements are added up.
        """
        trades = prices.executed(owner_id=self.owner_id, until=self.window.end, steps=steps)
        return past_values.values_at(
            grid,
            units={each: movements.units.get(each.symbol, NOTHING) for each in self.instruments},
            prices=Prices(observed, trades, self.past_splits),
        )


@dataclass(frozen=True, slots=True)
class Valued:
    """An account at the regular times of a window, and just after each flow.

    `values` are the positions at the regular times, and `estimated` at the flows without a stored
    valuation, by their times; both in cents. `opening` is the last flow of an opening moment, whose
    value takes the place of the first regular one; `later` are the flows after that.
    """

    grid: Grid
    observed: Observations
    values: dict[Instrument, Integers]
    equity: list[int]
    estimated: tuple[Sequence[datetime], dict[Instrument, Integers]]
    opening: Worth | None
    later: list[Worth]

    @property
    def had_money(self) -> bool:
        """Whether there was anything before the end."""
        return any(
            cents > 0 for cents in (*self.equity[:-1], *(each.equity for each in self.later))
        )


class Chain(NamedTuple):
    """All points of a return: equity just after each flow and at the regular times, in cents.

    At equal times a regular one comes last. The `flows` of the others are zero.
    """

    worth: list[int]
    flows: list[int]
    is_regular: list[bool]

    def add_regular(self, worth: Sequence[int]) -> None:
        """More of the regular points."""
        self.worth.extend(worth)
        self.flows.extend([0] * len(worth))
        self.is_regular.extend([True] * len(worth))


def compute(
    *,
    owner_id: UUID,
    window: Window,
    movements: Movements,
    flows: Sequence[Flow],
    instruments: Sequence[Instrument],
    reference: Instrument | None,
) -> EquitySeries:
    """The account over the window. `flows` are those that its start equity does not include.

    `movements` are those of the window's steps, `instruments` all that was held since its start,
    and `reference` is the benchmark.
    """
    account = account_of(owner_id, window, movements, instruments, reference)
    valued = value(account, flows)
    links = chain(valued)
    totals = returns.twr_of_cents(links.worth, links.flows)
    points = SeriesPoints(
        valued.grid.times,
        valued.equity,
        _net_deposits(valued.grid, flows),
        list(compress(totals, links.is_regular)),
        _benchmark_returns(valued.grid, valued.observed, account),
    )
    return EquitySeries(points, totals[-1] if valued.had_money else None)


def account_of(
    owner_id: UUID,
    window: Window,
    movements: Movements,
    instruments: Sequence[Instrument],
    reference: Instrument | None = None,
) -> Account:
    """The account, with the splits of all that is valued in it."""
    symbols = {each.symbol for each in (*instruments, reference) if each}
    return Account(owner_id, window, movements, splits.by_symbol(symbols), instruments, reference)


def value(account: Account, flows: Sequence[Flow]) -> Valued:
    """The account at the regular times of its window and at these flows of it."""
    window, movements = account.window, account.movements
    grid = Grid(list(window.grid()))
    observed = _observed(account)
    unvalued = sorted({flow.at for flow in flows if flow.equity_before is None})
    estimated, equity_then = _estimated(account, unvalued)
    at_flows = list(_after_flows(flows, dict(zip(unvalued, equity_then, strict=True))))
    values = account.values_at(grid, movements, observed, steps=window.steps)
    equity = past_values.equity(grid, movements.cash, values.values())
    opening = [point for point in at_flows if point.at == window.start]
    if opening and window.start < window.end:
        equity[0] = opening[-1].equity
    later = [point for point in at_flows if point.at > window.start]
    last = opening[-1] if opening else None
    return Valued(grid, observed, values, equity, (unvalued, estimated), last, later)


def chain(valued: Valued) -> Chain:
    """The points between which returns are linked, in order of time."""
    links, times, done = Chain([], [], []), valued.grid.times, 0
    for point in valued.later:
        place = bisect_left(times, point.at, lo=done)
        if place > done:
            links.add_regular(valued.equity[done:place])
            done = place
        links.worth.append(point.equity)
        links.flows.append(point.flow)
        links.is_regular.append(False)
    links.add_regular(valued.equity[done:])
    return links


def _observed(account: Account) -> Observations:
    """Closes and quotes of all that was held, and of the benchmark."""
    window = account.window
    priced = {each.symbol: each for each in (*account.instruments, account.reference) if each}
    closes = prices.closes(
        symbols=list(priced), interval=window.interval, start=window.start, end=window.end
    )
    return prices.merged(closes, prices.quoted(instruments=priced.values(), at=window.end))


def _estimated(
    account: Account, times: Sequence[datetime]
) -> tuple[dict[Instrument, Integers], list[int]]:
    """Positions and equity at flows without a stored valuation.

    They are valued at daily closes and the owner's trades.
    """
    if not times:
        return {}, []
    window = account.window
    closes = prices.closes(
        symbols=[each.symbol for each in account.instruments],
        interval=Interval.ONE_DAY,
        start=window.start,
        end=window.end,
    )
    movements = history.movements(owner_id=account.owner_id, until=window.end, steps=EVERY_MOMENT)
    grid = Grid(times)
    values = account.values_at(grid, movements, closes, steps=EVERY_MOMENT)
    return values, past_values.equity(grid, movements.cash, values.values())


def _after_flows(flows: Sequence[Flow], estimated: dict[datetime, int]) -> Iterator[Worth]:
    """`estimated` is the equity after all flows of a time, where one has no stored valuation."""
    for at, together in groupby(flows, key=attrgetter("at")):
        group = list(together)
        equity = estimated.get(at, 0) - sum(flow.cents for flow in group)
        for flow in group:
            before = equity if flow.equity_before is None else flow.equity_before
            equity = before + flow.cents
            yield Worth(at, equity, flow.cents, flow.entry_id, flow.equity_before is not None)


def _net_deposits(grid: Grid, flows: Sequence[Flow]) -> list[int]:
    changes = grids.series([instant(flow.at) for flow in flows], [flow.cents for flow in flows])
    return list(map(int, grids.totals_at(grid.instants, changes).tolist()))


def _benchmark_returns(grid: Grid, observed: Observations, account: Account) -> list[float | None]:
    if account.reference is None:
        return [None] * len(grid.times)
    known = observed.get(account.reference.symbol, [])
    if account.window.from_opening:
        first = _opening_price(account, account.reference)
    else:
        (first,) = past_values.newest_prices(Grid(grid.times[:1]), known)
    if first is None:
        return [None] * len(grid.times)
    return [0.0, *past_values.returns_since(first, grid, known)[1:]]


def _opening_price(account: Account, reference: Instrument) -> Decimal | None:
    """What the benchmark cost, in today's shares, when the account was opened."""
    opening = account.movements.flows[0]
    price = flow_valuations.price_at(opening.entry_id, reference.symbol)
    if price is not None:
        past_splits = account.past_splits.get(reference.symbol, ())
        return splits.price_today(price, opening.at, past_splits)
    closes = prices.closes(
        symbols=[reference.symbol], interval=Interval.ONE_DAY, start=opening.at, end=opening.at
    )
    known = closes.get(reference.symbol, [])
    return past_values.newest_prices(Grid([opening.at]), known)[0]
