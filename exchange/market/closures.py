"""Market closures that an administrator enters: which are accepted, and those in force."""

import time
from collections.abc import Collection
from datetime import date, timedelta
from functools import lru_cache

from be.kernel.refusals import Refusal
from exchange.market.rules import calendar
from exchange.market.rules.calendar import Closures
from exchange.models import MarketClosure

SECONDS_KEPT = 30
"""How long a process uses the closures that it has read."""
FURTHEST = timedelta(days=366)
# The longest closure of the last ninety years had four sessions, in September 2001.
MOST_IN_A_ROW = 5


class ClosureOutOfBounds(Refusal):
    """A day without a session anyway, past, too far away, or one too many in a row."""

    code = "closure_out_of_bounds"
    title = "The exchange is not closed like that"


def entered() -> Closures:
    """The closures that have been entered, at most `SECONDS_KEPT` old."""
    return _read(int(time.monotonic() // SECONDS_KEPT))


def forget() -> None:
    """Read the closures again on next use. Other processes do so after `SECONDS_KEPT`."""
    _read.cache_clear()


@lru_cache(maxsize=1)
def _read(window: int) -> Closures:
    return dict(MarketClosure.objects.values_list("day", "closes_at"))


def check(closure: MarketClosure, *, today: date) -> None:
    """Refuse what can only be a mistake, since it could close the exchange for ever.

    Raises ClosureOutOfBounds that names the field.
    """
    day, closes_at = closure.day, closure.closes_at
    session = calendar.session_on(day)
    if session is None:
        raise ClosureOutOfBounds("There is no session on that day anyway.", field="day")
    if day < today:
        raise ClosureOutOfBounds(
            f"That day has passed; in New York it is {today}. What traded on it has traded.",
            field="day",
        )
    if day > today + FURTHEST:
        raise ClosureOutOfBounds(
            f"That is more than a year away; in New York it is {today}.", field="day"
        )
    if closes_at is None:
        _check_row(day)
        return
    usual = session.closes_at.astimezone(calendar.NEW_YORK).time()
    if not calendar.STOCKS.opens < closes_at < usual:
        raise ClosureOutOfBounds(
            f"An early close is between {calendar.STOCKS.opens:%H:%M} and {usual:%H:%M}; leave it "
            "empty for no session at all.",
            field="closes_at",
        )


def _check_row(day: date) -> None:
    """Refuse a day that would be one too many of successive business days without a session."""
    near = timedelta(days=3 * MOST_IN_A_ROW)
    rows = MarketClosure.objects.filter(day__range=(day - near, day + near), closes_at__isnull=True)
    closed = {*rows.values_list("day", flat=True), day}
    if _row_around(day, closed) > MOST_IN_A_ROW:
        raise ClosureOutOfBounds(
            f"That would be more than {MOST_IN_A_ROW} business days in a row without a session. "
            "Halt instruments instead, for as long as it takes.",
            field="day",
        )


def _row_around(day: date, closed: Collection[date]) -> int:
    return 1 + _row(day, closed, timedelta(days=1)) + _row(day, closed, timedelta(days=-1))


def _row(day: date, closed: Collection[date], step: timedelta) -> int:
    """How many business days after (or before) `day` are closed without a session between."""
    count = 0
    following = day + step
    while not calendar.is_business_day(following) or following in closed:
        count += following in closed
        following += step
    return count
