"""Periods of performance, and the times in them at which an account is valued. All in UTC."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from exchange.market import candles
from exchange.models import Interval


class Period(StrEnum):
    """How far back from now: days, weeks, calendar months and years, or the whole history."""

    DAY = "1d"
    WEEK = "1w"
    MONTH = "1m"
    QUARTER = "3m"
    YEAR_TO_DATE = "ytd"
    YEAR = "1y"
    ALL = "all"


INTERVAL = {Period.DAY: Interval.FIVE_MINUTES, Period.WEEK: Interval.ONE_HOUR}
"""The interval between two valuations; a day for all other periods."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = {Period.DAY: 1, Period.WEEK: 7}
_MONTHS = {Period.MONTH: 1, Period.QUARTER: 3, Period.YEAR: 12}


@dataclass(frozen=True, slots=True)
class Steps:
    """Times at which an account is valued: a start, and then each multiple of a length.

    What moves in between may be added up.
    """

    start: datetime
    length: timedelta


EVERY_MOMENT = Steps(_EPOCH, timedelta(microseconds=1))
"""Nothing is added up."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a period in which the account existed.

    `from_opening` says that it starts with the first deposit, before which the account was empty.
    """

    start: datetime
    end: datetime
    interval: Interval
    from_opening: bool

    @property
    def steps(self) -> Steps:
        """Between two of these steps, the account is valued at flows only."""
        return Steps(self.start, candles.LENGTH[self.interval])

    def grid(self) -> Iterator[datetime]:
        """The start, each multiple of the interval between, and the end."""
        yield self.start
        length = candles.LENGTH[self.interval]
        time = candles.start_of(self.start, self.interval) + length
        while time < self.end:
            yield time
            time += length
        if self.end > self.start:
            yield self.end

    def is_regular(self, time: datetime) -> bool:
        """Whether a time is a multiple of the interval."""
        return candles.start_of(time, self.interval) == time


def window(period: Period, *, opened_at: datetime, now: datetime) -> Window:
    """The window of a period that ends now, for an account opened at `opened_at` (not after now).

    A period starts on a multiple of its interval: where that is a day, at the midnight before.
    """
    interval = _interval(period)
    start = steps(period, now=now).start
    from_opening = opened_at >= start
    return Window(opened_at if from_opening else start, now, interval, from_opening)


def steps(period: Period, *, now: datetime) -> Steps:
    """The steps of a period that ends now, for an account that is older."""
    interval = _interval(period)
    start = _EPOCH if period is Period.ALL else candles.start_of(_beginning(period, now), interval)
    return Steps(start, candles.LENGTH[interval])


def _interval(period: Period) -> Interval:
    return INTERVAL.get(period, Interval.ONE_DAY)


def _beginning(period: Period, now: datetime) -> datetime:
    if period is Period.YEAR_TO_DATE:
        return now.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
    if period in _MONTHS:
        return months_before(now, _MONTHS[period])
    return now - timedelta(days=_DAYS[period])


def months_before(at: datetime, months: int) -> datetime:
    """The same day and time that many months earlier, or the month's last day if it is shorter."""
    year, month = divmod(at.year * 12 + at.month - 1 - months, 12)
    day = min(at.day, monthrange(year, month + 1)[1])
    return at.replace(year=year, month=month + 1, day=day)
