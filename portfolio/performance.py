"""How a customer's account did over a period.

Equity is cash plus positions at a grid of times, in UTC: every 5 minutes of a day, every hour of a
week, every midnight of anything longer. Positions are valued at the newest close known by then, and
at the live quote at the end. A period starts when the account did, if that is later.

Deposits and withdrawals are what the ledger has booked. The account is valued at each of them when
it is booked, so the time-weighted return does not depend on them and past returns never change.
Returns are fractions (0.05 is 5 %), of the whole period unless they are called annual.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from banking.rules.assets import USD, canonical
from exchange.market import instruments, risk_free
from exchange.models import Instrument
from portfolio import equity_series, history, periods, risk_figures, securities
from portfolio.equity_series import NO_POINTS, SeriesPoints
from portfolio.periods import Period
from portfolio.risk_figures import NO_FIGURES, RiskFigures, Why
from portfolio.rules import returns, risk
from portfolio.rules.returns import NoRate

DEFAULT_BENCHMARK = "SPY"
OF_PERIOD = (
    "time_weighted_return",
    "money_weighted_return",
    "annualized_return",
    "benchmark_return",
    "max_drawdown",
    "calmar_ratio",
)
"""Figures of the whole period that may be missing; `risk_figures.OF_RISK` has the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conventions:
    """How figures were computed, where textbooks differ.

    The account is valued at each flow, so that none counts as coming at the start or the end of a
    day. Money-weighted returns count actual days, 365 to a year. `periods_per_year` is the number
    of returns that make a year of risk, and `risk_free_rate` the rate a year beyond which ratios
    and alpha count.
    """

    periods_per_year: int | None = None
    risk_free_rate: float = 0.0
    time_weighted_return: str = "valued_at_each_flow"
    money_weighted_return: str = "actual_365"


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Money in dollars; None is a figure that can't be had, and `reasons` say why, by its name.

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
    calmar_ratio: float | None = None
    risk: RiskFigures = NO_FIGURES
    conventions: Conventions = Conventions()
    series: SeriesPoints = NO_POINTS
    reasons: Mapping[str, str] = field(default_factory=dict)


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
        names = (*OF_PERIOD, *risk_figures.OF_RISK)
        return Performance(
            period=period,
            benchmark=symbol,
            conventions=Conventions(risk_free_rate=risk_free.rate(now)),
            reasons=dict.fromkeys(names, Why.NO_DEPOSITS),
        )
    flows = movements.flows_in(window)
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
    money_weighted = returns.money_weighted_period_return(
        [(flow.at, flow.dollars) for flow in flows],
        start=window.start,
        start_equity=start_equity,
        end=window.end,
        end_equity=end_equity,
    )
    annualized = (
        None if twr is None else returns.annualized(twr, start=window.start, end=window.end)
    )
    largest = _max_drawdown(points)
    rate = risk_free.rate(now)
    figures = risk_figures.figures(
        points, window, held=listed, has_benchmark=reference is not None, risk_free=rate
    )
    found = Performance(
        period=period,
        benchmark=symbol,
        start=window.start,
        end=window.end,
        start_equity=start_equity,
        end_equity=end_equity,
        net_deposits=net_deposits,
        gain=end_equity - start_equity - net_deposits,
        time_weighted_return=twr,
        money_weighted_return=None if isinstance(money_weighted, NoRate) else money_weighted,
        annualized_return=annualized,
        benchmark_return=points.benchmark_returns[-1] if len(points.times) > 1 else None,
        max_drawdown=largest,
        calmar_ratio=None
        if annualized is None or largest is None
        else risk.calmar_ratio(annualized, largest),
        risk=figures,
        conventions=Conventions(periods_per_year=figures.periods_per_year, risk_free_rate=rate),
        series=points,
    )
    reasons = {**_reasons(found), **figures.reasons}
    if isinstance(money_weighted, NoRate):
        reasons["money_weighted_return"] = money_weighted
    return replace(found, reasons=reasons)


def _reasons(found: Performance) -> dict[str, str]:
    """Why figures of the whole period are missing."""
    no_return = Why.NO_TIME if found.start == found.end else Why.NO_MONEY
    no_benchmark = Why.NO_BENCHMARK if found.benchmark is None else Why.NO_PRICE
    has_return = found.time_weighted_return is not None
    never_fell = Why.NEVER_FELL if has_return else no_return
    short = Why.SHORT if has_return else no_return
    whys = {
        "time_weighted_return": no_return,
        "annualized_return": short,
        "benchmark_return": Why.NO_TIME if found.start == found.end else no_benchmark,
        "max_drawdown": never_fell,
        "calmar_ratio": short if found.annualized_return is None else never_fell,
    }
    return {name: why for name, why in whys.items() if getattr(found, name) is None}


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


def _max_drawdown(points: SeriesPoints) -> risk.Drawdown | None:
    # From a return that is not defined on, none is.
    index = [1 + total for total in points.time_weighted_returns if total is not None]
    return risk.max_drawdown(points.times, index)
