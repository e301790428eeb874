"""Volatility and average volume by the days that an instrument trades, whatever the hours."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from exchange.market import candle_schedule, candles, closures, statistics
from exchange.market.statistics import LENGTH, RESOLUTION, Period
from exchange.models import Instrument, Interval, MarketClosure
from exchange.simulator.model import variance_clock

DAY = timedelta(days=1)
AFTERNOON = datetime(2026, 3, 3, 18, tzinfo=UTC)  # a Tuesday, the exchange is open
NIGHT = datetime(2026, 3, 4, 4, tzinfo=UTC)
TRUE = 0.30  # a year
PATHS = 400


@pytest.fixture(params=[False, True], ids=["around the clock", "real hours"])
def real_hours(request: pytest.FixtureRequest, settings: Any) -> Iterator[bool]:
    settings.EXCHANGE_MARKET_HOURS = request.param
    closures.forget()
    yield request.param
    closures.forget()


def times(interval: Interval, start: datetime, end: datetime) -> list[datetime]:
    length = candles.LENGTH[interval]
    first = candles.start_of(start, interval) + length
    return [first + number * length for number in range((end - first) // length + 1)]


def variances(asset_class: str, at: list[datetime], length: timedelta) -> Any:
    """The variance time, in years, of the returns of candles at these times."""
    edges = [int(each.timestamp()) * 1_000_000 for each in (*at, at[-1] + length)]
    passed = variance_clock.elapsed(np.array(edges, dtype=np.int64))
    return passed.coins if asset_class == "crypto" else passed.stocks


def measured(asset_class: str, period: Period, now: datetime) -> float:
    """The measured volatility, over many paths of a price with 30 % a year."""
    interval = RESOLUTION.get(period, Interval.ONE_DAY)
    at = times(interval, now - LENGTH[period], now)
    spread = np.sqrt(variances(asset_class, at, candles.LENGTH[interval])) * TRUE
    paths = np.cumsum(np.random.default_rng(1).normal(size=(PATHS, len(at))) * spread, axis=1)
    usual = candle_schedule.of(asset_class, interval)
    # With real hours there are no other candles; around the clock there are, but they do not count.
    counted = np.array([usual.counts(each) for each in at])
    closes = np.exp(paths[:, counted]) * 100
    found = [
        statistics.volatility([Decimal(close) for close in path], usual.candles_a_year)
        for path in closes.tolist()
    ]
    return float(np.sqrt(np.mean(np.square(np.array(found, dtype=float)))))


@pytest.mark.django_db
@pytest.mark.usefixtures("real_hours")
@pytest.mark.parametrize("asset_class", ["stock", "etf", "crypto"])
@pytest.mark.parametrize("period", list(Period))
def test_thirty_percent_a_year_is_measured_as_thirty_percent(asset_class: str, period: Period):
    assert measured(asset_class, period, AFTERNOON) == pytest.approx(TRUE, rel=0.05)


@pytest.mark.django_db
@pytest.mark.parametrize("asset_class", ["stock", "bond"])
def test_around_the_clock_a_day_is_measured_as_well_at_night(asset_class: str):
    assert measured(asset_class, Period.ONE_DAY, NIGHT) == pytest.approx(TRUE, rel=0.05)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asset_class", "interval", "around_the_clock", "in_sessions"),
    [
        ("crypto", Interval.FIVE_MINUTES, 365 * 288, 365 * 288),
        ("crypto", Interval.ONE_DAY, 365, 365),
        ("stock", Interval.FIVE_MINUTES, 252 * 288, 252 * 78),
        ("stock", Interval.ONE_HOUR, 252 * 24, 252 * 7),
        ("stock", Interval.ONE_DAY, 252, 252),
        ("etf", Interval.ONE_HOUR, 252 * 24, 252 * 7),
        ("bond", Interval.FIVE_MINUTES, 252 * 288, 252 * 126),
        ("bond", Interval.ONE_HOUR, 252 * 24, 252 * 11),
        ("bond", Interval.ONE_DAY, 252, 252),
    ],
)
def test_a_year_has_so_many_candles(
    asset_class: str,
    interval: Interval,
    around_the_clock: int,
    in_sessions: int,
    real_hours: bool,
):
    usual = candle_schedule.of(asset_class, interval)
    assert usual.candles_a_year == (in_sessions if real_hours else around_the_clock)
    if real_hours:
        at = times(interval, AFTERNOON - 2 * DAY, AFTERNOON + 2 * DAY)
        monday = [each for each in at if each.date() == (AFTERNOON - DAY).date()]
        assert sum(usual.counts(each) for each in monday) == usual.candles_a_day


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asset_class", "day", "counts"),
    [
        ("stock", datetime(2026, 10, 12, tzinfo=UTC), True),  # Columbus Day
        ("bond", datetime(2026, 10, 12, tzinfo=UTC), False),
        ("crypto", datetime(2026, 12, 25, tzinfo=UTC), True),
        ("etf", datetime(2026, 12, 25, tzinfo=UTC), False),
        ("stock", datetime(2026, 3, 1, tzinfo=UTC), False),  # a Sunday
    ],
)
def test_days_on_which_its_market_is_closed_do_not_count(
    asset_class: str, day: datetime, counts: bool, real_hours: bool
):
    assert candle_schedule.of(asset_class, Interval.ONE_DAY).counts(day) is counts


@pytest.mark.django_db
def test_with_real_hours_a_closure_by_an_administrator_does_not_count(settings: Any):
    settings.EXCHANGE_MARKET_HOURS = True
    noon = datetime(2026, 3, 2, 17, tzinfo=UTC)
    MarketClosure.objects.create(day=noon.date(), closes_at=time(12), reason="Snow")
    closures.forget()
    usual = candle_schedule.of("stock", Interval.FIVE_MINUTES)
    closures.forget()
    assert usual.counts(noon - timedelta(minutes=5))
    assert not usual.counts(noon)


def flat(at: datetime, price: int, volume: int) -> candles.Bar:
    still = Decimal(price)
    return candles.Bar(at, still, still, still, still, volume)


def test_average_volume_is_of_a_trading_day(aapl: Instrument, real_hours: bool):
    """A million shares a session, a thousand in each hour without one."""
    at = times(Interval.FIVE_MINUTES, AFTERNOON - DAY, AFTERNOON)
    in_session = {each for each in at if each.time() >= time(14, 30) and each.time() < time(21)}
    shown = in_session if real_hours else set(at)
    candles.backfill(
        candles.Row(
            aapl.pk,
            Interval.FIVE_MINUTES.value,
            *flat(each, 100, 10**12 // 78 if each in in_session else 0),
        )
        for each in sorted(shown)
    )
    figures = statistics.measure(aapl, Period.ONE_DAY, now=AFTERNOON)
    assert float(figures["average_volume"] or 0) == pytest.approx(1_000_000, rel=0.02)
    assert float(figures["volume"] or 0) == pytest.approx(1_000_000, rel=0.02)


def test_a_day_without_trade_has_prices_but_neither_volatility_nor_average(aapl: Instrument):
    sunday = datetime(2026, 3, 1, 20, tzinfo=UTC)
    candles.backfill(
        candles.Row(aapl.pk, Interval.FIVE_MINUTES.value, *flat(each, 100, 5 * 10**6))
        for each in times(Interval.FIVE_MINUTES, sunday - timedelta(hours=10), sunday)
    )
    figures = statistics.measure(aapl, Period.ONE_DAY, now=sunday)
    assert (figures["close"], figures["volume"]) == ("100.00", "600")
    assert (figures["volatility"], figures["average_volume"]) == (None, None)
