"""Limits of the admin's forms: market closures, fees, and trading in matured bonds."""

from datetime import date, time, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from authentication.models import User
from authentication.tests.browsers import browser
from exchange.market import closures
from exchange.market.rules import calendar
from exchange.models import FeeSchedule, Instrument, MarketClosure
from exchange.tests import market
from exchange.tests.administrators import clerk, words
from exchange.trading import halts

pytestmark = pytest.mark.usefixtures("now")  # Monday 2 March 2026

CLOSURES = "/admin/exchange/marketclosure/"
FEES = "/admin/exchange/feeschedule/"
INSTRUMENTS = "/admin/exchange/instrument/"
NO_TERMS = {"bond-TOTAL_FORMS": "0", "bond-INITIAL_FORMS": "0"}


def close(root: Client, day: str, closes_at: str = ""):
    return root.post(
        f"{CLOSURES}add/", {"day": day, "closes_at": closes_at, "reason": "A day of mourning"}
    )


@pytest.mark.parametrize(
    ("day", "closes_at", "message"),
    [
        ("2206-03-03", "", "more than a year away"),
        ("2027-03-05", "", "more than a year away"),
        ("2026-02-27", "", "That day has passed; in New York it is 2026-03-02"),
        ("2026-02-27", "12:00", "That day has passed"),
        ("2026-03-07", "", "no session on that day anyway"),  # a Saturday
        ("2026-07-03", "", "no session on that day anyway"),  # Independence Day, observed
        ("2026-03-03", "09:30", "between 09:30 and 16:00"),
        ("2026-03-03", "03:00", "between 09:30 and 16:00"),
        ("2026-03-03", "16:00", "between 09:30 and 16:00"),
        ("2026-11-27", "14:00", "between 09:30 and 13:00"),  # a short day already
    ],
)
def test_a_closure_that_is_none_is_refused(root, day, closes_at, message):
    answer = close(root, day, closes_at)

    assert answer.status_code == 200
    assert message in words(answer)
    assert not MarketClosure.objects.exists()


def test_the_exchange_can_not_be_closed_for_ever(root):
    """At most five business days in a row, not counting weekends and holidays between them."""
    week = ["2026-03-30", "2026-03-31", "2026-04-01", "2026-04-02", "2026-04-06"]
    for day in week:  # the 3rd is Good Friday
        assert close(root, day).status_code == 302

    for day in ("2026-04-07", "2026-03-27"):
        assert "more than 5 business days in a row" in words(close(root, day))
    assert close(root, "2026-04-07", "12:00").status_code == 302
    assert close(root, "2026-04-08").status_code == 302
    assert MarketClosure.objects.count() == 7
    monday = calendar.start_of_day(date(2026, 3, 30))
    session = calendar.current_or_next_session(monday, closures.entered())
    assert session.day == date(2026, 4, 7)


def test_a_closure_of_today_is_accepted_and_stays_once_its_day_has_passed(root, monkeypatch):
    assert close(root, "2026-03-02", "12:00").status_code == 302
    url = f"{CLOSURES}2026-03-02/change/"
    tomorrow = market.NOW + timedelta(days=1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: tomorrow)
    root = browser(User.objects.get(is_superuser=True))  # sessions of the admin last 12 hours

    answer = root.post(url, {"closes_at": "13:00", "reason": "Snow"})

    assert "That day has passed" in words(answer)
    assert MarketClosure.objects.get().closes_at == time(12)


def test_a_closure_that_joins_two_rows_is_refused(root):
    for day in ("2026-03-03", "2026-03-04", "2026-03-05", "2026-03-09", "2026-03-10"):
        assert close(root, day).status_code == 302

    assert "in a row" in words(close(root, "2026-03-06"))


def test_to_change_a_closure_makes_no_other(root):
    close(root, "2026-03-03")
    url = f"{CLOSURES}2026-03-03/change/"

    root.post(url, {"day": "2026-03-04", "closes_at": "12:00", "reason": "Snow"})

    closure = MarketClosure.objects.get()
    assert (closure.day, closure.closes_at) == (date(2026, 3, 3), time(12))
    answer = root.post(url, {"closes_at": "18:00", "reason": "Snow"})
    assert "between 09:30 and 16:00" in words(answer)


@pytest.mark.parametrize("bps", ["1001", "32767", "100000", "-1", ""])
def test_a_fee_is_ten_percent_at_most(root, bps):
    before = list(FeeSchedule.objects.order_by("pk").values())

    answer = root.post(f"{FEES}crypto/change/", {"maker_bps": "1", "taker_bps": bps})

    assert answer.status_code == 200
    if bps in ("1001", "32767"):
        assert f"{bps} basis points are {Decimal(bps) / 100} %" in words(answer)
    assert list(FeeSchedule.objects.order_by("pk").values()) == before


def test_the_list_of_fees_has_the_same_bounds_and_says_what_they_cost(root):
    rows = list(FeeSchedule.objects.order_by("pk"))
    form = {"form-TOTAL_FORMS": str(len(rows)), "form-INITIAL_FORMS": str(len(rows)), "_save": "1"}
    for index, row in enumerate(rows):
        form[f"form-{index}-asset_class"] = row.pk
        form[f"form-{index}-maker_bps"] = "5"
        form[f"form-{index}-taker_bps"] = "9999"

    answer = root.post(FEES, form)

    assert "99.99 %" in words(answer)
    assert not FeeSchedule.objects.filter(taker_bps=9999).exists()
    crypto = FeeSchedule.objects.get(pk="crypto")
    assert f"${crypto.taker_bps}.00" in words(root.get(FEES))


def test_a_bond_that_has_matured_is_not_revived(root):
    gone = market.make_bond("OLD", maturity_date=date(2026, 3, 2))
    Instrument.objects.update(tradable=False)
    live = market.make_bond("NEW-BOND")

    answer = root.post(
        f"{INSTRUMENTS}{gone.pk}/change/", {"name": "Old", "tradable": "on", **NO_TERMS}
    )

    assert "OLD has matured" in words(answer)
    gone.refresh_from_db()
    assert (gone.name, gone.tradable) == ("OLD", False)
    for tradable in ({}, {"tradable": "on"}):
        root.post(f"{INSTRUMENTS}{live.pk}/change/", {"name": "New", **tradable, **NO_TERMS})
        live.refresh_from_db()
        assert (live.name, live.tradable) == ("New", bool(tradable))


def test_what_things_are_counted_and_repaid_in_is_not_in_any_form(root):
    bond = market.make_bond()
    before = (
        Instrument.objects.filter(pk=bond.pk).values().get(),
        type(bond.bond).objects.values().get(),
    )

    root.post(
        f"{INSTRUMENTS}{bond.pk}/change/",
        {
            "name": bond.name,
            "tradable": "on",
            "scale": "0",
            "price_increment": "100",
            "quantity_increment": "0.01",
            "min_quantity": "0",
            "symbol": "X",
            "currency": "EUR",
            "asset_class": "stock",
            "bond-TOTAL_FORMS": "1",
            "bond-INITIAL_FORMS": "1",
            "bond-0-instrument": str(bond.pk),
            "bond-0-coupon_rate": "10",
            "bond-0-face_value": "1",
            "bond-0-issue_date": "2020-01-01",
            "bond-0-maturity_date": "2030-01-01",
            "bond-0-frequency": "0",
            "bond-0-day_count": "ActAct",
        },
    )

    after = (
        Instrument.objects.filter(pk=bond.pk).values().get(),
        type(bond.bond).objects.values().get(),
    )
    assert after == before


def test_a_name_is_changed_without_undoing_a_halt(root, aapl, monkeypatch):
    """The page was opened before the halt, and is saved during it."""
    real = halts.check_not_matured

    def halted_meanwhile(**given: object) -> None:
        Instrument.objects.filter(pk=aapl.pk).update(status="halted")
        real(**given)  # type: ignore[arg-type]

    monkeypatch.setattr(halts, "check_not_matured", halted_meanwhile)
    root.post(f"{INSTRUMENTS}{aapl.pk}/change/", {"name": "Apple", "tradable": "on", **NO_TERMS})

    aapl.refresh_from_db()
    assert (aapl.name, aapl.status) == ("Apple", "halted")


def test_the_whole_market_is_not_halted_by_a_slip(root):
    made = [market.make_instrument(f"S{number}") for number in range(6)]
    form = {"action": "halt", "_selected_action": [str(each.pk) for each in made]}
    url = reverse("admin:exchange_instrument_changelist")

    asked = root.post(url, form)

    assert "Halt 6 instruments?" in words(asked)
    assert "S0, S1, S2, S3, S4, S5" in words(asked)
    assert not Instrument.objects.filter(status="halted").exists()
    assert root.post(url, {**form, "confirmed": "yes"}).status_code == 302
    assert Instrument.objects.filter(status="halted").count() == 6


def test_who_may_look_may_not_halt(aapl, db):
    viewer = clerk("viewer@example.com")
    User.objects.get(email="viewer@example.com").user_permissions.add(
        Permission.objects.get(codename="view_instrument")
    )

    viewer.post(INSTRUMENTS, {"action": "halt", "_selected_action": [str(aapl.pk)]})

    aapl.refresh_from_db()
    assert aapl.status == "active"
