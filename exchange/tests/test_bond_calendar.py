"""The bond market's sessions and settlement, and the Fed's days, against other calendars.

docs/calendars.md tells where the others differ, and whom we follow.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pandas_market_calendars
import pytest

from banking.rules import business_days
from exchange.market.rules import calendar, holidays
from exchange.tests import test_calendar

# Good Fridays with an employment report, before 2021, on which SIFMA recommended a close at noon.
OPEN_GOOD_FRIDAYS = (
    date(1996, 4, 5),
    date(1999, 4, 2),
    date(2007, 4, 6),
    date(2010, 4, 2),
    date(2012, 4, 6),
    date(2015, 4, 3),
)
# Full closes that no rule foresees; for the funeral of 2018 SIFMA recommended two in the afternoon.
UNFORESEEN = {date(2004, 6, 11), date(2012, 10, 30), date(2018, 12, 5)}


def days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


@pytest.fixture(scope="module")
def sifma() -> dict[date, tuple[datetime, datetime]]:
    schedule = pandas_market_calendars.get_calendar("SIFMAUS").schedule("1996-01-01", "2040-12-31")
    return {
        at.date(): (row["market_open"].to_pydatetime(), row["market_close"].to_pydatetime())
        for at, row in schedule.iterrows()
    }


def test_sessions_of_bonds_are_sifmas(sifma: dict[date, tuple[datetime, datetime]]):
    disputed = {*OPEN_GOOD_FRIDAYS, *(day - timedelta(days=1) for day in OPEN_GOOD_FRIDAYS)}
    for day in days(date(1996, 1, 1), date(2040, 12, 31)):
        session = calendar.session_on(day, hours=calendar.BONDS)
        found = None if session is None else (session.opens_at, session.closes_at)
        if day not in disputed:
            assert found == sifma.get(day), day


@pytest.mark.parametrize("day", [*OPEN_GOOD_FRIDAYS, date(2021, 4, 2), date(2023, 4, 7)])
def test_bonds_trade_until_noon_on_a_good_friday_with_an_employment_report(day: date):
    session = calendar.session_on(day, hours=calendar.BONDS)
    assert session is not None
    assert session.closes_at.astimezone(calendar.NEW_YORK).time() == time(12)
    before = calendar.session_on(day - timedelta(days=1), hours=calendar.BONDS)
    assert before is not None
    assert before.closes_at.astimezone(calendar.NEW_YORK).time() == time(17, 30)


@pytest.mark.parametrize(
    ("traded", "settles"),
    [
        (date(2026, 10, 9), date(2026, 10, 13)),  # over Columbus Day
        (date(2026, 10, 12), date(2026, 10, 13)),
        (date(2026, 11, 10), date(2026, 11, 12)),  # over Veterans Day
        (date(2026, 11, 25), date(2026, 11, 27)),  # over Thanksgiving
        (date(2025, 4, 17), date(2025, 4, 21)),  # over Good Friday
        (date(2026, 4, 2), date(2026, 4, 6)),  # also when bonds trade on it, says SIFMA
        (date(2026, 4, 3), date(2026, 4, 6)),
        (date(2023, 11, 9), date(2023, 11, 10)),  # Veterans Day is the Saturday after
        (date(2018, 11, 9), date(2018, 11, 13)),  # it was on Sunday and kept on Monday
        (date(2020, 7, 2), date(2020, 7, 6)),  # Independence Day was on Saturday
        (date(2021, 12, 30), date(2021, 12, 31)),  # New Year's Day was on Saturday
        (date(2027, 6, 17), date(2027, 6, 21)),  # Juneteenth is on Saturday
    ],
)
def test_bond_trades_settle_on_the_next_day_on_which_the_market_settles(
    traded: date, settles: date
):
    noon = datetime(traded.year, traded.month, traded.day, 17, tzinfo=UTC)
    assert calendar.settlement_date(noon) == settles


@pytest.mark.parametrize(
    ("due", "paid"),
    [
        (date(2026, 10, 12), date(2026, 10, 13)),  # Columbus Day
        (date(2026, 11, 11), date(2026, 11, 12)),  # Veterans Day
        (date(2026, 4, 3), date(2026, 4, 3)),  # Good Friday: the Fed is open
        (date(2025, 4, 18), date(2025, 4, 18)),
        (date(2020, 7, 3), date(2020, 7, 3)),  # nor is the Fed closed for a Saturday's holiday
        (date(2021, 12, 24), date(2021, 12, 24)),
        (date(2026, 11, 15), date(2026, 11, 16)),  # a Sunday
        (date(2021, 7, 4), date(2021, 7, 6)),  # a Sunday's holiday is kept on Monday
    ],
)
def test_what_falls_due_is_paid_on_the_next_day_of_the_fed(due: date, paid: date):
    assert calendar.payment_day(due) == paid


def test_the_first_day_that_settles_on_a_date_or_later_is_found_from_every_date():
    for day in days(date(2020, 1, 1), date(2028, 12, 31)):
        first = calendar.settles_from(day)
        assert calendar.settlement_day_after(first) >= day
        assert calendar.settlement_day_after(first - timedelta(days=1)) < day


# QuantLib, which has no hours --------------------------------------------------------------------


def quantlib_days(market: str) -> set[date]:
    """The business days of 1990 to 2060 of QuantLib's calendar of that name."""
    ql: Any = pytest.importorskip("QuantLib")
    found = ql.UnitedStates(getattr(ql.UnitedStates, market))
    return {
        day
        for day in days(date(1990, 1, 1), date(2060, 12, 31))
        if found.isBusinessDay(ql.Date(day.day, day.month, day.year))
    }


def ours(closed: Any) -> set[date]:
    return {
        day
        for day in days(date(1990, 1, 1), date(2060, 12, 31))
        if day.weekday() < 5 and day not in closed(day.year)
    }


@pytest.mark.oracle
def test_days_of_the_bond_market_are_quantlibs_but_for_what_no_rule_foresees():
    assert ours(holidays.of_bonds) ^ quantlib_days("GovernmentBond") == UNFORESEEN


@pytest.mark.oracle
def test_days_of_the_fed_are_quantlibs():
    assert ours(business_days.holidays) == quantlib_days("FederalReserve")


@pytest.mark.oracle
def test_days_of_the_stock_exchange_are_quantlibs_but_for_what_no_rule_foresees():
    closed = set(test_calendar.UNFORESEEN)
    assert ours(holidays.of_exchange) ^ quantlib_days("NYSE") == closed
