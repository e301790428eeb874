"""Which transfers go into the file that is written now, and when it takes effect.

A day of transfers ends at the cut-off, in New York, on a business day of banks. What is entered
later, or on a day on which they are closed, waits for the next business day's file.
"""

from datetime import date, datetime, time, timedelta

from banking.rules import business_days

SETTLES_AT = time(8, 30)
"""When the Federal Reserve books what is settled on the day after the file, in New York."""


def entered_before(now: datetime, cutoff: time) -> datetime:
    """The moment before which a transfer must have been entered to go into a file of now."""
    local = now.astimezone(business_days.NEW_YORK)
    day = local.date()
    if not business_days.is_business_day(day):
        while not business_days.is_business_day(day):
            day -= timedelta(days=1)
        return _moment(day, cutoff)
    return now if local.time() < cutoff else _moment(day, cutoff)


def effective_date(now: datetime) -> date:
    """The next business day: entries of one that has come already would be settled late."""
    return business_days.after(business_days.day_of(now))


def settles_at(day: date) -> datetime:
    """When what takes effect on a day has been settled."""
    return _moment(day, SETTLES_AT)


def held_until(settled_at: datetime, business_days_held: int) -> datetime:
    """Until when a deposit may not be spent, because most returns come within so many days."""
    day = business_days.after(business_days.day_of(settled_at), business_days_held)
    return settles_at(day)


def _moment(day: date, at: time) -> datetime:
    return datetime.combine(day, at, business_days.NEW_YORK)
