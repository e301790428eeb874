"""How a customer's account did over a period.

Equity is cash plus positions at a grid of times, in UTC: every 5 minutes of a day, every hour of a
week, every midnight of anything longer. Positions are valued at the newest close known by then, and
at the live quote at the end. A period starts when the account did, if that is later.

Deposits and withdrawals are what the ledger has booked. The account is valued at each of them when
it is booked, so that the time-weighted return does not depend on them, and what is told of the past
stays. Returns are fractions (0.05 is 5 %), and those of the whole period unless they are called
annual.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

from exchange.market import candles, quotes
from exchange.models import Instrument, Interval
from exchange.trading.intake import requests
from portfolio import history, spans, track
from portfolio.history import Flow, Movements
from portfolio.rules import returns, risk
from portfolio.spans import Period, Span
from portfolio.track import SeriesPoint

DEFAULT_BENCHMARK = "SPY"
FEWEST_RETURNS = 20


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
    span = spans.span(period, opened_at=moved.flows[0].at, now=now)
    flows = _flows(moved, span)
    found = track.track(owner_id=owner_id, span=span, moved=moved, flows=flows, reference=reference)
    series, earned = found.series, found.time_weighted_return
    start_equity, end = Decimal(0) if span.opens else series[0].equity, series[-1]
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
            [(flow.at, flow.dollars) for flow in flows],
            start=span.start,
            start_equity=start_equity,
            end=span.end,
            end_equity=end.equity,
        ),
        annualized_return=None
        if earned is None
        else returns.annualized(earned, start=span.start, end=span.end),
        benchmark_return=end.benchmark_return if len(series) > 1 else None,
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


def _flows(moved: Movements, span: Span) -> list[Flow]:
    """Deposits and withdrawals of the span that are not in the equity at its start."""
    return [
        flow
        for flow in moved.flows
        if flow.at > span.start or (span.opens and flow.at == span.start)
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
