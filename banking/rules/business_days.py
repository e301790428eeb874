"""Days on which banks move money: the Federal Reserve's holidays, and settlement dates.

Money moves between banks on Mondays to Fridays that are no holiday of the Federal Reserve, on which
Fedwire and FedACH are closed. The holidays are those of its release K.8; one that falls on a Sunday
is observed on the Monday after, one on a Saturday not at all (the Fed is open on the Friday
before). All days are in New York. docs/calendars.md has the sources.
"""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")

CUTOFF = time(17)
"""What is entered then or later, in New York, counts as entered on the next business day."""

MONDAY, THURSDAY, SATURDAY, SUNDAY = 0, 3, 5, 6
ONE_DAY = timedelta(days=1)

_FIRST_JUNETEENTH = 2022  # the first that fell on a working day


@lru_cache(maxsize=512)
def holidays(year: int) -> frozenset[date]:
    """The weekdays of a year on which the Federal Reserve is closed."""
    fixed = [date(year, 1, 1), date(year, 7, 4), date(year, 12, 25)]
    if year >= _FIRST_JUNETEENTH:
        fixed.append(date(year, 6, 19))
    return floating(year) | {king_day(year)} | of_banks_alone(year) | moved_from_sunday(fixed)


def is_business_day(day: date) -> bool:
    """Whether banks move money on that day."""
    return day.weekday() < SATURDAY and day not in holidays(day.year)


def on_or_after(day: date) -> date:
    """The day itself if it is a business day, or else the next one."""
    while not is_business_day(day):
        day += ONE_DAY
    return day


def after(day: date, count: int = 1) -> date:
    """The business day that is the `count`th after `day`, which is not counted itself."""
    for _ in range(count):
        day = on_or_after(day + ONE_DAY)
    return day


def day_of(at: datetime) -> date:
    """The calendar day in New York of an aware moment."""
    return at.astimezone(NEW_YORK).date()


def entry_day(at: datetime) -> date:
    """The business day on which what is entered at an aware moment goes to the bank."""
    local = at.astimezone(NEW_YORK)
    day = local.date()
    if local.time() >= CUTOFF and is_business_day(day):
        return after(day)
    return on_or_after(day)


def settlement_day(at: datetime) -> date:
    """When a transfer that is entered at an aware moment settles: on the business day after."""
    return after(entry_day(at))


def floating(year: int) -> frozenset[date]:
    """The holidays of banks and markets on a weekday of a month, without Martin Luther King Day."""
    return frozenset(
        {
            nth_weekday(year, 2, MONDAY, 3),  # Washington's Birthday
            last_monday_of_may(year),  # Memorial Day
            nth_weekday(year, 9, MONDAY, 1),  # Labor Day
            thanksgiving(year),
        }
    )


def king_day(year: int) -> date:
    """Martin Luther King Jr. Day, which the stock exchange began to keep later than banks."""
    return nth_weekday(year, 1, MONDAY, 3)


def of_banks_alone(year: int) -> frozenset[date]:
    """Columbus Day and Veterans Day, on which stocks trade."""
    return moved_from_sunday([date(year, 11, 11)]) | {nth_weekday(year, 10, MONDAY, 2)}


def thanksgiving(year: int) -> date:
    return nth_weekday(year, 11, THURSDAY, 4)


def moved_from_sunday(days: Iterable[date]) -> frozenset[date]:
    """Sunday's holidays are observed on the Monday after, Saturday's not at all."""
    kept = (day for day in days if day.weekday() != SATURDAY)
    return frozenset(day + ONE_DAY if day.weekday() == SUNDAY else day for day in kept)


def nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def last_monday_of_may(year: int) -> date:
    last = date(year, 5, 31)
    return last - timedelta(days=last.weekday())
