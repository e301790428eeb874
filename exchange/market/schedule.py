"""Which candles are of an instrument's trading days, and how many there are in a day and a year."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

from django.conf import settings

from exchange.market import candles, hours
from exchange.market.rules import calendar
from exchange.market.rules.calendar import Market
from exchange.models import AssetClass, Interval

DAY = timedelta(days=1)
DAYS_OF_COINS = 365
DAYS_OF_MARKETS = 252
"""Trading days a year of exchanges and dealers, as usual (J. Hull, *Options, Futures, and Other
Derivatives*, "Trading days vs. calendar days")."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When candles of one length come. `counts` tells of a candle's time whether it is one.

    What does not count is of a night or a day without trade: what has moved meanwhile is in the
    next candle that counts.
    """

    days_a_year: int
    candles_a_day: int
    counts: Callable[[datetime], bool]

    @property
    def candles_a_year(self) -> int:
        return self.days_a_year * self.candles_a_day


def of(asset_class: str, interval: Interval) -> Schedule:
    """The schedule of an instrument of this class.

    Coins trade at all times. Others keep the trading days of their market, also where it is open
    around the clock: a stock then moves as much in the 24 hours of a trading day as in a session
    and the night before it, and hardly on a weekend. With real hours only their sessions count.
    """
    length = candles.LENGTH[interval]
    if asset_class == AssetClass.CRYPTO:
        return Schedule(DAYS_OF_COINS, DAY // length, lambda _: True)
    market = hours.market_of(asset_class)
    if not settings.EXCHANGE_MARKET_HOURS:
        return Schedule(
            DAYS_OF_MARKETS,
            DAY // length,
            lambda at: calendar.is_business_day(at.date(), market=market),
        )
    closures = hours.closures()

    @cache
    def session(day: date) -> calendar.Session | None:
        return calendar.session_on(day, closures, market=market)

    def counts(at: datetime) -> bool:
        # No session is on both sides of a midnight UTC.
        found = session(at.date())
        return found is not None and at < found.closes_at and found.opens_at < at + length

    return Schedule(DAYS_OF_MARKETS, _candles_of_session(market, length), counts)


def _candles_of_session(market: Market, length: timedelta) -> int:
    """How many candles a whole session is in; its first and last may be cut by the bells."""
    # New York is whole hours from UTC, so that candles begin there as they do in UTC.
    opens, closes = (
        timedelta(hours=bell.hour, minutes=bell.minute) for bell in (market.opens, market.closes)
    )
    return -(-closes // length) - opens // length
