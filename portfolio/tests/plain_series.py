"""The plain definition of an account's series: a Decimal a value, the ORM's rows, one by one.

What `portfolio.equity_series` computes by NumPy is compared with it. It is not fast.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from django.db.models import OuterRef, Subquery

from banking import flows
from banking.models import EntryKind, Posting
from banking.rules.assets import USD
from exchange.market import candles, quotes
from exchange.market.rules import calendar
from exchange.models import Candle, Execution, Instrument, Interval
from portfolio import flow_valuations, splits, valuation
from portfolio.models import FlowValue
from portfolio.periods import Window
from portfolio.rules import returns
from portfolio.rules.returns import Point

ZERO = Decimal(0)

Change = tuple[datetime, int]
Observation = tuple[datetime, Decimal]
Observations = dict[str, list[Observation]]
_Row = tuple[str, datetime, Decimal]


@dataclass(frozen=True, slots=True)
class Flow:
    """A deposit from the owner's bank or, below zero, a withdrawal to it.

    `equity_before` is the account's value just before, in dollars; None for a flow that was booked
    before valuations were stored.
    """

    at: datetime
    cents: int
    entry_id: int
    equity_before: Decimal | None

    @property
    def dollars(self) -> Decimal:
        return USD.amount(self.cents)


@dataclass(frozen=True, slots=True)
class Movements:
    """Every change of the owner's balances, `available` and `held` together.

    `cash` is in cents; `flows` are those of its changes that came from or went to a bank. `units`
    of each security are by symbol.
    """

    cash: list[Change] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    units: dict[str, list[Change]] = field(default_factory=lambda: defaultdict(list))


def movements(*, owner_id: UUID, until: datetime) -> Movements:
    """All movements of the ledger up to and at a time. Money counts from when it is booked."""
    rows = (
        Posting.objects.filter(account__owner_id=owner_id, entry__created_at__lte=until)
        .exclude(entry__kind__in=[EntryKind.HOLD, EntryKind.RELEASE])
        .order_by("entry__created_at", "entry_id")
        .values_list("account__asset", "entry__kind", "entry__created_at", "entry_id", "units")
    )
    values = _equity_before_flows(owner_id)
    found = Movements()
    for asset, kind, at, entry_id, units in rows:
        if asset != USD.code:
            found.units[asset].append((at, units))
            continue
        found.cash.append((at, units))
        if kind in flows.KINDS:
            found.flows.append(Flow(at, units, entry_id, values.get(entry_id)))
    return found


def totals_at(times: Sequence[datetime], changes: Sequence[Change]) -> list[int]:
    """The sum of all changes up to and at each time. Both are in order."""
    totals, total, following = [], 0, 0
    for time in times:
        while following < len(changes) and changes[following][0] <= time:
            total += changes[following][1]
            following += 1
        totals.append(total)
    return totals


def newest_at(times: Sequence[datetime], observed: Sequence[Observation]) -> list[Decimal | None]:
    """The newest observation at each time, None before the first."""
    seen = [at for at, _ in observed]
    places = (bisect_right(seen, time) for time in times)
    return [observed[place - 1][1] if place else None for place in places]


def equity_at(
    times: Sequence[datetime],
    *,
    cash: Sequence[Change],
    units: Mapping[Instrument, Sequence[int]],
    observed: Mapping[str, Sequence[Observation]],
) -> list[Decimal]:
    """Dollars of equity at each time: cash, and the units at each time at their newest price.

    A bond's value includes the interest that had accrued by then. Units of which no price was
    known yet count as zero.
    """
    equity = [USD.amount(cents) for cents in totals_at(times, cash)]
    for instrument, held in units.items():
        prices = newest_at(times, observed.get(instrument.symbol, ()))
        accrued = _accrued_at(times, instrument)
        for place, (quantity, price) in enumerate(zip(held, prices, strict=True)):
            if quantity and price is not None:
                equity[place] += valuation.market_value(
                    instrument, quantity, price=price, accrued=accrued[place]
                )
    return equity


def _accrued_at(times: Iterable[datetime], instrument: Instrument) -> list[Decimal]:
    """Interest per 100 of face value at each time; computed once for each settlement date."""
    if not instrument.is_bond:
        return [Decimal(0) for _ in times]
    known: dict[date, Decimal] = {}
    found = []
    for time in times:
        settlement = calendar.settlement_date(time)
        if settlement not in known:
            known[settlement] = quotes.accrued_interest(instrument, time)
        found.append(known[settlement])
    return found


def _equity_before_flows(owner_id: UUID) -> dict[int, Decimal]:
    rows = FlowValue.objects.filter(
        entry__postings__account__owner_id=owner_id, entry__postings__account__asset=USD.code
    ).values_list("entry_id", "equity_cents")
    return {entry_id: USD.amount(cents) for entry_id, cents in rows}


_COARSER = {
    Interval.FIVE_MINUTES: (Interval.ONE_DAY, Interval.ONE_HOUR),
    Interval.ONE_HOUR: (Interval.ONE_DAY,),
    Interval.ONE_DAY: (),
}


def closes(
    *,
    instruments: Collection[Instrument],
    interval: Interval,
    start: datetime,
    end: datetime,
) -> Observations:
    """Closes that were known from `start` to `end`, in order of time.

    Each series begins with the newest close from before `start`, if there is any. It includes the
    closes of coarser candles down to daily ones, which are kept for ever. Without them, the price
    of an owner's trade after the last fine candle would count longer in one series than in another.
    """
    ids = [instrument.pk for instrument in instruments]
    return _by_time(
        row
        for each in (*_COARSER[interval], interval)
        for row in (*_newest_before(start, ids, each), *_closes(start, end, ids, each))
    )


def quoted(*, instruments: Iterable[Instrument], at: datetime) -> Observations:
    """The present quotes, as of `at`."""
    rows = ((each.symbol, at, each.quote.price) for each in instruments if hasattr(each, "quote"))
    return _by_time(rows)


def executed(*, owner_id: UUID, until: datetime, past_splits: splits.Splits) -> Observations:
    """Prices of the owner's own trades, in today's shares; known even where there is no candle."""
    rows = (
        Execution.objects.filter(owner_id=owner_id, executed_at__lte=until)
        .order_by("executed_at", "pk")
        .values_list("order__instrument__symbol", "executed_at", "price")
    )
    return _by_time(
        (symbol, at, splits.price_today(price, at, past_splits.get(symbol, ())))
        for symbol, at, price in rows
    )


def merged(first: Observations, second: Observations) -> Observations:
    """Both, in order of time; at equal times those of `second` come last, and so count."""
    return _by_time(
        (symbol, at, price)
        for series in (first, second)
        for symbol, observations in series.items()
        for at, price in observations
    )


def _by_time(rows: Iterable[_Row]) -> Observations:
    series: Observations = defaultdict(list)
    for symbol, at, price in rows:
        series[symbol].append((at, price))
    for observations in series.values():
        observations.sort(key=lambda observation: observation[0])
    return series


def _newest_before(start: datetime, ids: list[UUID], interval: Interval) -> Iterator[_Row]:
    length = candles.LENGTH[interval]
    ended = Candle.objects.filter(
        instrument=OuterRef("pk"), interval=interval, time__lte=start - length
    ).order_by("-time")
    rows = (
        Instrument.objects.filter(pk__in=ids)
        .annotate(
            began=Subquery(ended.values("time")[:1]), close=Subquery(ended.values("close")[:1])
        )
        .filter(began__isnull=False)
        .values_list("symbol", "began", "close")
    )
    return ((symbol, began + length, close) for symbol, began, close in rows)


def _closes(start: datetime, end: datetime, ids: list[UUID], interval: Interval) -> Iterator[_Row]:
    length = candles.LENGTH[interval]
    rows = Candle.objects.filter(
        instrument_id__in=ids,
        interval=interval,
        time__gt=start - length,
        time__lte=end - length,
    ).values_list("instrument__symbol", "time", "close")
    return ((symbol, began + length, close) for symbol, began, close in rows)


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
                totals_at(times, self.movements.units[instrument.symbol]),
                self.past_splits.get(instrument.symbol, ()),
            )
            for instrument in self.instruments
        }
        return equity_at(
            times,
            cash=self.movements.cash,
            units=units,
            observed=merged(self.trade_prices, observed),
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
    observed = merged(
        closes(instruments=priced, interval=window.interval, start=window.start, end=window.end),
        quoted(instruments=priced, at=window.end),
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
        executed(owner_id=owner_id, until=window.end, past_splits=past_splits),
    )


def _is_held(changes: Sequence[Change], *, since: datetime) -> bool:
    """Whether there are any units at that time, or some come or go after it."""
    return changes[-1][0] > since or any(totals_at([since], changes))


def _valued_flows(account: _Account, flows: Sequence[Flow]) -> list[Point]:
    """The account just after each flow."""
    unvalued = sorted({flow.at for flow in flows if flow.equity_before is None})
    estimated = dict(zip(unvalued, _estimated_equity(account, unvalued), strict=True))
    return list(_after_flows(flows, estimated))


def _estimated_equity(account: _Account, times: Sequence[datetime]) -> list[Decimal]:
    """Equity at flows without a stored valuation, from daily closes and the owner's trades."""
    if not times:
        return []
    daily = closes(
        instruments=account.instruments,
        interval=Interval.ONE_DAY,
        start=account.window.start,
        end=account.window.end,
    )
    return account.equity_at(times, daily)


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
    return [USD.amount(cents) for cents in totals_at(grid, changes)]


def _benchmark_returns(
    grid: Sequence[datetime],
    observed: Observations,
    account: _Account,
    reference: Instrument | None,
) -> list[float | None]:
    if reference is None:
        return [None for _ in grid]
    newest = newest_at(grid, observed.get(reference.symbol, ()))
    first = _opening_price(account, reference) if account.window.from_opening else newest[0]
    if first is None:
        return [None for _ in grid]
    return [
        0.0,
        *(None if price is None else float(price / first) - 1 for price in newest[1:]),
    ]


def _opening_price(account: _Account, reference: Instrument) -> Decimal | None:
    """What the benchmark cost, in today's shares, when the account was opened."""
    opening = account.movements.flows[0]
    price = flow_valuations.price_at(opening.entry_id, reference.symbol)
    if price is not None:
        return splits.price_today(price, opening.at, account.past_splits.get(reference.symbol, ()))
    daily = closes(
        instruments=[reference], interval=Interval.ONE_DAY, start=opening.at, end=opening.at
    )
    return newest_at([opening.at], daily.get(reference.symbol, ()))[0]
