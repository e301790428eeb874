"""Sessions of the exchange by rule, against a calendar that lists them."""

from datetime import UTC, date, datetime, time, timedelta

import exchange_calendars  # type: ignore[import-untyped]
import pytest

from exchange.market.rules import calendar

# Closures that no rule foresees, from 1990 to 2026: attacks, a storm, mourning, the millennium.
UNFORESEEN = [
    date(1994, 4, 27),
    *(date(2001, 9, day) for day in (11, 12, 13, 14)),
    date(2004, 6, 11),
    date(2007, 1, 2),
    date(2012, 10, 29),
    date(2012, 10, 30),
    date(2018, 12, 5),
    date(2025, 1, 9),
]
EARLY_ONCE = date(1999, 12, 31)


@pytest.fixture(scope="module")
def oracle():
    schedule = exchange_calendars.get_calendar(
        "XNYS", start="1990-01-01", end="2027-06-30"
    ).schedule
    return {
        at.date(): (row["open"].to_pydatetime(), row["close"].to_pydatetime())
        for at, row in schedule.iterrows()
    }


def test_sessions_of_four_decades_are_those_that_were_held(oracle):
    closures = {**dict.fromkeys(UNFORESEEN), EARLY_ONCE: time(13)}
    day, last = date(1990, 1, 1), date(2027, 6, 30)
    while day <= last:
        session = calendar.session_on(day, closures)
        expected = oracle.get(day)
        found = None if session is None else (session.opens_at, session.closes_at)
        assert found == expected, day
        day += timedelta(days=1)


@pytest.mark.parametrize(
    ("day", "closes"),
    [
        (date(2002, 7, 3), time(16)),  # before 2013 the day after a Fourth of July on a Thursday
        (date(2002, 7, 5), time(13)),
        (date(2013, 7, 3), time(13)),
        (date(2003, 12, 26), time(13)),
        (date(2008, 12, 26), time(16)),
        (date(1992, 12, 24), time(14)),
    ],
)
def test_early_closes_are_those_of_their_year(day, closes):
    session = calendar.session_on(day)
    assert session is not None
    assert session.closes_at.astimezone(calendar.NEW_YORK).time() == closes


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-25T14:29:59", False),
        ("2026-11-25T14:30:00", True),
        ("2026-11-25T20:59:59", True),
        ("2026-11-25T21:00:00", False),
        ("2026-11-26T16:00:00", False),  # Thanksgiving
        ("2026-11-27T17:59:59", True),
        ("2026-11-27T18:00:00", False),  # 13:00 in New York
        ("2026-11-28T16:00:00", False),  # a Saturday
        ("2026-07-01T13:30:00", True),  # summer time
    ],
)
def test_the_exchange_is_open_from_its_bell_to_its_bell(at, expected):
    assert calendar.is_open(datetime.fromisoformat(at).replace(tzinfo=UTC)) is expected


def test_a_closure_that_no_rule_foresees_takes_the_session_or_shortens_it():
    monday = date(2026, 3, 2)
    noon = datetime(2026, 3, 2, 17, 30, tzinfo=UTC)

    assert calendar.session_on(monday, {monday: None}) is None
    shortened = calendar.session_on(monday, {monday: time(12)})
    assert shortened is not None
    assert shortened.closes_at == datetime(2026, 3, 2, 17, tzinfo=UTC)
    assert calendar.is_open(noon)
    assert not calendar.is_open(noon, {monday: time(12)})
    # An early close before the opening leaves no session.
    assert calendar.session_on(monday, {monday: time(9)}) is None
    # A closure never makes a half day longer.
    half = date(2026, 11, 27)
    assert calendar.session_on(half, {half: time(15)}) == calendar.session_on(half)


def test_the_next_session_follows_a_long_weekend():
    friday_evening = datetime(2026, 1, 16, 22, tzinfo=UTC)

    session = calendar.current_or_next_session(friday_evening)

    assert session.day == date(2026, 1, 20)  # after Martin Luther King Jr. Day
    assert calendar.current_or_next_session(session.closes_at - timedelta(seconds=1)) == session
    assert calendar.current_or_next_session(session.closes_at).day == date(2026, 1, 21)


def test_a_year_without_sessions_is_told():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    closed = {now.date() + timedelta(days=number): None for number in range(400)}
    with pytest.raises(LookupError, match="no session"):
        calendar.current_or_next_session(now, closed)
