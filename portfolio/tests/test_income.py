"""Dividends and coupons, by month and by instrument."""

from datetime import UTC, date, datetime, timedelta

import pytest

from authentication.tests.problems import assert_problem
from exchange.corporate import processing, reversals
from exchange.tests.corporate.actions import announce_dividend
from exchange.tests.market import NOW, give, make_bond, make_customer, make_instrument
from portfolio.tests.accounts import get, shown

pytestmark = pytest.mark.django_db

TOMORROW = NOW + timedelta(days=1)
NOTHING = {"dividends": "0.00", "coupons": "0.00", "reversals": "0.00", "total": "0.00"}


def paid(**sums):
    return {**NOTHING, **sums}


@pytest.fixture
def alice():
    return make_customer("alice@example.com")


def dividend(instrument, amount, *, on):
    action = announce_dividend(instrument, amount, ex_date=on.date(), at=on)
    assert action in [done.action for done in processing.run(now=on)]
    return action


def test_without_payments_there_are_no_months_and_no_instruments(alice):
    assert shown(alice, "income") == {
        "start": None,
        "end": None,
        "totals": NOTHING,
        "by_month": [],
        "by_instrument": [],
    }


def test_payments_are_added_up_by_month_and_by_instrument(alice):
    aapl, msft = make_instrument("AAPL"), make_instrument("MSFT")
    bond = make_bond("ACME-2033", issue_date=date(2025, 11, 15))
    give(alice, aapl.asset, "100")
    give(alice, msft.asset, "10")
    give(alice, bond.asset, "2000")
    # The last moment of March, in UTC.
    end_of_march = datetime(2026, 3, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    dividend(aapl, "0.25", on=end_of_march)
    dividend(msft, "1.00", on=end_of_march + timedelta(hours=12))
    # This finds the coupon of May too, half a year of 6 % on 2,000: it is paid late.
    dividend(aapl, "0.50", on=end_of_march + timedelta(days=91))

    document = shown(alice, "income", now=NOW + timedelta(days=200))

    assert document["totals"] == paid(dividends="85.00", coupons="60.00", total="145.00")
    assert document["by_month"] == [
        paid(dividends="50.00", coupons="60.00", total="110.00", month="2026-06"),
        paid(dividends="10.00", total="10.00", month="2026-04"),
        paid(dividends="25.00", total="25.00", month="2026-03"),
    ]
    assert [(row["symbol"], row["total"]) for row in document["by_instrument"]] == [
        ("AAPL", "75.00"),
        ("ACME-2033", "60.00"),
        ("MSFT", "10.00"),
    ]
    part = shown(
        alice,
        "income",
        now=NOW + timedelta(days=200),
        start="2026-04-01T00:00:00Z",
        end="2026-06-30T23:59:59.999999Z",
    )
    assert part["totals"] == paid(dividends="10.00", total="10.00")
    assert (part["start"], part["end"]) == (
        "2026-04-01T00:00:00.000000Z",
        "2026-06-30T23:59:59.999999Z",
    )


def test_what_was_taken_back_counts_when_it_was_taken(alice, admin_user):
    aapl = make_instrument("AAPL")
    give(alice, aapl.asset, "100")
    action = dividend(aapl, "2.00", on=TOMORROW)
    later = NOW + timedelta(days=40)
    reversals.reverse(action.pk, by=admin_user, now=later)

    document = shown(alice, "income", now=later)

    assert document["totals"] == paid(dividends="200.00", reversals="-200.00")
    assert document["by_month"] == [
        paid(reversals="-200.00", total="-200.00", month=f"{later:%Y-%m}"),
        paid(dividends="200.00", total="200.00", month=f"{NOW:%Y-%m}"),
    ]


def test_what_others_were_paid_does_not_show(alice):
    bob = make_customer("bob@example.com")
    aapl = make_instrument("AAPL")
    give(bob, aapl.asset, "100")
    dividend(aapl, "2.00", on=TOMORROW)

    assert shown(alice, "income", now=TOMORROW)["totals"] == NOTHING
    assert shown(bob, "income", now=TOMORROW)["totals"]["total"] == "200.00"


@pytest.mark.parametrize("name", ["start", "end"])
def test_a_time_that_is_none_is_refused(alice, name: str):
    assert_problem(
        get(alice, "income", now=NOW, **{name: "2026-03-02"}),
        status=400,
        code="invalid",
        field=name,
    )


@pytest.mark.parametrize("end", ["2026-03-02T14:30:00Z", "2026-03-02T09:29:59-05:00"])
def test_an_end_that_is_not_after_the_start_is_refused(alice, end: str):
    """As the statement does: nothing found would look like nothing paid."""
    assert_problem(
        get(alice, "income", now=NOW, start="2026-03-02T14:30:00Z", end=end),
        status=400,
        code="invalid",
        field="end",
    )
