"""Equity and time-weighted return of an account at regular times of a window.

The return is chained over the regular times and over the deposits and withdrawals (*flows*) between
them, at which the account was valued when they were booked. So the return between two times depends
neither on the steps in between nor on which candles are still kept: returns of different periods
agree about the days that they share.

Positions are valued at the newest close known by then, and at the live quote at the end. A flow
that was booked before valuations were stored is valued at the owner's own trades and at daily
closes, which are kept for ever: not to the minute, but the same at any time and for any period.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from banking.rules.assets import USD
from exchange.models import Instrument, Interval
from portfolio import flow_valuations, history, prices, splits
from portfolio.history import Flow, Movements
from portfolio.periods import Window
from portfolio.prices import Observations
from portfolio.rules import returns
from portfolio.rules.returns import Point

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """One regular time. `net_deposits` and the returns are those since the start."""

    time: datetime
    equity: Decimal
    net_deposits: Decimal
    time_weighted_return: float | None
    benchmark_return: float | None


@dataclass(frozen=True, slots=True)
class EquitySeries:
    """The regular points, and the return at the last one; None if there was never any money."""

    points: Sequence[SeriesPoint]
    time_weighted_return: float | None


@dataclass(frozen=True, slots=True)
class _Account:
    """What is needed to value an account at any time of a window."""

    owner_id: UUID
    window: Window
    movements: Movements
    past_splits: splits.Splits
    instruments: Sequence[Instrument]
    trade_prices: Observations

    def equity_at(self, times: Sequence[datetime], observed: Observations) -> list[Decimal]:
        """Dollars at each time, at observed prices and those of the owner's own trades."""
        units = {
            instrument: splits.units_today(
                times,
                history.totals_at(times, self.movements.units[instrument.symbol]),
                self.past_splits.get(instrument.symbol, ()),
            )
            for instrument in self.instruments
        }
        return history.equity_at(
            times,
            cash=self.movements.cash,
            units=units,
            observed=prices.merged(self.trade_prices, observed),
        )


def compute(
    *,
    owner_id: UUID,
    window: Window,
    movements: Movements,
    flows: Sequence[Flow],
    reference: Instrument | None,
) -> EquitySeries:
    """The account over the window. `flows` are those that its start equity does not include.

    `reference` is the benchmark.
    """
    grid = list(window.grid())
    account = _account(owner_id, window, movements, reference)
    priced = {*account.instruments, reference} if reference else {*account.instruments}
    observed = prices.merged(
        prices.closes(
            instruments=priced, interval=window.interval, start=window.start, end=window.end
        ),
        prices.quoted(instruments=priced, at=window.end),
    )
    at_flows = _valued_flows(account, flows)
    equity = account.equity_at(grid, observed)
    opening = [point for point in at_flows if point.at == window.start]
    if opening and window.start < window.end:
        equity[0] = opening[-1].equity
    points = _in_order(
        [Point(at, value, ZERO) for at, value in zip(grid, equity, strict=True)],
        [point for point in at_flows if point.at > window.start],
    )
    total_returns = returns.twr_series([point for point, _ in points])
    regular_returns = [
        total for total, (_, is_grid) in zip(total_returns, points, strict=True) if is_grid
    ]
    return EquitySeries(
        [
            SeriesPoint(*values)
            for values in zip(
                grid,
                equity,
                _net_deposits(grid, flows),
                regular_returns,
                _benchmark_returns(grid, observed, account, reference),
                strict=True,
            )
        ],
        total_returns[-1] if any(point.equity > 0 for point, _ in points[:-1]) else None,
    )


def _account(
    owner_id: UUID, window: Window, movements: Movements, reference: Instrument | None
) -> _Account:
    symbols = [
        symbol
        for symbol, changes in movements.units.items()
        if _is_held(changes, since=window.start)
    ]
    priced = [*symbols, reference.symbol] if reference else symbols
    past_splits = splits.by_symbol(priced)
    return _Account(
        owner_id,
        window,
        movements,
        past_splits,
        list(Instrument.objects.filter(symbol__in=symbols).select_related("bond", "quote")),
        prices.executed(owner_id=owner_id, until=window.end, past_splits=past_splits),
    )


def _is_held(changes: Sequence[history.Change], *, since: datetime) -> bool:
    """Whether there are any units at that time, or some come or go after it."""
    return changes[-1][0] > since or any(history.totals_at([since], changes))


def _valued_flows(account: _Account, flows: Sequence[Flow]) -> list[Point]:
    """The account just after each flow."""
    unvalued = sorted({flow.at for flow in flows if flow.equity_before is None})
    estimated = dict(zip(unvalued, _estimated_equity(account, unvalued), strict=True))
    return list(_after_flows(flows, estimated))


def _estimated_equity(account: _Account, times: Sequence[datetime]) -> list[Decimal]:
    """Equity at flows without a stored valuation, from daily closes and the owner's trades."""
    if not times:
        return []
    closes = prices.closes(
        instruments=account.instruments,
        interval=Interval.ONE_DAY,
        start=account.window.start,
        end=account.window.end,
    )
    return account.equity_at(times, closes)


def _after_flows(flows: Sequence[Flow], estimated: dict[datetime, Decimal]) -> Iterator[Point]:
    """`estimated` is the equity after all flows of a time, where one has no stored valuation."""
    for at, together in groupby(flows, key=attrgetter("at")):
        group = list(together)
        equity = estimated.get(at, ZERO) - sum(flow.dollars for flow in group)
        for flow in group:
            before = equity if flow.equity_before is None else flow.equity_before
            equity = before + flow.dollars
            yield Point(at, equity, flow.dollars)


def _in_order(grid: Sequence[Point], at_flows: Sequence[Point]) -> list[tuple[Point, bool]]:
    """All points by time, with whether each is of the grid; those come last at equal times."""
    marked = [(point, False) for point in at_flows] + [(point, True) for point in grid]
    return sorted(marked, key=lambda each: (each[0].at, each[1]))


def _net_deposits(grid: Sequence[datetime], flows: Sequence[Flow]) -> list[Decimal]:
    changes = [(flow.at, flow.cents) for flow in flows]
    return [USD.amount(cents) for cents in history.totals_at(grid, changes)]


def _benchmark_returns(
    grid: Sequence[datetime],
    observed: Observations,
    account: _Account,
    reference: Instrument | None,
) -> list[float | None]:
    if reference is None:
        return [None for _ in grid]
    closes = history.newest_at(grid, observed.get(reference.symbol, ()))
    first = _opening_price(account, reference) if account.window.from_opening else closes[0]
    if first is None:
        return [None for _ in grid]
    return [
        0.0,
        *(None if price is None else float(price / first) - 1 for price in closes[1:]),
    ]


def _opening_price(account: _Account, reference: Instrument) -> Decimal | None:
    """What the benchmark cost, in today's shares, when the account was opened."""
    opening = account.movements.flows[0]
    price = flow_valuations.price_at(opening.entry_id, reference.symbol)
    if price is not None:
        return splits.price_today(price, opening.at, account.past_splits.get(reference.symbol, ()))
    closes = prices.closes(
        instruments=[reference], interval=Interval.ONE_DAY, start=opening.at, end=opening.at
    )
    return history.newest_at([opening.at], closes.get(reference.symbol, ()))[0]
