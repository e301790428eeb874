"""What an account was worth at the times of a grid, and what it had earned by each of them.

Between the times of the grid stand the flows, at which the account was valued when they were
booked. So what it earned between two times does not depend on the steps in between, nor on which
candles are still kept: returns of different periods agree about the days that they share.

Positions are valued at the newest close known by then, and at the live quote at the end. A flow
that was booked before values were kept is valued at the owner's own trades and at closes of days,
which stay for ever: not to the minute, but the same at any time and for any period.
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
from portfolio import flow_values, history, prices, splits
from portfolio.history import Flow, Movements
from portfolio.prices import Observations
from portfolio.rules import returns
from portfolio.rules.returns import Point
from portfolio.spans import Span

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """One time of the grid. `net_deposits` and the returns are those since the start."""

    time: datetime
    equity: Decimal
    net_deposits: Decimal
    time_weighted_return: float | None
    benchmark_return: float | None


@dataclass(frozen=True, slots=True)
class Track:
    """The points of the grid, and the return at the last of them if there was ever any money."""

    series: Sequence[SeriesPoint]
    time_weighted_return: float | None


@dataclass(frozen=True, slots=True)
class _Account:
    """What is needed to value an account at any time of a span."""

    owner_id: UUID
    span: Span
    moved: Movements
    past_splits: splits.Splits
    instruments: Sequence[Instrument]
    paid: Observations

    def equity_at(self, times: Sequence[datetime], observed: Observations) -> list[Decimal]:
        """Dollars at each time, at what was observed and what the owner paid."""
        units = {
            instrument: splits.units_today(
                times,
                history.totals_at(times, self.moved.units[instrument.symbol]),
                self.past_splits.get(instrument.symbol, ()),
            )
            for instrument in self.instruments
        }
        return history.equity_at(
            times, cash=self.moved.cash, units=units, observed=prices.merged(self.paid, observed)
        )


def track(
    *,
    owner_id: UUID,
    span: Span,
    moved: Movements,
    flows: Sequence[Flow],
    reference: Instrument | None,
) -> Track:
    """The account over the span. `flows` are those that are not in the equity at its start."""
    grid = list(span.grid())
    account = _account(owner_id, span, moved, reference)
    watched = {*account.instruments, reference} if reference else {*account.instruments}
    known = prices.merged(
        prices.closes(instruments=watched, interval=span.interval, start=span.start, end=span.end),
        prices.quoted(instruments=watched, at=span.end),
    )
    valued = _valued(account, flows)
    equity = account.equity_at(grid, known)
    opening = [point for point in valued if point.at == span.start]
    if opening and span.start < span.end:
        equity[0] = opening[-1].equity
    points = _in_order(
        [Point(at, worth, ZERO) for at, worth in zip(grid, equity, strict=True)],
        [point for point in valued if point.at > span.start],
    )
    earned = returns.twr_series([point for point, _ in points])
    by_grid = [total for total, (_, is_grid) in zip(earned, points, strict=True) if is_grid]
    return Track(
        [
            SeriesPoint(*values)
            for values in zip(
                grid,
                equity,
                _net_deposits(grid, flows),
                by_grid,
                _benchmark_returns(grid, known, account, reference),
                strict=True,
            )
        ],
        earned[-1] if any(point.equity > 0 for point, _ in points[:-1]) else None,
    )


def _account(
    owner_id: UUID, span: Span, moved: Movements, reference: Instrument | None
) -> _Account:
    symbols = [
        symbol for symbol, changes in moved.units.items() if _is_held(changes, since=span.start)
    ]
    watched = [*symbols, reference.symbol] if reference else symbols
    past_splits = splits.of(watched)
    return _Account(
        owner_id,
        span,
        moved,
        past_splits,
        list(Instrument.objects.filter(symbol__in=symbols).select_related("bond", "quote")),
        prices.executed(owner_id=owner_id, until=span.end, past_splits=past_splits),
    )


def _is_held(changes: Sequence[history.Change], *, since: datetime) -> bool:
    """Whether there are any units at that time, or some come or go after it."""
    return changes[-1][0] > since or any(history.totals_at([since], changes))


def _valued(account: _Account, flows: Sequence[Flow]) -> list[Point]:
    """The account just after each flow."""
    unknown = sorted({flow.at for flow in flows if flow.equity_before is None})
    rough = dict(zip(unknown, _rough_equity(account, unknown), strict=True))
    return list(_after_flows(flows, rough))


def _rough_equity(account: _Account, times: Sequence[datetime]) -> list[Decimal]:
    if not times:
        return []
    closes = prices.closes(
        instruments=account.instruments,
        interval=Interval.ONE_DAY,
        start=account.span.start,
        end=account.span.end,
    )
    return account.equity_at(times, closes)


def _after_flows(flows: Sequence[Flow], rough: dict[datetime, Decimal]) -> Iterator[Point]:
    """`rough` has the equity after all flows of a time, where one of them has none before it."""
    for at, together in groupby(flows, key=attrgetter("at")):
        group = list(together)
        worth = rough.get(at, ZERO) - sum(flow.dollars for flow in group)
        for flow in group:
            before = worth if flow.equity_before is None else flow.equity_before
            worth = before + flow.dollars
            yield Point(at, worth, flow.dollars)


def _in_order(grid: Sequence[Point], valued: Sequence[Point]) -> list[tuple[Point, bool]]:
    """All points by time, and whether each is one of the grid: those come last at their time."""
    marked = [(point, False) for point in valued] + [(point, True) for point in grid]
    return sorted(marked, key=lambda each: (each[0].at, each[1]))


def _net_deposits(grid: Sequence[datetime], flows: Sequence[Flow]) -> list[Decimal]:
    changes = [(flow.at, flow.cents) for flow in flows]
    return [USD.amount(cents) for cents in history.totals_at(grid, changes)]


def _benchmark_returns(
    grid: Sequence[datetime],
    known: Observations,
    account: _Account,
    reference: Instrument | None,
) -> list[float | None]:
    if reference is None:
        return [None for _ in grid]
    observed = history.newest_at(grid, known.get(reference.symbol, ()))
    first = _opening_price(account, reference) if account.span.opens else observed[0]
    if first is None:
        return [None for _ in grid]
    return [0.0, *(None if price is None else float(price / first) - 1 for price in observed[1:])]


def _opening_price(account: _Account, reference: Instrument) -> Decimal | None:
    """What the benchmark cost, in today's shares, when the account was opened."""
    opening = account.moved.flows[0]
    price = flow_values.price_at(opening.entry_id, reference.symbol)
    if price is not None:
        return splits.price_today(price, opening.at, account.past_splits.get(reference.symbol, ()))
    closes = prices.closes(
        instruments=[reference], interval=Interval.ONE_DAY, start=opening.at, end=opening.at
    )
    return history.newest_at([opening.at], closes.get(reference.symbol, ()))[0]
