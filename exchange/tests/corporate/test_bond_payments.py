"""Coupons and redemptions: who gets how much, once, and the ledger to the cent."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from authentication.tests.api_client import signed_in_client
from banking.models import JournalEntry
from exchange.corporate import processing
from exchange.corporate.rules import terms
from exchange.market import quotes
from exchange.market.rules import calendar
from exchange.models import (
    ActionKind,
    CorporateAction,
    Entitlement,
    Execution,
    TimeInForce,
)
from exchange.tests.corporate.actions import noon
from exchange.tests.market import (
    assert_books_are_right,
    balance,
    make_bond,
    make_customer,
    place,
    requote,
)
from exchange.trading.intake.requests import InstrumentNotTradable

pytestmark = pytest.mark.django_db

# The bond of make_bond: 6 %, semi-annual 30/360, 15 November 2025 to 15 November 2033.
BOUGHT_AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
COUPON_DATE = date(2026, 5, 15)  # a Friday
MATURITY = date(2033, 11, 15)  # a Tuesday


def test_a_bond_bought_between_coupons_pays_its_coupons_and_is_redeemed_to_the_cent():
    bond = make_bond()
    alice = make_customer(dollars="20000")
    requote(bond, "99.000", "99.500", BOUGHT_AT)

    place(alice, "buy", "10000", symbol=bond.symbol, now=BOUGHT_AT)

    # Settles on 3 March: 108 days of 30/360 since 15 November, so 3 × 108 / 180 = 1.80 per 100.
    assert Execution.objects.get().accrued_interest == Decimal("1.80")
    paid = Decimal("9950.00") + Decimal("180.00")
    assert balance(alice) == (Decimal(20000) - paid, 0)

    processing.run(now=noon(COUPON_DATE))
    assert balance(alice) == (Decimal(20000) - paid + 300, 0)

    processing.run(now=noon(MATURITY))

    # Fifteen more coupons of 300.00, and 10,000.00 of face value.
    assert balance(alice) == (Decimal(20000) - paid + 16 * 300 + 10000, 0)
    assert balance(alice, bond.asset) == (0, 0)
    assert_books_are_right()
    kinds = JournalEntry.objects.filter(kind__in=ActionKind.values).values_list("kind", flat=True)
    assert sorted(kinds) == ["coupon"] * 16 + ["redemption"]


@pytest.mark.parametrize(
    ("traded_on", "entitled"),
    [(date(2026, 5, 13), "buyer"), (date(2026, 5, 14), "seller"), (date(2026, 5, 15), "seller")],
)
def test_a_coupon_is_of_whoever_was_paid_for_its_accrued_interest(traded_on, entitled):
    bond = make_bond()
    seller, buyer = make_customer("seller@example.com"), make_customer("buyer@example.com")
    requote(bond, "99.000", "99.500", BOUGHT_AT)
    place(seller, "buy", "1000", symbol=bond.symbol, now=BOUGHT_AT)
    at = noon(traded_on)
    requote(bond, "99.000", "99.500", at)

    place(
        buyer,
        "buy",
        "1000",
        symbol=bond.symbol,
        limit="99.250",
        time_in_force=TimeInForce.GTC,
        now=at,
    )
    place(
        seller,
        "sell",
        "1000",
        symbol=bond.symbol,
        limit="99.250",
        time_in_force=TimeInForce.GTC,
        now=at,
    )

    accrued = Execution.objects.latest("pk").accrued_interest
    assert accrued == quotes.accrued_interest(bond, at)
    assert (accrued > 1) == (entitled == "buyer")
    processing.run(now=noon(date(2026, 5, 18)))
    receiver = Entitlement.objects.get()
    assert receiver.owner == (buyer if entitled == "buyer" else seller)
    assert receiver.cents == 3000
    assert_books_are_right()


def test_a_coupon_that_falls_on_a_weekend_is_paid_on_monday_in_the_same_amount():
    bond = make_bond(
        issue_date=date(2025, 11, 16), maturity_date=date(2033, 11, 16)
    )  # 16 May 2026 is a Saturday
    alice = make_customer()
    requote(bond, "99.000", "99.500", BOUGHT_AT)
    place(alice, "buy", "1000", symbol=bond.symbol, now=BOUGHT_AT)

    assert processing.run(now=noon(date(2026, 5, 17)))[:0] == []
    assert not Entitlement.objects.exists()
    processing.run(now=noon(date(2026, 5, 18)))

    assert Entitlement.objects.get().cents == 3000


def test_a_redemption_ends_the_orders_and_the_trade_in_the_bond():
    bond = make_bond()
    alice = make_customer(dollars="20000")
    requote(bond, "99.000", "99.500", BOUGHT_AT)
    place(alice, "buy", "1000", symbol=bond.symbol, now=BOUGHT_AT)
    selling = place(
        alice,
        "sell",
        "1000",
        symbol=bond.symbol,
        limit="120",
        time_in_force=TimeInForce.GTC,
        now=BOUGHT_AT,
    )
    buying = place(
        alice,
        symbol=bond.symbol,
        quantity="1000",
        limit="50",
        time_in_force=TimeInForce.GTC,
        now=BOUGHT_AT,
    )

    processing.run(now=noon(MATURITY))

    for order in (selling, buying):
        order.refresh_from_db()
        assert (order.status, order.reject_reason) == ("canceled", "instrument_matured")
    assert balance(alice)[1] == 0
    assert balance(alice, bond.asset) == (0, 0)
    with pytest.raises(InstrumentNotTradable):
        place(alice, symbol=bond.symbol, quantity="1000", now=noon(MATURITY))
    assert_books_are_right()


def test_a_bill_repays_its_face_value_and_has_no_coupons():
    bill = make_bond(
        "BILL",
        coupon_rate=Decimal(0),
        frequency=0,
        day_count="ActAct",
        issue_date=date(2026, 1, 8),
        maturity_date=date(2026, 7, 9),
    )
    alice = make_customer()
    requote(bill, "98.000", "98.500", BOUGHT_AT)
    place(alice, "buy", "5000", symbol="BILL", now=BOUGHT_AT)

    processing.run(now=noon(date(2026, 7, 9)))

    assert balance(alice) == (Decimal(10000) - Decimal("4925.00") + 5000, 0)
    assert [str(action.kind) for action in CorporateAction.objects.all()] == ["redemption"]


def test_the_next_payment_of_a_bond_is_announced_before_it_is_due():
    bond = make_bond()

    processing.run(now=BOUGHT_AT)

    action = bond.corporate_actions.get()
    assert (action.kind, action.payable_date, action.amount) == ("coupon", COUPON_DATE, 3)
    assert action.ex_date == date(2026, 5, 14)
    assert action.carried_out_at is None


def test_the_statement_of_the_holder_names_the_coupon():
    bond = make_bond()
    alice = make_customer()
    requote(bond, "99.000", "99.500", BOUGHT_AT)
    place(alice, "buy", "1000", symbol=bond.symbol, now=BOUGHT_AT)
    processing.run(now=noon(COUPON_DATE))

    lines = signed_in_client(alice).get("/api/banking/statement/").json()["results"]

    assert (lines[0]["kind"], lines[0]["amount"], lines[0]["asset"]) == ("coupon", "30.00", "USD")


@pytest.mark.parametrize(
    ("coupon_date", "ex_date"),
    [
        (date(2026, 5, 15), date(2026, 5, 14)),  # Friday: the Thursday before
        (date(2026, 5, 18), date(2026, 5, 15)),  # Monday: a Friday's trade settles on it
        (date(2026, 5, 17), date(2026, 5, 15)),  # Sunday: a Friday's trade settles after it
    ],
)
def test_the_ex_date_is_the_first_day_whose_trades_settle_on_the_coupon_or_later(
    coupon_date, ex_date
):
    found = terms.coupon_ex_date(coupon_date)

    assert found == ex_date
    assert calendar.settlement_day_after(ex_date) >= coupon_date
    assert calendar.settlement_day_after(ex_date - timedelta(days=1)) < coupon_date
