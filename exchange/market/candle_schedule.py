"""Which candles belong to trading days, and how many there are in a day and in a year.

Statistics need it to annualise volatility and to average volume.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

from django.conf import settings

from exchange.market import candles, closures, hours
from exchange.market.rules import calendar
from exchange.market.rules.calendar import TradingHours
from exchange.models import AssetClass, Interval

DAY = timedelta(days=1)
DAYS_OF_COINS = 365
DAYS_OF_MARKETS = 252
"""Trading days a year of exchanges and dealers, as usual (J. Hull, *Options, Futures, and Other
Derivatives*, "Trading days vs. calendar days")."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The candles of one length that count, and how many they are.

    `counts` says of a candle's time whether it counts. The others are of nights and days without
    trade; what has moved during them is in the next candle that counts.
    """

    days_a_year: int
    candles_a_day: int
    counts: Callable[[datetime], bool]

    @property
    def candles_a_year(self) -> int:
        return self.days_a_year * self.candles_a_day


def of(asset_class: str, interval: Interval) -> Schedule:
    """The schedule of an instrument of this class.

    Coins trade at all times. Others have the trading days of their market, also where it is open
    around the clock: a stock then moves as much in the 24 hours of a trading day as in a session
    and the night before it, and hardly on a weekend. With real hours only sessions count.
    """
    length = candles.LENGTH[interval]
    if asset_class == AssetClass.CRYPTO:
        return Schedule(DAYS_OF_COINS, DAY // length, lambda _: True)
    trading_hours = hours.trading_hours(asset_class)
    if not settings.EXCHANGE_MARKET_HOURS:
        return Schedule(
            DAYS_OF_MARKETS,
            DAY // length,
            lambda at: calendar.is_business_day(at.date(), hours=trading_hours),
        )
    closed = closures.entered()

    @cache
    def session(day: date) -> calendar.Session | None:
        return calendar.session_on(day, closed, hours=trading_hours)

    def counts(at: datetime) -> bool:
        # No session is on both sides of a midnight UTC.
        found = session(at.date())
        return found is not None and at < found.closes_at and found.opens_at < at + length

    return Schedule(DAYS_OF_MARKETS, _candles_in_session(trading_hours, length), counts)


def _candles_in_session(hours: TradingHours, length: timedelta) -> int:
    """How many candles overlap a whole session; the first and the last may only in part."""
    # New York is whole hours from UTC, so that candles begin there as they do in UTC.
    opens, closes = (
        timedelta(hours=bell.hour, minutes=bell.minute) for bell in (hours.opens, hours.closes)
    )
    return -(-closes // length) - opens // length
