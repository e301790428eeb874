"""Holidays and early closes by rule: of the stock exchange and the bond market.

Stocks keep those of the New York Stock Exchange: its Rule 7.2, and the early closes that it has
published, as they have been since 1990. Bonds keep what the industry's association SIFMA recommends
for dollar bonds in the US. Days on which cash moves are in `banking/rules/business_days.py`.
docs/calendars.md has the sources, and where others differ.

All days are in New York, Monday to Friday. Closures that no rule foresees (mourning, storms) are
not here.
"""

from collections.abc import Mapping
from datetime import date, time, timedelta
from functools import lru_cache

from banking.rules import business_days
from banking.rules.business_days import moved_from_sunday, thanksgiving

_THURSDAY, _SATURDAY, _SUNDAY = 3, 5, 6
_DAY = timedelta(days=1)
_NOON, _ONE, _TWO = time(12), time(13), time(14)

_FIRST_JUNETEENTH = 2022  # the first that fell on a working day
_KING_SINCE = 1998  # on the exchange; the Fed and bonds began in 1986
# Early closes of the exchange that have changed: until 1992 at 14:00, since then at 13:00.
_ONE_SINCE, _AFTER_THANKSGIVING_SINCE, _JULY_SINCE = 1993, 1992, 1992
_FRIDAY_AFTER_JULY_4_UNTIL, _FRIDAY_AFTER_CHRISTMAS = 2012, frozenset({1997, 2003})
# Since then the bond market trades on the morning of a Good Friday with an employment report.
_REPORTS_SINCE, _LAST_FIRST_FRIDAY = 1996, 7


@lru_cache(maxsize=512)
def of_exchange(year: int) -> frozenset[date]:
    """The weekdays on which the stock exchange is closed."""
    return _of_every_market(year, since=_KING_SINCE) | {good_friday(year)}


@lru_cache(maxsize=512)
def of_bonds(year: int) -> frozenset[date]:
    """The weekdays on which bonds do not trade at all."""
    days = _of_every_market(year, since=0) | business_days.of_banks_alone(year)
    return days if _reports_on_good_friday(year) else days | {good_friday(year)}


@lru_cache(maxsize=512)
def of_settlement(year: int) -> frozenset[date]:
    """The weekdays on which no bond trade settles: bond holidays and every Good Friday.

    Also a Good Friday on whose morning bonds trade: SIFMA calls it "not a good settlement day".
    """
    return of_bonds(year) | {good_friday(year)}


@lru_cache(maxsize=512)
def early_closes_of_exchange(year: int) -> Mapping[date, time]:
    """Days on which stocks close early, and when."""
    days = {date(year, 12, 24)}
    if year in _FRIDAY_AFTER_CHRISTMAS:
        days.add(date(year, 12, 26))
    if year >= _AFTER_THANKSGIVING_SINCE:
        days.add(thanksgiving(year) + _DAY)
    if year >= _JULY_SINCE:
        after = date(year, 7, 4).weekday() == _THURSDAY and year <= _FRIDAY_AFTER_JULY_4_UNTIL
        days.add(date(year, 7, 5 if after else 3))
    closed = of_exchange(year)
    closes = _ONE if year >= _ONE_SINCE else _TWO
    return {day: closes for day in days if _is_weekday(day) and day not in closed}


@lru_cache(maxsize=512)
def early_closes_of_bonds(year: int) -> Mapping[date, time]:
    """Days on which bonds close early, and when: at 14:00 on the working day before a holiday."""
    holidays = [
        good_friday(year),
        business_days.last_monday_of_may(year),
        _observed(date(year, 7, 4)),
        _observed(date(year, 12, 25)),
    ]
    closed = of_bonds(year)
    closes = {_weekday_before(day): _TWO for day in holidays if day in closed}
    closes[thanksgiving(year) + _DAY] = _TWO
    # The day before New Year's Day. A Sunday's is observed on Monday, a Saturday's not on Friday.
    closes[_weekday_before(date(year + 1, 1, 1))] = _TWO
    if _reports_on_good_friday(year):
        closes[good_friday(year)] = _NOON
    return closes


def good_friday(year: int) -> date:
    return _easter(year) - 2 * _DAY


def _of_every_market(year: int, *, since: int) -> frozenset[date]:
    """The holidays of stocks and bonds; `since` is the first year of Martin Luther King Day."""
    fixed = [date(year, 7, 4), date(year, 12, 25)]
    if year >= _FIRST_JUNETEENTH:
        fixed.append(date(year, 6, 19))
    # A New Year's Day on a Saturday is not observed: the Friday before ends the accounting year.
    moved = {_observed(day) for day in fixed} | moved_from_sunday([date(year, 1, 1)])
    days = business_days.floating(year) | moved
    return days | {business_days.king_day(year)} if year >= since else days


def _reports_on_good_friday(year: int) -> bool:
    """Whether the month's employment report comes on Good Friday: on the first Friday of April."""
    return year >= _REPORTS_SINCE and good_friday(year).day <= _LAST_FIRST_FRIDAY


def _observed(day: date) -> date:
    """Saturday's holidays are observed on the Friday before, Sunday's on the Monday after."""
    return day + {_SATURDAY: -_DAY, _SUNDAY: _DAY}.get(day.weekday(), timedelta(0))


def _weekday_before(day: date) -> date:
    before = day - _DAY
    while not _is_weekday(before):
        before -= _DAY
    return before


def _is_weekday(day: date) -> bool:
    return day.weekday() < _SATURDAY


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
