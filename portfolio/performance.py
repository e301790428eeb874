"""How a customer's account did over a period.

Equity is cash plus positions at a grid of times, in UTC: every 5 minutes of a day, every hour of a
week, every midnight of anything longer. Positions are valued at the newest close known by then, and
at the live quote at the end. A period starts when the account did, if that is later.

Deposits and withdrawals are what the ledger has booked. The account is valued at each of them when
it is booked, so the time-weighted return does not depend on them and past returns never change.
Returns are fractions (0.05 is 5 %), of the whole period unless they are called annual.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import numpy as np

from banking.rules.assets import USD, canonical
from exchange.market import candles, instruments
from exchange.models import Instrument, Interval
from portfolio import equity_series, history, periods, securities
from portfolio.equity_series import NO_POINTS, SeriesPoints
from portfolio.history import Flow, Movements
from portfolio.periods import Period, Window
from portfolio.rules import returns, risk

DEFAULT_BENCHMARK = "SPY"
MIN_RETURNS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskFigures:
    """Annual figures, from the returns between regular valuations; the risk-free rate is zero.

    The valuations run through nights and weekends, so a year has 365 days of them: returns of zero
    while prices rest make up for the larger number of periods. Fewer than 20 returns give no
    figure. The ratios and alpha, which depend on the mean return, need daily returns.
    """

    volatility: float | None = None
    sharpe_ratio: float | None = None
    sortino_ratio: float | None = None
    beta: float | None = None
    alpha: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Money in dollars; None is a figure that is not defined.

    If the account was opened within the period, `start_equity` is zero and `net_deposits` include
    the first deposit. `gain` is end equity less start equity less net deposits.
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
    series: SeriesPoints = NO_POINTS


def performance(
    *, owner_id: UUID, period: Period, benchmark: str | None, now: datetime
) -> Performance:
    """How the owner's account did over the period that ends now, compared with a benchmark.

    `benchmark` is a symbol; None stands for SPY, or for none where that is not listed. Raises
    instruments.UnknownSymbol (field `benchmark`). Without any deposit, all figures are None.
    """
    movements = history.movements(
        owner_id=owner_id, until=now, steps=periods.steps(period, now=now)
    )
    opened_at = movements.flows[0].at if movements.flows else now
    window = periods.window(period, opened_at=opened_at, now=now)
    listed, reference = _instruments(movements.held_since(window.start), benchmark)
    symbol = None if reference is None else reference.symbol
    if not movements.flows:
        return Performance(period=period, benchmark=symbol)
    flows = _flows(movements, window)
    series = equity_series.compute(
        owner_id=owner_id,
        window=window,
        movements=movements,
        flows=flows,
        instruments=listed,
        reference=reference,
    )
    points, twr = series.points, series.time_weighted_return
    start_equity = Decimal(0) if window.from_opening else USD.amount(points.equity_cents[0])
    end_equity = USD.amount(points.equity_cents[-1])
    net_deposits = USD.amount(points.net_deposit_cents[-1])
    return Performance(
        period=period,
        benchmark=symbol,
        start=window.start,
        end=window.end,
        start_equity=start_equity,
        end_equity=end_equity,
        net_deposits=net_deposits,
        gain=end_equity - start_equity - net_deposits,
        time_weighted_return=twr,
        money_weighted_return=returns.money_weighted_period_return(
            [(flow.at, flow.dollars) for flow in flows],
            start=window.start,
            start_equity=start_equity,
            end=window.end,
            end_equity=end_equity,
        ),
        annualized_return=None
        if twr is None
        else returns.annualized(twr, start=window.start, end=window.end),
        benchmark_return=points.benchmark_returns[-1] if len(points.times) > 1 else None,
        max_drawdown=_max_drawdown(points),
        risk=_risk(points, window),
        series=points,
    )


def _instruments(
    held: Sequence[str], benchmark: str | None
) -> tuple[list[Instrument], Instrument | None]:
    """The instruments that were held, and the one to compare with; None if SPY is not listed."""
    wanted = canonical(benchmark or DEFAULT_BENCHMARK)
    # PostgreSQL has no text with a zero byte.
    symbols = [*held] if "\x00" in wanted else [*held, wanted]
    found = {each.symbol: each for each in securities.by_symbols(symbols)}
    reference = found.get(wanted)
    if reference is None and benchmark is not None:
        reference = _benchmark(benchmark)
    return [found[symbol] for symbol in held if symbol in found], reference


def _benchmark(name: str) -> Instrument:
    """The instrument with this id. Raises instruments.UnknownSymbol (field `benchmark`)."""
    try:
        return instruments.find(name)
    except instruments.UnknownSymbol as error:
        raise instruments.UnknownSymbol(error.detail, field="benchmark") from error


def _flows(movements: Movements, window: Window) -> list[Flow]:
    """Deposits and withdrawals of the window that its start equity does not include."""
    return [
        flow
        for flow in movements.flows
        if flow.at > window.start or (window.from_opening and flow.at == window.start)
    ]


def _max_drawdown(points: SeriesPoints) -> risk.Drawdown | None:
    # From a return that is not defined on, none is.
    index = [1 + total for total in points.time_weighted_returns if total is not None]
    return risk.max_drawdown(points.times, index)


def _risk(points: SeriesPoints, window: Window) -> RiskFigures:
    # Between its ends the series has regular times only.
    start = 0 if window.is_regular(points.times[0]) else 1
    stop = len(points.times) - (0 if window.is_regular(points.times[-1]) else 1)
    own = _step_returns(points.time_weighted_returns[start:stop])
    market = _step_returns(points.benchmark_returns[start:stop])
    if len(own) < MIN_RETURNS:
        return RiskFigures()
    periods = returns.YEAR / candles.LENGTH[window.interval]
    daily = window.interval == Interval.ONE_DAY
    comparable = len(market) == len(own)
    return RiskFigures(
        volatility=risk.volatility(own, periods_per_year=periods),
        sharpe_ratio=risk.sharpe_ratio(own, periods_per_year=periods) if daily else None,
        sortino_ratio=risk.sortino_ratio(own, periods_per_year=periods) if daily else None,
        beta=risk.beta(own, market) if comparable else None,
        alpha=risk.alpha(own, market, periods_per_year=periods) if comparable and daily else None,
    )


def _step_returns(totals: Sequence[float | None]) -> list[float]:
    """The return of each step between total returns; an empty list if one of them is missing."""
    if None in totals:
        return []
    index = 1 + np.array(totals, np.float64)
    if not index[:-1].all():
        return []
    steps: list[float] = (index[1:] / index[:-1] - 1).tolist()
    return steps
