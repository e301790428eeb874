"""Business days of banks, against the Federal Reserve's published lists (release K.8)."""

from datetime import UTC, date, datetime, timedelta

import pytest

from banking.rules import business_days

# The weekdays of the Fed's table for these years: what falls on a Saturday is not observed.
PUBLISHED = {
    2022: "01-17 02-21 05-30 06-20 07-04 09-05 10-10 11-11 11-24 12-26",
    2023: "01-02 01-16 02-20 05-29 06-19 07-04 09-04 10-09 11-23 12-25",
    2024: "01-01 01-15 02-19 05-27 06-19 07-04 09-02 10-14 11-11 11-28 12-25",
    2025: "01-01 01-20 02-17 05-26 06-19 07-04 09-01 10-13 11-11 11-27 12-25",
    2026: "01-01 01-19 02-16 05-25 06-19 09-07 10-12 11-11 11-26 12-25",
    2027: "01-01 01-18 02-15 05-31 07-05 09-06 10-11 11-11 11-25",
    2028: "01-17 02-21 05-29 06-19 07-04 09-04 10-09 11-23 12-25",
    2021: "01-01 01-18 02-15 05-31 07-05 09-06 10-11 11-11 11-25",
}


@pytest.mark.parametrize("year", PUBLISHED)
def test_holidays_are_those_that_the_federal_reserve_published(year):
    found = [f"{day:%m-%d}" for day in sorted(business_days.holidays(year))]

    assert " ".join(found) == PUBLISHED[year]


def test_good_friday_is_a_business_day_of_banks():
    assert business_days.is_business_day(date(2026, 4, 3))


def test_no_business_day_is_skipped_and_none_is_made_up():
    day, last = date(2020, 1, 1), date(2035, 12, 31)
    while day < last:
        following = business_days.after(day)
        between = [day + timedelta(days=n) for n in range(1, (following - day).days)]
        assert business_days.is_business_day(following)
        assert not any(business_days.is_business_day(each) for each in between)
        day += timedelta(days=1)


@pytest.mark.parametrize(
    ("entered", "goes", "settles"),
    [
        # In New York: a Monday at 9:30.
        ("2026-03-02T14:30", "2026-03-02", "2026-03-03"),
        # One minute before the cutoff of 17:00, and at it.
        ("2026-03-02T21:59", "2026-03-02", "2026-03-03"),
        ("2026-03-02T22:00", "2026-03-03", "2026-03-04"),
        # In summer the clocks in New York are four hours behind.
        ("2026-07-01T20:59", "2026-07-01", "2026-07-02"),
        ("2026-07-01T21:00", "2026-07-02", "2026-07-03"),
        # A Friday, its evening, and the weekend.
        ("2026-03-06T15:00", "2026-03-06", "2026-03-09"),
        ("2026-03-06T23:00", "2026-03-09", "2026-03-10"),
        ("2026-03-08T04:00", "2026-03-09", "2026-03-10"),
        ("2026-03-08T23:00", "2026-03-09", "2026-03-10"),
        # The Thursday before a long weekend: 4 July 2027 is a Sunday, observed on Monday.
        ("2027-07-02T15:00", "2027-07-02", "2027-07-06"),
        # Thanksgiving, and the evening before it.
        ("2026-11-25T22:30", "2026-11-27", "2026-11-30"),
        ("2026-11-26T15:00", "2026-11-27", "2026-11-30"),
        # The last day of a year, in New York; it is the next year in UTC.
        ("2027-01-01T03:00", "2027-01-04", "2027-01-05"),
    ],
)
def test_a_transfer_settles_on_the_business_day_after_it_goes_to_the_bank(entered, goes, settles):
    at = datetime.fromisoformat(entered).replace(tzinfo=UTC)

    assert business_days.entry_day(at).isoformat() == goes
    assert business_days.settlement_day(at).isoformat() == settles
