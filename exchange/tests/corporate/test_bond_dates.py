"""Settlement and payment days of bonds: accrued interest, and who gets a coupon when."""

from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import Any

import pytest
import time_machine

from authentication.tests.api_client import signed_in_client
from exchange.corporate import announcements, processing
from exchange.models import ActionKind, CorporateAction, Entitlement, Execution, Instrument
from exchange.tests.corporate.actions import announce, noon
from exchange.tests.market import balance, make_bond, make_customer, place, set_quote

pytestmark = pytest.mark.django_db

ORDERS = "/api/exchange/api/v1/orders/"
QUOTES = "/api/exchange/api/v1/market-data/current_prices/"


def treasury() -> Instrument:
    """A note of 4.25 % issued on 15 August, as ten-year notes are."""
    return make_bond(
        "UST-10Y",
        coupon_rate=Decimal("0.0425"),
        issue_date=date(2026, 8, 15),
        maturity_date=date(2036, 8, 15),
        day_count="ActAct",
        face_value=Decimal(100),
    )


@pytest.mark.parametrize(
    ("traded", "settles", "interest"),
    [
        (date(2026, 10, 9), date(2026, 10, 13), "681.39"),  # over Columbus Day
        (date(2026, 11, 10), date(2026, 11, 12), "1027.85"),  # over Veterans Day
    ],
)
def test_a_buyer_pays_the_interest_up_to_the_day_on_which_the_bond_market_settles(
    traded: date, settles: date, interest: str
):
    alice = make_customer(dollars="200000")
    set_quote(treasury(), "99.000", "100.000", size="1000000", at=noon(traded))

    with time_machine.travel(noon(traded), tick=False):
        client = signed_in_client(alice)
        body = {"symbol": "UST-10Y", "side": "buy", "order_type": "market", "quantity": "100000"}
        order = client.post(ORDERS, body, format="json")
        quoted = client.get(QUOTES, {"symbols": "UST-10Y"}).data

    assert order.json()["status"] == "filled"
    days = (settles - date(2026, 8, 15)).days
    exact = Decimal("2.125") * days / 184
    assert round(exact * 1000, 2) == Decimal(interest)
    assert Execution.objects.get().accrued_interest == round(exact, 8)
    # What a customer pays is rounded up to the cent.
    paid = (100_000 + exact * 1000).quantize(Decimal("0.01"), ROUND_CEILING)
    assert balance(alice)[0] == 200_000 - paid
    assert f"{round(exact, 8)}" in str(quoted)


@pytest.mark.parametrize(
    ("coupon_date", "paid_on", "not_on"),
    [
        (date(2026, 10, 12), date(2026, 10, 13), date(2026, 10, 12)),  # Columbus Day
        (date(2026, 11, 11), date(2026, 11, 12), date(2026, 11, 11)),  # Veterans Day
        (date(2026, 4, 3), date(2026, 4, 3), date(2026, 4, 2)),  # Good Friday: the Fed is open
    ],
)
def test_coupons_are_paid_when_the_fed_is_open(coupon_date: date, paid_on: date, not_on: date):
    bond = make_bond(
        issue_date=coupon_date.replace(year=2025), maturity_date=coupon_date.replace(year=2033)
    )
    alice = make_customer()
    bought = noon(date(2026, 3, 2))
    set_quote(bond, "99.000", "99.500", at=bought)
    place(alice, "buy", "1000", symbol=bond.symbol, now=bought)

    processing.run(now=noon(not_on))
    assert not Entitlement.objects.filter(action__payable_date__gte=not_on).exists()
    processing.run(now=noon(paid_on))
    assert Entitlement.objects.get(action__payable_date=paid_on).cents == 3000


def test_a_redemption_waits_for_the_fed_too():
    bond = make_bond(issue_date=date(2025, 11, 11), maturity_date=date(2026, 11, 11))
    alice = make_customer()
    set_quote(bond, "99.000", "99.500", at=noon(date(2026, 9, 1)))
    place(alice, "buy", "1000", symbol=bond.symbol, now=noon(date(2026, 9, 1)))

    processing.run(now=noon(date(2026, 11, 11)))
    assert balance(alice, bond.asset)[0] == 1000
    processing.run(now=noon(date(2026, 11, 12)))
    assert balance(alice, bond.asset)[0] == 0


def announced_by_the_exchanges_calendar(bond: Instrument, **changes: date) -> CorporateAction:
    """The coupon of 13 October 2026 as it was announced before bonds had their own calendar."""
    known: dict[str, Any] = {
        "ex_date": date(2026, 10, 12),
        "payable_date": date(2026, 10, 13),
        **changes,
    }
    return announce(bond, ActionKind.COUPON, at=noon(date(2026, 4, 13)), amount=3, **known)


@pytest.fixture
def bond() -> Instrument:
    return make_bond(issue_date=date(2026, 4, 13), maturity_date=date(2033, 4, 13))


def coupons(bond: Instrument) -> list[tuple[date, date]]:
    found = bond.corporate_actions.filter(ex_date__lt=date(2027, 1, 1)).order_by("ex_date")
    return list(found.values_list("ex_date", "payable_date"))


def test_a_coupon_that_was_announced_with_other_dates_is_not_announced_again(bond: Instrument):
    announced_by_the_exchanges_calendar(bond)

    announcements.announce(today=date(2026, 9, 1), now=noon(date(2026, 9, 1)))

    # Trades of Friday the 9th settle on the 13th: the coupon is the seller's.
    assert coupons(bond) == [(date(2026, 10, 9), date(2026, 10, 13))]


def test_an_ex_date_that_has_come_stays_as_trades_were_settled_by_it(bond: Instrument):
    announced_by_the_exchanges_calendar(bond)

    announcements.announce(today=date(2026, 10, 9), now=noon(date(2026, 10, 9)))

    assert coupons(bond) == [(date(2026, 10, 12), date(2026, 10, 13))]


def test_what_was_paid_by_other_dates_is_neither_changed_nor_paid_again():
    bond = make_bond(issue_date=date(2026, 4, 11), maturity_date=date(2033, 4, 11))
    # Due on a Sunday, and paid on Columbus Day.
    paid = announced_by_the_exchanges_calendar(
        bond,
        ex_date=date(2026, 10, 9),
        payable_date=date(2026, 10, 12),
        carried_out_at=noon(date(2026, 10, 12)),
    )

    processing.run(now=noon(date(2026, 10, 13)))

    assert coupons(bond) == [(date(2026, 10, 9), date(2026, 10, 12))]
    paid.refresh_from_db()
    assert paid.carried_out_at == noon(date(2026, 10, 12))
