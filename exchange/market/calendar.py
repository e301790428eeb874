"""Business days and settlement dates.

Only weekends are days off here; exchange and bank holidays are not known yet. A trade of the
Wednesday before Thanksgiving therefore settles on the Thursday.
"""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
_SATURDAY = 5


def is_business_day(day: date) -> bool:
    """Whether `day` is a Monday to Friday."""
    return day.weekday() < _SATURDAY


def next_business_day(day: date) -> date:
    """The first business day strictly after `day`."""
    following = day + timedelta(days=1)
    while not is_business_day(following):
        following += timedelta(days=1)
    return following


def settlement_date(at: datetime) -> date:
    """When a trade made at the aware moment `at` settles: T+1, T being the day in New York."""
    return next_business_day(at.astimezone(NEW_YORK).date())
