"""Business days and settlement dates.

Only weekends are days off here; exchange and bank holidays are not known yet. A trade of the
Wednesday before Thanksgiving therefore settles on the Thursday.
"""

from datetime import date, datetime, time, timedelta
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


def previous_business_day(day: date) -> date:
    """The last business day strictly before `day`."""
    earlier = day - timedelta(days=1)
    while not is_business_day(earlier):
        earlier -= timedelta(days=1)
    return earlier


def on_business_day(day: date) -> date:
    """The day itself, or the next business day: when what falls due on it is paid."""
    return day if is_business_day(day) else next_business_day(day)


def start_of_day(day: date) -> datetime:
    """The midnight, in New York, with which the day begins."""
    return datetime.combine(day, time.min, tzinfo=NEW_YORK)


def settlement_date(at: datetime) -> date:
    """When a trade made at the aware moment `at` settles: T+1, T being the day in New York."""
    return next_business_day(at.astimezone(NEW_YORK).date())
