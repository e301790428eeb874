"""The calendar of the New York Stock Exchange, business days and settlement dates.

Sessions follow from rules: NYSE Rule 7.2 (holidays) and the exchange's published early closes, as
they are since 1998. Closures that no rule foresees (mourning, storms) are passed in as `Closures`;
the database holds them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
OPENING = time(9, 30)
CLOSING = time(16, 0)
EARLY_CLOSING = time(13, 0)

Closures = Mapping[date, time | None]
"""Days without a session (None), or with an early close at this New York time."""

NO_CLOSURES: Closures = {}

_MONDAY, _THURSDAY, _FRIDAY, _SATURDAY, _SUNDAY = 0, 3, 4, 5, 6
_FIRST_JUNETEENTH = 2022
_DAY = timedelta(days=1)
# Nothing closes an exchange for longer; beyond it a search for a session has lost its way.
_LONGEST_CLOSURE = 366


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day: open from `opens_at` until just before `closes_at`, both in UTC."""

    day: date
    opens_at: datetime
    closes_at: datetime


@lru_cache(maxsize=512)
def holidays(year: int) -> frozenset[date]:
    """The weekdays of a year on which the exchange is closed by rule."""
    days = {
        _nth_weekday(year, 1, _MONDAY, 3),  # Martin Luther King Jr. Day
        _nth_weekday(year, 2, _MONDAY, 3),  # Washington's Birthday
        _easter(year) - 2 * _DAY,  # Good Friday
        _last_monday_of_may(year),  # Memorial Day
        _observed(date(year, 7, 4)),
        _nth_weekday(year, 9, _MONDAY, 1),  # Labor Day
        thanksgiving(year),
        _observed(date(year, 12, 25)),
    }
    if year >= _FIRST_JUNETEENTH:
        days.add(_observed(date(year, 6, 19)))
    # New Year's Day on a Saturday is not made up for: the day before ends the year's books.
    new_year = date(year, 1, 1)
    if new_year.weekday() != _SATURDAY:
        days.add(_observed(new_year))
    return frozenset(days)


@lru_cache(maxsize=512)
def half_days(year: int) -> frozenset[date]:
    """The days of a year that close at 13:00 by rule: before Independence Day and Christmas, and
    after Thanksgiving, where these are trading days."""
    candidates = {date(year, 7, 3), thanksgiving(year) + _DAY, date(year, 12, 24)}
    closed = holidays(year)
    return frozenset(day for day in candidates if day.weekday() < _SATURDAY and day not in closed)


def thanksgiving(year: int) -> date:
    return _nth_weekday(year, 11, _THURSDAY, 4)


def session_on(day: date, closures: Closures = NO_CLOSURES) -> Session | None:
    """The session of a day, None if there is none."""
    if not is_business_day(day):
        return None
    closing = EARLY_CLOSING if day in half_days(day.year) else CLOSING
    if day in closures:
        early = closures[day]
        if early is None:
            return None
        closing = min(closing, early)
    return Session(day, _moment(day, OPENING), _moment(day, closing))


def current_or_next_session(at: datetime, closures: Closures = NO_CLOSURES) -> Session:
    """The session that is open at the aware moment `at`, or else the first one after it.

    Raises LookupError when the closures leave no session for a year.
    """
    day = at.astimezone(NEW_YORK).date()
    for _ in range(_LONGEST_CLOSURE):
        session = session_on(day, closures)
        if session is not None and at < session.closes_at:
            return session
        day += _DAY
    raise LookupError(f"no session in the year after {at:%Y-%m-%d}")


def is_open(at: datetime, closures: Closures = NO_CLOSURES) -> bool:
    """Whether the exchange trades at the aware moment `at`."""
    session = session_on(at.astimezone(NEW_YORK).date(), closures)
    return session is not None and session.opens_at <= at < session.closes_at


def is_business_day(day: date) -> bool:
    """Whether `day` is a Monday to Friday and no holiday of the exchange."""
    return day.weekday() < _SATURDAY and day not in holidays(day.year)


def next_business_day(day: date) -> date:
    """The first business day strictly after `day`."""
    following = day + _DAY
    while not is_business_day(following):
        following += _DAY
    return following


def previous_business_day(day: date) -> date:
    """The last business day strictly before `day`."""
    earlier = day - _DAY
    while not is_business_day(earlier):
        earlier -= _DAY
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


def _moment(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, tzinfo=NEW_YORK).astimezone(UTC)


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _last_monday_of_may(year: int) -> date:
    last = date(year, 5, 31)
    return last - timedelta(days=last.weekday())


def _observed(day: date) -> date:
    """Saturday's holidays are kept on the Friday before, Sunday's on the Monday after."""
    return day + {_SATURDAY: -_DAY, _SUNDAY: _DAY}.get(day.weekday(), timedelta(0))


def _easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (Meeus, Jones and Butcher's algorithm)."""
    golden = year % 19
    century, rest = divmod(year, 100)
    leaps, leap_rest = divmod(century, 4)
    moon = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leaps - moon + 15) % 30
    quads, quad_rest = divmod(rest, 4)
    weekday = (32 + 2 * leap_rest + 2 * quads - epact - quad_rest) % 7
    shift = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * shift + 114, 31)
    return date(year, month, day + 1)
