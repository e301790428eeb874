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


class _Worth(NamedTuple):
    """The account just after a flow, in cents."""

    at: datetime
    equity: int
    flow: int


@dataclass(frozen=True, slots=True)
class _Account:
    """What is needed to value an account at any time of a window. `reference` is the benchmark."""

    owner_id: UUID
    window: Window
    movements: Movements
    past_splits: splits.Splits
    instruments: Sequence[Instrument]
    reference: Instrument | None

    def equity_at(
        self, grid: Grid, movements: Movements, observed: Observations, *, steps: Steps
    ) -> list[int]:
        """Cents at each time, at observed prices and those of the owner's own trades.

        `steps` are those between which movements are added up.
        """
        trades = prices.executed(owner_id=self.owner_id, until=self.window.end, steps=steps)
        return past_values.equity_at(
            grid,
            cash=movements.cash,
            units={each: movements.units[each.symbol] for each in self.instruments},
            prices=Prices(observed, trades, self.past_splits),
        )


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
    grid = Grid(list(window.grid()))
    symbols = {each.symbol for each in (*instruments, reference) if each}
    past_splits = splits.by_symbol(symbols)
    account = _Account(owner_id, window, movements, past_splits, instruments, reference)
    observed = _observed(account)
    at_flows = _valued_flows(account, flows)
    equity = account.equity_at(grid, movements, observed, steps=window.steps)
    opening = [point for point in at_flows if point.at == window.start]
    if opening and window.start < window.end:
        equity[0] = opening[-1].equity
    later = [point for point in at_flows if point.at > window.start]
    total_returns, regular_returns = _returns(grid, equity, later)
    points = SeriesPoints(
        grid.times,
        equity,
        _net_deposits(grid, flows),
        regular_returns,
        _benchmark_returns(grid, observed, account),
    )
    had_money = any(cents > 0 for cents in (*equity[:-1], *(point.equity for point in later)))
    return EquitySeries(points, total_returns[-1] if had_money else None)


def _observed(account: _Account) -> Observations:
    """Closes and quotes of all that was held, and of the benchmark."""
    window = account.window
    priced = {each.symbol: each for each in (*account.instruments, account.reference) if each}
    closes = prices.closes(
        symbols=list(priced), interval=window.interval, start=window.start, end=window.end
    )
    return prices.merged(closes, prices.quoted(instruments=priced.values(), at=window.end))


def _valued_flows(account: _Account, flows: Sequence[Flow]) -> list[_Worth]:
    """The account just after each flow."""
    unvalued = sorted({flow.at for flow in flows if flow.equity_before is None})
    estimated = dict(zip(unvalued, _estimated_equity(account, unvalued), strict=True))
    return list(_after_flows(flows, estimated))


def _estimated_equity(account: _Account, times: Sequence[datetime]) -> list[int]:
    """Equity at flows without a stored valuation, from daily closes and the owner's trades."""
    if not times:
        return []
    window = account.window
    closes = prices.closes(
        symbols=[each.symbol for each in account.instruments],
        interval=Interval.ONE_DAY,
        start=window.start,
        end=window.end,
    )
    movements = history.movements(owner_id=account.owner_id, until=window.end, steps=EVERY_MOMENT)
    return account.equity_at(Grid(times), movements, closes, steps=EVERY_MOMENT)


def _after_flows(flows: Sequence[Flow], estimated: dict[datetime, int]) -> Iterator[_Worth]:
    """`estimated` is the equity after all flows of a time, where one has no stored valuation."""
    for at, together in groupby(flows, key=attrgetter("at")):
        group = list(together)
        equity = estimated.get(at, 0) - sum(flow.cents for flow in group)
        for flow in group:
            before = equity if flow.equity_before is None else flow.equity_before
            equity = before + flow.cents
            yield _Worth(at, equity, flow.cents)


def _returns(
    grid: Grid, equity: Sequence[int], at_flows: Sequence[_Worth]
) -> tuple[list[float | None], list[float | None]]:
    """The return up to each point, flows included; and up to each point of the grid.

    At equal times a point of the grid comes last.
    """
    worth, flows, is_regular = [*equity], [0] * len(equity), [True] * len(equity)
    for point in reversed(at_flows):
        place = bisect_left(grid.times, point.at)
        worth.insert(place, point.equity)
        flows.insert(place, point.flow)
        is_regular.insert(place, False)
    total = returns.twr_of_cents(worth, flows)
    return total, list(compress(total, is_regular))


def _net_deposits(grid: Grid, flows: Sequence[Flow]) -> list[int]:
    changes = grids.series([instant(flow.at) for flow in flows], [flow.cents for flow in flows])
    return list(map(int, grids.totals_at(grid.instants, changes).tolist()))


def _benchmark_returns(grid: Grid, observed: Observations, account: _Account) -> list[float | None]:
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


def _opening_price(account: _Account, reference: Instrument) -> Decimal | None:
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
