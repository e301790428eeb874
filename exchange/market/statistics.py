"""Statistics of an instrument over a period, from its candles."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import numpy as np

from be.database import statements
from be.database.rows import Columns
from be.kernel.formats import plain_units, price_text, time_text
from exchange.market import candle_schedule, candles
from exchange.market.candles import Bar
from exchange.models import Candle, Instrument, Interval

YEAR = timedelta(days=365)
FIFTY_TWO_WEEKS = timedelta(weeks=52)
INSTANT = timedelta(microseconds=1)  # periods begin after their start, and their end is in them


class Period(StrEnum):
    ONE_DAY = "1d"
    SEVEN_DAYS = "7d"
    THIRTY_DAYS = "30d"
    NINETY_DAYS = "90d"
    ONE_YEAR = "1y"


LENGTH = {
    Period.ONE_DAY: timedelta(days=1),
    Period.SEVEN_DAYS: timedelta(days=7),
    Period.THIRTY_DAYS: timedelta(days=30),
    Period.NINETY_DAYS: timedelta(days=90),
    Period.ONE_YEAR: YEAR,
}
# Shorter periods use finer candles, so that there are enough of them.
RESOLUTION = {Period.ONE_DAY: Interval.FIVE_MINUTES, Period.SEVEN_DAYS: Interval.ONE_HOUR}

FIGURES = (
    "open",
    "high",
    "low",
    "close",
    "change",
    "change_percent",
    "volume",
    "average_volume",
    "vwap",
    "volatility",
    "max_drawdown_percent",
    "max_drawdown",
)


def measure(instrument: Instrument, period: Period, *, now: datetime) -> dict[str, Any]:
    """The statistics of the public API, as docs/statistics.md defines them.

    They use the candles that begin in the period: of 5 minutes for `1d`, of an hour for `7d`, else
    of a day. Figures that can't be computed are null.
    """
    interval = RESOLUTION.get(period, Interval.ONE_DAY)
    start = now - LENGTH[period]
    bars = candles.read(
        instrument,
        interval,
        start=start + INSTANT,
        end=now + INSTANT,
        limit=LENGTH[period] // candles.LENGTH[interval],
    )
    answer: dict[str, Any] = {
        "symbol": instrument.symbol,
        "period": period.value,
        "start": time_text(start),
        "end": time_text(now),
    }
    return answer | _figures(instrument, bars, interval) | _extremes(instrument, now)


def _figures(
    instrument: Instrument, bars: Sequence[Bar], interval: Interval
) -> dict[str, str | None]:
    if not bars:
        return dict.fromkeys(FIGURES)
    increment = instrument.price_increment
    first, last = bars[0].open, bars[-1].close
    volume = sum(bar.volume for bar in bars)
    average_price = vwap(bars)
    usual = candle_schedule.of(instrument.asset_class, interval)
    counted = [bar for bar in bars if usual.counts(bar.time)]
    average = volume_a_day(counted, usual.candles_a_day)
    deviation = volatility([bar.close for bar in counted], usual.candles_a_year)
    fall = f"{max_drawdown(bars) * 100:.4f}"
    return {
        "open": price_text(first, increment),
        "high": price_text(max(bar.high for bar in bars), increment),
        "low": price_text(min(bar.low for bar in bars), increment),
        "close": price_text(last, increment),
        "change": price_text(last - first, increment),
        "change_percent": f"{(last - first) / first * 100:.4f}",
        "volume": plain_units(volume, instrument.scale),
        "average_volume": None if average is None else plain_units(average, instrument.scale),
        "vwap": None if average_price is None else f"{average_price:.6f}",
        "volatility": None if deviation is None else f"{deviation:.6f}",
        "max_drawdown_percent": fall,
        "max_drawdown": fall,
    }


def volume_a_day(bars: Sequence[Bar], candles_a_day: int) -> int | None:
    """The mean volume of a trading day, in units, rounded down."""
    if not bars:
        return None
    return sum(bar.volume for bar in bars) * candles_a_day // len(bars)


def vwap(bars: Sequence[Bar]) -> Decimal | None:
    """The volume-weighted average of the typical prices, (high + low + close) / 3."""
    volume = sum(bar.volume for bar in bars)
    if not volume:
        return None
    weighted = sum(
        ((bar.high + bar.low + bar.close) * bar.volume for bar in bars), start=Decimal(0)
    )
    return weighted / (3 * volume)


def volatility(closes: Sequence[Decimal], candles_a_year: int) -> float | None:
    """The annualised sample standard deviation of log returns; None for fewer than two returns."""
    if len(closes) < 3:  # noqa: PLR2004 - three closes make two returns
        return None
    returns = np.diff(np.log(np.array(closes, dtype=np.float64)))
    return float(np.std(returns, ddof=1) * np.sqrt(candles_a_year))


def max_drawdown(bars: Sequence[Bar]) -> float:
    """The largest fall from a candle's high to a later candle's low, as a fraction of the high."""
    highs = np.maximum.accumulate(np.array([bar.high for bar in bars], dtype=np.float64))
    lows = np.array([bar.low for bar in bars], dtype=np.float64)
    falls = 1 - lows[1:] / highs[:-1]
    return float(falls.max(initial=0.0))


_EXTREMES = (
    "SELECT max(high), min(low) FROM exchange_candle "
    "WHERE instrument_id = %s AND interval = %s "
    "AND time > %s AND time <= %s"
)
_extremes_read = Columns(Candle, ("high", "low")).load


def _extremes(instrument: Instrument, now: datetime) -> dict[str, str | None]:
    days = (instrument.pk, Interval.ONE_DAY.value, now - FIFTY_TWO_WEEKS, now)
    [row] = statements.query(_EXTREMES, days)
    high, low = _extremes_read(row)
    increment = instrument.price_increment
    return {
        "high_52w": None if high is None else price_text(high, increment),
        "low_52w": None if low is None else price_text(low, increment),
    }
