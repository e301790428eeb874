"""Whether the market is open: around the clock, or in the sessions that New York keeps.

`EXCHANGE_MARKET_HOURS` decides. Coins trade day and night in either case; stocks and ETFs keep the
exchange's sessions, bonds the bond market's, less the closures that an administrator has entered.
"""

import time
from datetime import datetime, timedelta
from functools import lru_cache

from django.conf import settings

from exchange.market.rules import calendar
from exchange.market.rules.calendar import Closures
from exchange.models import AssetClass, MarketClosure

# So long a process may go on with what it has read of the closures.
SECONDS_KEPT = 30


def is_open(asset_class: str, at: datetime) -> bool:
    """Whether instruments of this class trade at the aware moment `at`."""
    if not settings.EXCHANGE_MARKET_HOURS or asset_class == AssetClass.CRYPTO:
        return True
    return calendar.is_open(at, closures(), market=market_of(asset_class))


def market_of(asset_class: str) -> calendar.Market:
    """Whose sessions instruments of this class keep, coins aside."""
    return calendar.BONDS if asset_class == AssetClass.BOND else calendar.STOCKS


def end_of_day(asset_class: str, at: datetime) -> datetime:
    """When a day order of `at` expires: at the close of this session, or of the next one.

    A market that is open around the clock ends its day at midnight UTC.
    """
    if settings.EXCHANGE_MARKET_HOURS:
        market = market_of(asset_class)
        return calendar.current_or_next_session(at, closures(), market=market).closes_at
    return at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def closures() -> Closures:
    """The closures that no rule foresees, at most `SECONDS_KEPT` old."""
    return _read(int(time.monotonic() // SECONDS_KEPT))


def forget_closures() -> None:
    """Read them anew at the next question; other processes do so after `SECONDS_KEPT`."""
    _read.cache_clear()


@lru_cache(maxsize=1)
def _read(window: int) -> Closures:
    return dict(MarketClosure.objects.values_list("day", "closes_at"))
