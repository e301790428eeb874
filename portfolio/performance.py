"""How a customer's account did over a period.

Equity is cash plus positions at a grid of times, in UTC: every 5 minutes of a day, every hour of a
week, every midnight of anything longer. Positions are valued at the newest close known by then, and
at the live quote at the end. A period starts when the account did, if that is later.

Deposits and withdrawals are what the ledger has booked. The account is valued at each of them, so
that the time-weighted return does not depend on them. Returns are fractions (0.05 is 5 %), and
those of the whole period unless they are called annual.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

from banking.assets import USD
from exchange.market import candles, quotes
from exchange.models import Instrument, Interval
from exchange.trading import requests
from portfolio import history, prices, returns, risk, spans, splits
from portfolio.history import Change, Movements
from portfolio.returns import Point
from portfolio.spans import Period, Span

DEFAULT_BENCHMARK = "SPY"
FEWEST_RETURNS = 20


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """One time of the grid. `net_deposits` and the returns are those since the start."""

    time: datetime
    equity: Decimal
    net_deposits: Decimal
    time_weighted_return: float | None
    benchmark_return: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskFigures:
    """Figures a year, from the returns between the times of the grid; no risk-free rate.

    A year has 365 days' worth of them, since the grid runs through nights and weekends: where
    prices rest, returns of zero make up for the larger number of periods. Fewer than 20 returns
    give no figure. What rests on the mean return (the ratios and alpha) takes daily returns.
    """

    volatility: float | None = None
    sharpe_ratio: float | None = None
    sortino_ratio: float | None = None
    beta: float | None = None
    alpha: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Money in dollars; None is a figure that cannot be had.

    `start_equity` is zero, and the first deposit one of `net_deposits`, if the account was opened
    within the period. `gain` is what equity rose by beyond net deposits.
    """

    period: Period
    benchmark: str | None
    start: datetime | None = None
    end: datetime | None = None
    start_equity: Decimal | None = None
    end_equity: Decimal | None = None
    net_deposits: Decimal | None = None
    gain: Decimal | None = None
    time_weighted_return: float | None = None
    money_weighted_return: float | None = None
    annualized_return: float | None = None
    benchmark_return: float | None = None
    max_drawdown: risk.Drawdown | None = None
    risk: RiskFigures = RiskFigures()
    series: Sequence[SeriesPoint] = ()


def performance(
    *, owner_id: UUID, period: Period, benchmark: str | None, now: datetime
) -> Performance:
    """How the owner's account did over the period that ends now, beside a benchmark.

    `benchmark` is a symbol; None stands for SPY, or for none where that is not listed. Raises
    quotes.UnknownSymbol (field `benchmark`). Without any deposit, all figures are None.
    """
    reference = _benchmark(benchmark)
    symbol = None if reference is None else reference.symbol
    moved = history.movements(owner_id=owner_id, until=now)
    if not moved.flows:
        return Performance(period=period, benchmark=symbol)
    span = spans.span(period, opened_at=moved.flows[0][0], now=now)
    flows = _flows(moved, span)
    track = _track(owner_id, span, moved, flows, reference)
    grid = set(span.grid())
    series = [point for point in track if point.time in grid]
    start_equity, end = Decimal(0) if span.opens else track[0].equity, track[-1]
    earned = end.time_weighted_return if any(point.equity > 0 for point in track[:-1]) else None
    return Performance(
        period=period,
        benchmark=symbol,
        start=span.start,
        end=span.end,
        start_equity=start_equity,
        end_equity=end.equity,
        net_deposits=end.net_deposits,
        gain=end.equity - start_equity - end.net_deposits,
        time_weighted_return=earned,
        money_weighted_return=returns.money_weighted_period_return(
            [(at, USD.amount(cents)) for at, cents in flows],
            start=span.start,
            start_equity=start_equity,
            end=span.end,
            end_equity=end.equity,
        ),
        annualized_return=None
        if earned is None
        else returns.annualized(earned, start=span.start, end=span.end),
        benchmark_return=end.benchmark_return if len(track) > 1 else None,
        max_drawdown=_max_drawdown(series),
        risk=_risk(series, span),
        series=series,
    )


def _benchmark(name: str | None) -> Instrument | None:
    try:
        return requests.find_instrument(name or DEFAULT_BENCHMARK)
    except quotes.UnknownSymbol as error:
        if name is None:
            return None
        raise quotes.UnknownSymbol(error.detail, field="benchmark") from error


def _flows(moved: Movements, span: Span) -> list[Change]:
    """Deposits and withdrawals of the span that are not in the equity at its start."""
    return [
        (at, cents)
        for at, cents in moved.flows
        if at > span.start or (span.opens and at == span.start)
    ]


def _track(
    owner_id: UUID,
    span: Span,
    moved: Movements,
    flows: Sequence[Change],
    reference: Instrument | None,
) -> list[SeriesPoint]:
    """The account at each time of the grid and at each flow."""
    flow_times = {at for at, _ in flows}
    times = sorted({*span.grid(), *flow_times})
    past_splits = splits.of(moved.units.keys())
    held = _held(times, moved, past_splits)
    known = prices.observed(
        instruments={*held, reference} if reference else held,
        interval=span.interval,
        start=span.start,
        end=span.end,
        moments=flow_times,
    )
    paid = prices.executed(owner_id=owner_id, until=span.end, past_splits=past_splits)
    equity = history.equity_at(
        times, cash=moved.cash, units=held, observed=prices.merged(paid, known)
    )
    deposits = [USD.amount(cents) for cents in history.totals_at(times, flows)]
    compared = history.newest_at(times, known.get(reference.symbol, ()) if reference else ())
    return [
        SeriesPoint(*point)
        for point in zip(
            times,
            equity,
            deposits,
            _time_weighted(times, equity, deposits),
            _growth_since_start(compared),
            strict=True,
        )
    ]


def _held(
    times: Sequence[datetime], moved: Movements, past_splits: splits.Splits
) -> dict[Instrument, list[int]]:
    """Units (of today's shares) at each time, of every instrument of which there were some."""
    units = {
        symbol: splits.units_today(times, totals, past_splits.get(symbol, ()))
        for symbol, changes in moved.units.items()
        if any(totals := history.totals_at(times, changes))
    }
    found = Instrument.objects.filter(symbol__in=units).select_related("bond", "quote")
    return {instrument: units[instrument.symbol] for instrument in found}


def _time_weighted(
    times: Sequence[datetime], equity: Sequence[Decimal], deposits: Sequence[Decimal]
) -> list[float | None]:
    flows = [after - before for before, after in pairwise([Decimal(0), *deposits])]
    return returns.twr_series([Point(*point) for point in zip(times, equity, flows, strict=True)])


def _growth_since_start(observed: Sequence[Decimal | None]) -> list[float | None]:
    first = observed[0]
    return [
        None if first is None or price is None else float(price / first) - 1 for price in observed
    ]


def _max_drawdown(series: Sequence[SeriesPoint]) -> risk.Drawdown | None:
    index = [
        (point.time, 1 + point.time_weighted_return)
        for point in series
        if point.time_weighted_return is not None
    ]
    return risk.max_drawdown(index)


def _risk(series: Sequence[SeriesPoint], span: Span) -> RiskFigures:
    regular = [point for point in series if span.is_regular(point.time)]
    own = _step_returns([point.time_weighted_return for point in regular])
    market = _step_returns([point.benchmark_return for point in regular])
    if len(own) < FEWEST_RETURNS:
        return RiskFigures()
    periods = returns.YEAR / candles.LENGTH[span.interval]
    daily = span.interval == Interval.ONE_DAY
    comparable = len(market) == len(own)
    return RiskFigures(
        volatility=risk.volatility(own, periods_per_year=periods),
        sharpe_ratio=risk.sharpe_ratio(own, periods_per_year=periods) if daily else None,
        sortino_ratio=risk.sortino_ratio(own, periods_per_year=periods) if daily else None,
        beta=risk.beta(own, market) if comparable else None,
        alpha=risk.alpha(own, market, periods_per_year=periods) if comparable and daily else None,
    )


def _step_returns(totals: Sequence[float | None]) -> list[float]:
    """Returns from one total return to the next; none at all if one of them is not there."""
    index = [1 + total for total in totals if total is not None]
    if len(index) < len(totals) or not all(index[:-1]):
        return []
    return [after / before - 1 for before, after in pairwise(index)]
