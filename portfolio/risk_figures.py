"""Figures of risk from the points of a series, each of which is a number or a reason for none.

A year of returns has 252 of them where everything that was held rests while the market is closed,
and 365 otherwise: coins trade on every day, and without market hours all do. On 252 days a return
reaches from one session's midnight to the next one's, so what a weekend brought is Monday's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

import numpy as np
from django.conf import settings

from exchange.market import candles
from exchange.market.rules import calendar
from exchange.models import AssetClass, Instrument, Interval
from portfolio.equity_series import SeriesPoints
from portfolio.periods import Window
from portfolio.rules import returns, risk

MIN_RETURNS = 20
SESSIONS = 252
DAY = timedelta(days=1)


class Why(StrEnum):
    """Why a figure can't be had."""

    NO_DEPOSITS = "no_deposits"
    NO_MONEY = "no_money_in_the_account"
    NO_TIME = "no_time_passed"
    SHORT = "less_than_a_year"
    FEW_DAYS = "fewer_than_20_days"
    FEW_POINTS = "fewer_than_20_points"
    NOT_DAILY = "needs_daily_returns"
    NO_SPREAD = "returns_do_not_vary"
    NEVER_BELOW = "no_return_below_the_risk_free_rate"
    NEVER_FELL = "never_fell"
    NEVER_MOVED = "never_moved"
    NO_BENCHMARK = "no_benchmark"
    NO_PRICE = "benchmark_has_no_price"
    BENCHMARK_RESTS = "benchmark_does_not_move"


@dataclass(frozen=True, slots=True)
class DayReturn:
    """The return of a day, in UTC."""

    day: date
    day_return: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskFigures:
    """Annual figures from the returns between regular valuations.

    `periods_per_year` is how many such returns a year has. Ratios and alpha, which depend on the
    mean return, need daily returns, as days do. `reasons` say why a figure is None, by its name.
    """

    periods_per_year: int | None = None
    volatility: float | None = None
    sharpe_ratio: float | None = None
    sortino_ratio: float | None = None
    beta: float | None = None
    alpha: float | None = None
    correlation: float | None = None
    tracking_error: float | None = None
    information_ratio: float | None = None
    best_day: DayReturn | None = None
    worst_day: DayReturn | None = None
    win_rate: float | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)


NO_FIGURES = RiskFigures()
OF_RETURNS = ("volatility",)
OF_DAILY_RETURNS = ("sharpe_ratio", "sortino_ratio", "best_day", "worst_day", "win_rate")
BESIDE_BENCHMARK = ("beta", "correlation", "tracking_error")
DAILY_BESIDE_BENCHMARK = ("alpha", "information_ratio")
OF_RISK = (*OF_RETURNS, *OF_DAILY_RETURNS, *BESIDE_BENCHMARK, *DAILY_BESIDE_BENCHMARK)

# Each figure, or why there is none, by its name.
_Found = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Returns:
    """Returns of steps that end at these times; `market` are the benchmark's, if they can be had.

    `risk_free` is the rate a year, and None where returns are not daily.
    """

    own: list[float]
    market: list[float] | None
    times: Sequence[datetime]
    periods_per_year: int
    risk_free: float | None


def figures(
    points: SeriesPoints,
    window: Window,
    *,
    held: Iterable[Instrument],
    has_benchmark: bool,
    risk_free: float,
) -> RiskFigures:
    """All figures of the returns between the regular times of a window.

    `held` are the instruments that were held in it; `risk_free` is the rate a year.
    """
    daily = window.interval == Interval.ONE_DAY
    rests = daily and settings.EXCHANGE_MARKET_HOURS and not any(map(_trades_always, held))
    places = _regular(points.times, window, sessions_only=rests)
    own = _steps(points.time_weighted_returns, places)
    periods = SESSIONS if rests else returns.YEAR // candles.LENGTH[window.interval]
    if own is None:
        found = _all(OF_RISK, Why.NO_MONEY)
    elif len(own) < MIN_RETURNS:
        found = _all(OF_RISK, Why.FEW_DAYS if daily else Why.FEW_POINTS)
    else:
        market = _steps(points.benchmark_returns, places) if has_benchmark else None
        times = [points.times[place] for place in places[1:]]
        given = _Returns(own, market, times, periods, risk_free if daily else None)
        no_market = Why.NO_PRICE if has_benchmark else Why.NO_BENCHMARK
        found = {**_of_own(given), **_beside_benchmark(given, no_market)}
    reasons = {name: why.value for name, why in found.items() if isinstance(why, Why)}
    values = {name: value for name, value in found.items() if name not in reasons}
    return RiskFigures(periods_per_year=periods, reasons=reasons, **values)


def _trades_always(instrument: Instrument) -> bool:
    return instrument.asset_class == AssetClass.CRYPTO


def _regular(times: Sequence[datetime], window: Window, *, sessions_only: bool) -> Sequence[int]:
    """The places of the regular times; between its ends a series has no others.

    With `sessions_only`, of the midnights that end a session, and of the first.
    """
    start = 0 if window.is_regular(times[0]) else 1
    stop = len(times) - (0 if window.is_regular(times[-1]) else 1)
    places = range(start, stop)
    if not sessions_only:
        return places
    return [
        place
        for place in places
        if place == start or calendar.is_business_day((times[place] - DAY).date())
    ]


def _steps(totals: Sequence[float | None], places: Sequence[int]) -> list[float] | None:
    """The return of each step between total returns; None if one of them is missing."""
    chosen = [totals[place] for place in places]
    if None in chosen:
        return None
    index = 1 + np.array(chosen, np.float64)
    if not index[:-1].all():
        return None
    steps: list[float] = (index[1:] / index[:-1] - 1).tolist()
    return steps


def _all(names: Iterable[str], why: Why) -> _Found:
    return dict.fromkeys(names, why)


def _or(figure: object, why: Why) -> object:
    return why if figure is None else figure


def _of_own(given: _Returns) -> _Found:
    own, periods = given.own, given.periods_per_year
    found = {"volatility": _or(risk.volatility(own, periods_per_year=periods), Why.NO_SPREAD)}
    if given.risk_free is None:
        return found | _all(OF_DAILY_RETURNS, Why.NOT_DAILY)
    rates = {"periods_per_year": periods, "risk_free": given.risk_free}
    best, worst = own.index(max(own)), own.index(min(own))
    return found | {
        "sharpe_ratio": _or(risk.sharpe_ratio(own, **rates), Why.NO_SPREAD),
        "sortino_ratio": _or(risk.sortino_ratio(own, **rates), Why.NEVER_BELOW),
        "best_day": DayReturn((given.times[best] - DAY).date(), own[best]),
        "worst_day": DayReturn((given.times[worst] - DAY).date(), own[worst]),
        "win_rate": _or(risk.win_rate(own), Why.NEVER_MOVED),
    }


def _beside_benchmark(given: _Returns, no_market: Why) -> _Found:
    own, market, periods = given.own, given.market, given.periods_per_year
    if market is None:
        return _all((*BESIDE_BENCHMARK, *DAILY_BESIDE_BENCHMARK), no_market)
    beta = risk.beta(own, market)
    no_correlation = Why.BENCHMARK_RESTS if beta is None else Why.NO_SPREAD
    error = risk.tracking_error(own, market, periods_per_year=periods)
    found = {
        "beta": _or(beta, Why.BENCHMARK_RESTS),
        "correlation": _or(risk.correlation(own, market), no_correlation),
        "tracking_error": _or(error, Why.NO_SPREAD),
    }
    if given.risk_free is None:
        return found | _all(DAILY_BESIDE_BENCHMARK, Why.NOT_DAILY)
    alpha = risk.alpha(own, market, periods_per_year=periods, risk_free=given.risk_free)
    ratio = risk.information_ratio(own, market, periods_per_year=periods)
    return found | {
        "alpha": _or(alpha, Why.BENCHMARK_RESTS),
        "information_ratio": _or(ratio, Why.NO_SPREAD),
    }
