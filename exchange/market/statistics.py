"""What an instrument did over a period, from its candles."""

import math
import statistics
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Any

from django.db.models import Max, Min

from be.api.formats import plain, price_text, time_text
from exchange.market import candles
from exchange.models import Candle, Instrument, Interval

DAYS_A_YEAR = 365
YEAR = timedelta(days=DAYS_A_YEAR)


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
# Finer candles for the shorter periods, so that there is something to measure.
RESOLUTION = {Period.ONE_DAY: Interval.FIVE_MINUTES, Period.SEVEN_DAYS: Interval.ONE_HOUR}


def measure(instrument: Instrument, period: Period, *, now: datetime) -> dict[str, Any]:
    """The statistics of the public contract; figures that can't be had are null.

    `volatility` is the standard deviation of the log returns of closes, annualised by the square
    root of the number of candles in a year (J. Hull, Options, Futures and Other Derivatives,
    section 15.4). `max_drawdown` is the largest fall from an earlier high, in percent of it.
    `vwap` weighs each candle's typical price, (high + low + close) / 3, by its volume.
    """
    interval = RESOLUTION.get(period, Interval.ONE_DAY)
    start = now - LENGTH[period]
    rows = list(
        Candle.objects.filter(
            instrument=instrument, interval=interval, time__gt=start, time__lte=now
        ).order_by("time")
    )
    answer: dict[str, Any] = {
        "symbol": instrument.symbol,
        "period": period.value,
        "start": time_text(start),
        "end": time_text(now),
    }
    return answer | _prices(instrument, rows, interval) | _year(instrument, now)


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
    "max_drawdown",
)


def _prices(
    instrument: Instrument, rows: Sequence[Candle], interval: Interval
) -> dict[str, str | None]:
    if not rows:
        return dict.fromkeys(FIGURES)
    increment, asset = instrument.price_increment, instrument.asset
    first, last = rows[0].open, rows[-1].close
    volume = sum(row.volume for row in rows)
    vwap = _vwap(rows, volume)
    volatility = _volatility(rows, interval)
    return {
        "open": price_text(first, increment),
        "high": price_text(max(row.high for row in rows), increment),
        "low": price_text(min(row.low for row in rows), increment),
        "close": price_text(last, increment),
        "change": price_text(last - first, increment),
        "change_percent": f"{(last - first) / first * 100:.4f}",
        "volume": plain(asset.amount(volume)),
        "average_volume": plain(asset.amount(volume // len(rows))),
        "vwap": None if vwap is None else f"{vwap:.6f}",
        "volatility": None if volatility is None else f"{volatility:.6f}",
        "max_drawdown": f"{_max_drawdown(rows) * 100:.4f}",
    }


def _vwap(rows: Sequence[Candle], volume: int) -> Decimal | None:
    if not volume:
        return None
    weighted = sum(
        ((row.high + row.low + row.close) / 3 * row.volume for row in rows), start=Decimal(0)
    )
    return weighted / volume


def _volatility(rows: Sequence[Candle], interval: Interval) -> float | None:
    closes = [float(row.close) for row in rows]
    returns = [math.log(after / before) for before, after in pairwise(closes)]
    if len(returns) < 2:  # noqa: PLR2004 - a deviation needs two
        return None
    return statistics.stdev(returns) * math.sqrt(YEAR / candles.LENGTH[interval])


def _max_drawdown(rows: Sequence[Candle]) -> Decimal:
    peak, worst = rows[0].high, Decimal(0)
    for row in rows:
        worst = max(worst, 1 - row.low / peak)
        peak = max(peak, row.high)
    return worst


def _year(instrument: Instrument, now: datetime) -> dict[str, str | None]:
    extremes = Candle.objects.filter(
        instrument=instrument, interval=Interval.ONE_DAY, time__gt=now - YEAR, time__lte=now
    ).aggregate(high=Max("high"), low=Min("low"))
    increment = instrument.price_increment
    return {
        f"{name}_52w": None if value is None else price_text(value, increment)
        for name, value in extremes.items()
    }
