"""Whether markets are open now: `exchange/market/rules/calendar.py` with setting and closures.

With `EXCHANGE_MARKET_HOURS` stocks and ETFs keep the sessions of the stock exchange, and bonds
those of the bond market, less the closures that an administrator has entered. Without it everything
trades around the clock. Coins do in either case.
"""

from datetime import datetime, timedelta

from django.conf import settings

from exchange.market import closures
from exchange.market.rules import calendar
from exchange.models import AssetClass


def is_open(asset_class: str, at: datetime) -> bool:
    """Whether instruments of this class trade at the aware moment `at`."""
    if not settings.EXCHANGE_MARKET_HOURS or asset_class == AssetClass.CRYPTO:
        return True
    return calendar.is_open(at, closures.entered(), hours=trading_hours(asset_class))


def trading_hours(asset_class: str) -> calendar.TradingHours:
    """The trading hours of instruments of this class, coins aside."""
    return calendar.BONDS if asset_class == AssetClass.BOND else calendar.STOCKS


def end_of_day(asset_class: str, at: datetime) -> datetime:
    """When a day order of `at` expires: at the close of this session, or of the next one.

    A market that is open around the clock ends its day at midnight UTC.
    """
    if settings.EXCHANGE_MARKET_HOURS:
        hours = trading_hours(asset_class)
        return calendar.current_or_next_session(at, closures.entered(), hours=hours).closes_at
    return at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
