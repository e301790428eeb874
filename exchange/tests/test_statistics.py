"""Statistics compared with pandas, on random and on real prices."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bokeh_sampledata import stocks
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.market import candles, statistics
from exchange.market.candles import Bar
from exchange.market.statistics import Period
from exchange.models import Instrument, Interval
from exchange.tests import market

DAY = timedelta(days=1)
SHARE = 10**6  # units
# Of the New York Stock Exchange, in the days of the random prices.
HOLIDAYS = ["2024-11-28", "2024-12-25", "2025-01-01", "2025-01-20", "2025-02-17", "2025-04-18"]
HOLIDAYS += ["2025-05-26", "2025-06-19", "2025-07-04", "2025-09-01", "2025-11-27", "2025-12-25"]
HOLIDAYS += ["2026-01-01", "2026-01-19", "2026-02-16"]


def frame(bars: Sequence[Bar]) -> pd.DataFrame:
    table = pd.DataFrame(bars, columns=list(Bar._fields)).set_index("time")
    return table.astype(float)


def by_pandas(
    bars: Sequence[Bar], *, per_day: int, days: int, trading: Sequence[Bar] | None = None
) -> dict[str, float | None]:
    """The figures as computed with a data frame.

    `trading` are the bars of trading days, of which a day has `per_day` and a year `days` days.
    """
    table = frame(bars)
    traded = table if trading is None else frame(trading)
    typical = (table.high + table.low + table.close) / 3
    volume = table.volume.sum()
    returns = np.log(traded.close).diff().dropna()
    falls = 1 - table.low / table.high.cummax().shift()
    first, last = table.open.iloc[0], table.close.iloc[-1]
    return {
        "open": first,
        "high": table.high.max(),
        "low": table.low.min(),
        "close": last,
        "change": last - first,
        "change_percent": (last / first - 1) * 100,
        "volume": volume / SHARE,
        "average_volume": traded.volume.mean() * per_day / SHARE,
        "vwap": (typical * table.volume).sum() / volume if volume else None,
        "volatility": returns.std() * np.sqrt(days * per_day) if len(returns) > 1 else None,
        "max_drawdown": max(falls.max(), 0) * 100 if len(table) > 1 else 0,
    }


def assert_same(figures: dict[str, Any], expected: dict[str, float | None]) -> None:
    for name, value in expected.items():
        given_ = figures[name]
        if value is None:
            assert given_ is None, name
        else:
            assert float(given_) == pytest.approx(value, rel=1e-6, abs=6e-5), name


def stored(instrument: Instrument, interval: Interval, bars: Sequence[Bar]) -> None:
    candles.backfill(candles.Row(instrument.pk, interval.value, *bar) for bar in bars)


def random_bars(seed: int, end: datetime, length: timedelta, count: int) -> list[Bar]:
    """A random walk in cents, with candles missing here and there."""
    rng = np.random.default_rng(seed)
    closes = np.maximum(np.rint(19_000 * np.exp(np.cumsum(rng.normal(0, 0.02, count)))), 100)
    bars = []
    for number in range(1, count):
        if rng.random() < 0.1:
            continue
        before, after = sorted((int(closes[number - 1]), int(closes[number])))
        bars.append(
            Bar(
                end - (count - number) * length,
                Decimal(int(closes[number - 1])) / 100,
                Decimal(after + int(rng.integers(0, 50))) / 100,
                Decimal(before - int(rng.integers(0, 50))) / 100,
                Decimal(int(closes[number])) / 100,
                int(rng.integers(0, 10**9)),
            )
        )
    return bars


@pytest.mark.parametrize(
    ("period", "interval", "length", "count"),
    [
        (Period.ONE_DAY, Interval.FIVE_MINUTES, timedelta(minutes=5), 400),
        (Period.SEVEN_DAYS, Interval.ONE_HOUR, timedelta(hours=1), 200),
        (Period.THIRTY_DAYS, Interval.ONE_DAY, DAY, 500),
        (Period.NINETY_DAYS, Interval.ONE_DAY, DAY, 500),
        (Period.ONE_YEAR, Interval.ONE_DAY, DAY, 500),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_they_agree_with_pandas_on_random_prices(
    aapl: Instrument,
    period: Period,
    interval: Interval,
    length: timedelta,
    count: int,
    seed: int,
):
    now = datetime(2026, 3, 2, 6, tzinfo=UTC)
    bars = random_bars(seed, now, length, count)
    stored(aapl, interval, bars)
    figures = statistics.measure(aapl, period, now=now)
    inside = [bar for bar in bars if bar.time > now - statistics.LENGTH[period]]
    trading = [bar for bar in inside if np.is_busday(bar.time.date(), holidays=HOLIDAYS)]
    assert len(inside) > len(trading) > 10
    assert_same(figures, by_pandas(inside, per_day=DAY // length, days=252, trading=trading))
    if interval == Interval.ONE_DAY:
        year = frame([bar for bar in bars if bar.time > now - timedelta(weeks=52)])
        assert float(figures["high_52w"]) == pytest.approx(year.high.max())
        assert float(figures["low_52w"]) == pytest.approx(year.low.min())


def real_bars() -> list[Bar]:
    """AAPL's real daily prices; volumes in shares."""
    table: Any = stocks.AAPL
    return [
        Bar(
            datetime.fromisoformat(day).replace(tzinfo=UTC),
            Decimal(str(open_)),
            Decimal(str(high)),
            Decimal(str(low)),
            Decimal(str(close)),
            volume * SHARE,
        )
        for day, open_, high, low, close, volume in zip(
            *(table[name] for name in ("date", *Bar._fields[1:])), strict=True
        )
    ]


@pytest.mark.parametrize("period", [Period.THIRTY_DAYS, Period.NINETY_DAYS, Period.ONE_YEAR])
@pytest.mark.parametrize("day", ["2000-12-01", "2008-10-10", "2013-02-28"])
def test_they_agree_with_pandas_on_real_prices(aapl: Instrument, period: Period, day: str):
    now = datetime.fromisoformat(day).replace(tzinfo=UTC)
    bars = [bar for bar in real_bars() if now - timedelta(days=500) < bar.time]
    stored(aapl, Interval.ONE_DAY, [bar for bar in bars if bar.time < now + timedelta(days=50)])
    figures = statistics.measure(aapl, period, now=now)
    inside = [bar for bar in bars if now - statistics.LENGTH[period] < bar.time <= now]
    assert len(inside) > 15
    assert_same(figures, by_pandas(inside, per_day=1, days=252))


def test_a_year_of_real_closes_has_the_volatility_that_a_spreadsheet_gives_it(aapl: Instrument):
    bars = [bar for bar in real_bars() if bar.time.year == 2012]
    stored(aapl, Interval.ONE_DAY, bars)
    figures = statistics.measure(aapl, Period.ONE_YEAR, now=datetime(2012, 12, 31, 22, tzinfo=UTC))
    returns = np.log(pd.Series([float(bar.close) for bar in bars])).diff()
    assert len(bars) == 250
    assert float(figures["volatility"] or 0) == pytest.approx(returns.std() * 252**0.5, abs=1e-6)


def flat(time: datetime, price: int, volume: int) -> Bar:
    """A candle in which the price stood still."""
    still = Decimal(price)
    return Bar(time, still, still, still, still, volume)


PRICES = st.integers(1, 10**8).map(lambda cents: Decimal(cents) / 100)


@st.composite
def any_bars(draw: st.DrawFn) -> list[Bar]:
    count = draw(st.integers(1, 8))
    bars = []
    for number in range(count):
        four = sorted(draw(st.lists(PRICES, min_size=4, max_size=4)))
        low, opened, closed, high = four
        if draw(st.booleans()):
            opened, closed = closed, opened
        volume = draw(st.integers(0, 10**12))
        bars.append(Bar(market.NOW + number * DAY, opened, high, low, closed, volume))
    return bars


@settings(max_examples=60, deadline=None)
@given(any_bars())
def test_the_formulas_agree_with_pandas_on_any_prices(bars: list[Bar]):
    expected = by_pandas(bars, per_day=1, days=365)
    found = statistics.vwap(bars)
    assert (found is None) == (expected["vwap"] is None)
    if found is not None:
        assert float(found) == pytest.approx(expected["vwap"], rel=1e-9)
    deviation = statistics.volatility([bar.close for bar in bars], 365)
    assert (deviation is None) == (expected["volatility"] is None)
    if deviation is not None:
        assert deviation == pytest.approx(expected["volatility"], rel=1e-6, abs=1e-9)
    drawdown = statistics.max_drawdown(bars) * 100
    assert drawdown == pytest.approx(expected["max_drawdown"], rel=1e-9, abs=1e-9)
    average = statistics.volume_a_day(bars, 1)
    assert average is not None
    assert average / SHARE == pytest.approx(expected["average_volume"], abs=1 / SHARE)


def test_prices_that_only_rise_have_no_drawdown(aapl: Instrument):
    bars = [flat(market.NOW - (3 - number) * DAY, 100 + number, 1) for number in range(3)]
    stored(aapl, Interval.ONE_DAY, bars)
    figures = statistics.measure(aapl, Period.THIRTY_DAYS, now=market.NOW)
    assert figures["max_drawdown"] == "0.0000"


def test_one_candle_has_no_volatility_and_without_volume_there_is_no_vwap(aapl: Instrument):
    bar = flat(market.NOW, 100, 0)
    stored(aapl, Interval.ONE_DAY, [bar])
    figures = statistics.measure(aapl, Period.THIRTY_DAYS, now=market.NOW)
    assert (figures["volatility"], figures["vwap"]) == (None, None)
    assert (figures["volume"], figures["average_volume"], figures["close"]) == ("0", "0", "100.00")


def test_a_candle_counts_that_begins_in_the_period_and_no_other(aapl: Instrument):
    edge = market.NOW - timedelta(days=30)
    bars = [
        flat(edge, 1, 1),
        flat(edge + DAY, 2, 1),
        flat(market.NOW, 3, 1),
        flat(market.NOW + DAY, 4, 1),
    ]
    stored(aapl, Interval.ONE_DAY, bars)
    figures = statistics.measure(aapl, Period.THIRTY_DAYS, now=market.NOW)
    assert (figures["open"], figures["close"]) == ("2.00", "3.00")
    assert (figures["high_52w"], figures["low_52w"]) == ("3.00", "1.00")
