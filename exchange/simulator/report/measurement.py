"""Running the model for a measurement, and the table of statistics beside their bands."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from exchange.market.rules import calendar
from exchange.simulator.model.arrays import FloatArray
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.simulator.model.market_model import MarketModel
from exchange.simulator.report import realism

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
MINUTES = 390  # in a whole session
SESSIONS_PER_YEAR = 250  # in every year, whatever its holidays
OPENING, MIDDAY, CLOSING = slice(0, 30), slice(120, 240), slice(MINUTES - 30, MINUTES)
STOCKS = tuple(spec.symbol for spec in CATALOGUE if spec.asset_class == "stock")
FUNDS = ("SPY", "QQQ", "VTI", "IWM")
FIRST_DAY = datetime(2026, 1, 5, 14, tzinfo=UTC)

Say = Callable[[float, str], None]
"""Called with the progress of a measurement, from 0 to 1, and what is being done."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What is measured, by symbol. All returns are logarithmic.

    `minutes` are 1-minute returns in sessions and `volumes` what traded in them, (sessions, 390).
    `overnight` and `intraday` are returns from close to opening and from opening to close,
    (sessions,) or one less. `days` are returns from close to close over the long run, (days,).
    """

    minutes: Mapping[str, FloatArray]
    volumes: Mapping[str, FloatArray]
    overnight: Mapping[str, FloatArray]
    intraday: Mapping[str, FloatArray]
    days: Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True)
class Row:
    """One statistic with the band of real markets."""

    name: str
    measured: float
    low: float
    high: float

    @property
    def inside(self) -> bool:
        return self.low <= self.measured <= self.high


def simulate(*, seed: int, sessions: int, years: int, say: Say) -> Sample:
    """Run the catalogue for `sessions` whole sessions by the minute, and `years` by the day."""
    days = _daily(seed, years, lambda done: say(0.5 * done, f"{years} years of days"))
    shape = (sessions, MINUTES + 1, len(CATALOGUE))
    prices, volumes = np.empty(shape), np.empty(shape)
    model = MarketModel(seed=seed, at=FIRST_DAY - DAY)
    for number, session in enumerate(_whole_sessions(FIRST_DAY, sessions)):
        path = model.path(session.opens_at - MINUTE, MINUTE, MINUTES + 1)
        prices[number], volumes[number] = path.prices, path.volumes
        say(0.5 + 0.5 * (number + 1) / sessions, f"session {number + 1} of {sessions}")
    logs = np.log(prices)
    overnight, intraday = logs[1:, 0] - logs[:-1, -1], logs[:, -1] - logs[:, 0]
    return Sample(
        minutes=_by_symbol(np.diff(logs, axis=1)),
        volumes=_by_symbol(volumes[:, 1:]),
        overnight=_by_symbol(overnight),
        intraday=_by_symbol(intraday),
        days=days,
    )


def _whole_sessions(start: datetime, count: int) -> Iterator[calendar.Session]:
    at = start
    while count:
        session = calendar.current_or_next_session(at)
        at = session.closes_at
        if session.closes_at - session.opens_at == MINUTES * MINUTE:
            count -= 1
            yield session


def _daily(seed: int, years: int, say: Callable[[float], None]) -> Mapping[str, FloatArray]:
    """Returns between the ends of trading days; a step ends at 21:00 UTC, at or after the close."""
    end_of_day = FIRST_DAY.replace(hour=21)
    model = MarketModel(seed=seed, at=end_of_day)
    kept = [np.log(model.path(end_of_day, DAY, 1).prices)]
    for year in range(years):
        path = model.path(model.at, DAY, 365)
        trading = [calendar.is_business_day(at.date()) for at in path.times]
        kept.append(np.log(path.prices[np.array(trading)]))
        say((year + 1) / years)
    return _by_symbol(np.diff(np.concatenate(kept), axis=0))


def _by_symbol(values: FloatArray) -> Mapping[str, FloatArray]:
    """Split along the last axis, in the order of the catalogue."""
    return {spec.symbol: values[..., column] for column, spec in enumerate(CATALOGUE)}


def table(sample: Sample) -> list[Row]:
    """Every statistic beside its band. For stocks it is the median over the catalogue's."""
    return [*_distribution(sample), *_memory(sample), *_sessions(sample), *_together(sample)]


def _of_stocks(values: Mapping[str, FloatArray], statistic: Callable[[FloatArray], float]) -> float:
    return realism.median([statistic(values[symbol]) for symbol in STOCKS])


def _distribution(sample: Sample) -> list[Row]:
    kurtosis = realism.excess_kurtosis
    return [
        Row(
            "1-minute returns: autocorrelation, lag 1",
            _of_stocks(sample.minutes, lambda each: realism.autocorrelation(each, 1)),
            -0.03,
            0.03,
        ),
        Row("1-minute returns: excess kurtosis", _of_stocks(sample.minutes, kurtosis), 10, 120),
        Row(
            "5-minute returns: excess kurtosis",
            _of_stocks(sample.minutes, lambda each: kurtosis(realism.summed(each, 5))),
            5,
            25,
        ),
        Row(
            "daily returns: excess kurtosis over a year",
            _of_stocks(sample.days, _kurtosis_of_years),
            0.1,
            14,
        ),
        Row(
            "1-minute returns: Hill tail exponent",
            _of_stocks(sample.minutes, realism.hill_exponent),
            2,
            5,
        ),
    ]


def _kurtosis_of_years(days: FloatArray) -> float:
    whole = len(days) // SESSIONS_PER_YEAR
    years = days[: whole * SESSIONS_PER_YEAR].reshape(whole, -1)
    return realism.median([realism.excess_kurtosis(year) for year in years])


def _memory(sample: Sample) -> list[Row]:
    def of_minutes(lag: int) -> float:
        return _of_stocks(sample.minutes, lambda each: realism.autocorrelation(np.abs(each), lag))

    def of_days(lag: int) -> float:
        return _of_stocks(sample.days, lambda each: realism.autocorrelation(np.abs(each), lag))

    first, half_hour, two_hours = (of_minutes(lag) for lag in (1, 30, 120))
    return [
        Row("1-minute |r|: autocorrelation, lag 1", first, 0.1, 0.4),
        Row("1-minute |r|: autocorrelation, lag 30", half_hour, 0.03, first),
        Row("1-minute |r|: autocorrelation, lag 120", two_hours, 0.03, half_hour),
        Row("daily |r|: autocorrelation, lag 1", of_days(1), 0.1, 0.4),
        Row("daily |r|: autocorrelation, lag 20", of_days(20), 0.05, 0.25),
        Row("daily |r|: autocorrelation, lag 100", of_days(100), 0.0, 0.2),
    ]


def _sessions(sample: Sample) -> list[Row]:
    relative = np.concatenate(
        [realism.yearly_volatility(sample.days[symbol], SESSIONS_PER_YEAR) for symbol in STOCKS]
    )
    low, high = np.quantile(relative, [0.05, 0.95])
    return [
        Row("variance: first half hour over midday", _session_ratio(sample, OPENING), 3, 8),
        Row("variance: last half hour over midday", _session_ratio(sample, CLOSING), 1, 2),
        Row("variance: share of the night", _night(sample), 0.2, 0.45),
        Row("a year's volatility over the long run's: 5 %", float(low), 0.5, 1.6),
        Row("a year's volatility over the long run's: 95 %", float(high), 0.5, 1.6),
    ]


def _session_ratio(sample: Sample, part: slice) -> float:
    return _of_stocks(
        sample.minutes, lambda each: realism.variance_ratio(each, part=part, of=MIDDAY)
    )


def _night(sample: Sample) -> float:
    return realism.median(
        [
            realism.overnight_share(sample.overnight[symbol], sample.intraday[symbol])
            for symbol in STOCKS
        ]
    )


def _together(sample: Sample) -> list[Row]:
    bands = {"QQQ": (0.81, 0.97), "VTI": (0.98, 1.0), "IWM": (0.6, 0.9)}
    rows = [
        Row(
            f"correlation of SPY and {fund}, daily",
            realism.correlation(sample.days["SPY"], sample.days[fund]),
            *band,
        )
        for fund, band in bands.items()
    ]
    tied = realism.median(
        [
            realism.size_and_volume(sample.minutes[symbol], sample.volumes[symbol])
            for symbol in STOCKS
        ]
    )
    return [*rows, Row("1-minute |r| and volume: correlation", tied, 0.1, 0.6)]
