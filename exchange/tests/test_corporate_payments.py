"""Coupons, redemptions and dividends: who gets how much, once, and the ledger to the cent."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from threading import Event
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, OperationalError, connection, transaction
from django.test import Client
from django.utils import timezone

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from banking import integrity, ledger
from banking.models import JournalEntry
from banking.rules.assets import USD
from banking.tests.parallel import at_once
from be.kernel.identifiers import uuid7
from exchange.corporate import holders, payments, processing
from exchange.corporate.rules import terms
from exchange.market import quotes
from exchange.market.rules import calendar
from exchange.models import (
    ActionKind,
    CorporateAction,
    Entitlement,
    Execution,
    Instrument,
    Quote,
    TimeInForce,
)
from exchange.tests.market import (
    advance,
    balance,
    give,
    make_bond,
    make_customer,
    make_instrument,
    place,
    set_quote,
    tick,
)
from exchange.trading.intake.requests import InstrumentNotTradable
from exchange.trading.settlement import reconciliation

pytestmark = pytest.mark.django_db

# The bond of make_bond: 6 %, semi-annual 30/360, 15 November 2025 to 15 November 2033.
BOUGHT_AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
COUPON_DATE = date(2026, 5, 15)  # a Friday
MATURITY = date(2033, 11, 15)  # a Tuesday


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 17, 0, tzinfo=UTC)


def assert_books_are_right() -> None:
    assert [*integrity.check(), *reconciliation.check()] == []


def requote(instrument: Instrument, bid: str, ask: str, at: datetime) -> None:
    if Quote.objects.filter(pk=instrument.pk).exists():
        advance(tick(instrument.symbol, bid, ask, size="1000000"), at=at)
    else:
        set_quote(instrument, bid, ask, size="1000000", at=at)


def announce_dividend(
    instrument: Instrument, amount: str, *, ex_date: date, payable_date: date | None = None
) -> CorporateAction:
    return CorporateAction.objects.create(
        id=uuid7(noon(ex_date)),
        instrument=instrument,
        kind=ActionKind.DIVIDEND,
        ex_date=ex_date,
        payable_date=payable_date or ex_date,
        amount=Decimal(amount),
        announced_at=noon(ex_date),
    )


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


@pytest.mark.django_db(transaction=True)
def test_what_is_run_again_or_by_several_at_once_pays_once():
    bond = make_bond()
    alice = make_customer(dollars="20000")
    requote(bond, "99.000", "99.500", BOUGHT_AT)
    place(alice, "buy", "10000", symbol=bond.symbol, now=BOUGHT_AT)
    before = balance(alice)[0]

    at_once([partial(processing.run, now=noon(COUPON_DATE))] * 6)
    processing.run(now=noon(COUPON_DATE) + timedelta(days=1))

    assert balance(alice) == (before + 300, 0)
    assert_books_are_right()


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


def test_a_dividend_is_for_those_who_held_before_the_ex_date_held_shares_included():
    aapl = make_instrument()
    requote(aapl, "99.98", "100.00", BOUGHT_AT)
    early, late = make_customer("early@example.com"), make_customer("late@example.com")
    place(early, "buy", "3", now=BOUGHT_AT)
    place(early, "sell", "1", limit="200.00", time_in_force=TimeInForce.GTC, now=BOUGHT_AT)
    ex_date = date(2026, 3, 4)
    announce_dividend(aapl, "0.255", ex_date=ex_date, payable_date=date(2026, 3, 18))
    midnight = calendar.start_of_day(ex_date)
    requote(aapl, "99.98", "100.00", midnight)
    place(late, "buy", "5", now=midnight)
    requote(aapl, "99.98", "100.00", midnight + timedelta(hours=1))
    place(early, "sell", "2", now=midnight + timedelta(hours=1))

    assert processing.run(now=noon(date(2026, 3, 17))) == []
    processing.run(now=noon(date(2026, 3, 18)))

    # 3 × 0.255 is 0.765: what a customer receives is rounded down.
    given = Entitlement.objects.get()
    assert (given.owner, given.cents) == (early, 76)
    assert_books_are_right()


def enter_split(instrument: Instrument, new: int, old: int, *, ex_date: date) -> CorporateAction:
    return CorporateAction.objects.create(
        id=uuid7(noon(ex_date)),
        instrument=instrument,
        kind=ActionKind.SPLIT,
        ex_date=ex_date,
        payable_date=ex_date,
        new_shares=new,
        old_shares=old,
        announced_at=noon(ex_date),
    )


@pytest.mark.parametrize(
    ("split_on", "run_on", "cents"),
    [
        (date(2026, 3, 3), [date(2026, 3, 3), date(2026, 3, 9)], 300),  # in time
        (date(2026, 3, 3), [date(2026, 3, 9)], 300),  # both late: nobody was there
        (date(2026, 3, 5), [date(2026, 3, 9)], 150),  # after the dividend's ex-date
        (date(2026, 3, 4), [date(2026, 3, 4), date(2026, 3, 9)], 150),  # on it
    ],
)
def test_a_dividend_is_for_the_shares_that_its_ex_date_knows(split_on, run_on, cents):
    aapl, alice = make_instrument(), make_customer()
    requote(aapl, "99.98", "100.00", BOUGHT_AT)
    place(alice, "buy", "3", now=BOUGHT_AT)
    enter_split(aapl, 2, 1, ex_date=split_on)
    announce_dividend(aapl, "0.50", ex_date=date(2026, 3, 4), payable_date=date(2026, 3, 9))

    for day in run_on:
        processing.run(now=noon(day))

    assert Entitlement.objects.get(action__kind="dividend").cents == cents
    assert balance(alice, aapl.asset) == (6, 0)
    assert_books_are_right()


def test_a_dividend_counts_a_split_that_was_left_to_the_simulator():
    aapl, alice = make_instrument(), make_customer()
    requote(aapl, "99.98", "100.00", BOUGHT_AT)
    place(alice, "buy", "0.000003", now=BOUGHT_AT)
    enter_split(aapl, 1, 4, ex_date=date(2026, 3, 3))
    announce_dividend(aapl, "0.50", ex_date=date(2026, 3, 4))

    processing.run(now=noon(date(2026, 3, 4)), without=[ActionKind.SPLIT])

    # Nothing will be left of these shares, so nothing is owed on them.
    assert not Entitlement.objects.exists()


def test_a_dividend_of_less_than_a_cent_is_noted_and_pays_nothing():
    aapl = make_instrument()
    alice = make_customer()
    requote(aapl, "99.98", "100.00", BOUGHT_AT)
    place(alice, "buy", "0.01", now=BOUGHT_AT)
    announce_dividend(aapl, "0.25", ex_date=date(2026, 3, 4))

    (done,) = processing.run(now=noon(date(2026, 3, 4)))

    assert done.holders == 1
    assert Entitlement.objects.get().cents == 0
    assert not JournalEntry.objects.filter(kind="dividend").exists()
    assert_books_are_right()


def test_nothing_is_paid_in_the_first_minute_of_a_day():
    """An order that was sent before midnight may still be on its way."""
    aapl = make_instrument()
    announce_dividend(aapl, "0.25", ex_date=date(2026, 3, 4))
    midnight = calendar.start_of_day(date(2026, 3, 4))

    assert processing.run(now=midnight + timedelta(seconds=59)) == []
    assert len(processing.run(now=midnight + timedelta(seconds=60))) == 1


def test_an_action_that_fails_is_no_hindrance_but_for_what_follows_it_in_its_instrument(caplog):
    aapl, msft, alice = make_instrument(), make_instrument("MSFT"), make_customer()
    requote(aapl, "99.98", "100.00", BOUGHT_AT)
    requote(msft, "99.98", "100.00", BOUGHT_AT)
    for symbol in ("AAPL", "MSFT"):
        place(alice, "buy", "2", symbol=symbol, now=BOUGHT_AT)
    day = date(2026, 3, 4)
    # So many cannot be counted.
    impossible = enter_split(aapl, 2_000_000_000, 1, ex_date=date(2026, 3, 3))
    after, other = [announce_dividend(each, "0.50", ex_date=day) for each in (aapl, msft)]

    assert [done.action for done in processing.run(now=noon(day))] == [other]

    assert f"{impossible.pk}" in caplog.text
    assert balance(alice) == (Decimal("9601.00"), 0)
    assert balance(alice, aapl.asset) == (2, 0)
    impossible.delete()
    assert [done.action for done in processing.run(now=noon(day))] == [after]
    assert_books_are_right()


def test_what_breaks_off_in_the_middle_has_done_nothing_and_is_done_wholly_the_next_time(
    monkeypatch,
):
    monkeypatch.setattr("exchange.corporate.payments.PAID_AT_ONCE", 2)
    aapl = make_instrument()
    requote(aapl, "99.98", "100.00", BOUGHT_AT)
    owners = [make_customer(f"{number}@example.com") for number in range(5)]
    for owner in owners:
        place(owner, "buy", "2", now=BOUGHT_AT)
    announce_dividend(aapl, "0.50", ex_date=date(2026, 3, 4))
    pay_some = payments._pay_batch
    paid: list[Any] = []

    def break_off(*arguments: Any) -> None:
        if len(paid) == 1:
            raise OperationalError("the server is gone")
        pay_some(*arguments)
        paid.append(arguments)

    with monkeypatch.context() as patch:
        patch.setattr(payments, "_pay_batch", break_off)
        with pytest.raises(OperationalError):
            processing.run(now=noon(date(2026, 3, 4)))

    assert paid
    assert not Entitlement.objects.exists()
    assert {balance(owner)[0] for owner in owners} == {Decimal("9800.00")}
    assert processing.run(now=noon(date(2026, 3, 4)))[0].holders == 5
    assert {balance(owner)[0] for owner in owners} == {Decimal("9801.00")}
    assert_books_are_right()


@pytest.mark.django_db(transaction=True)
def test_who_trades_with_holders_meanwhile_and_they_do_not_wait_for_each_other(monkeypatch):
    """Both lock all their accounts in the order of the accounts' ids, which is not the owners'."""
    monkeypatch.setattr("exchange.corporate.payments.PAID_AT_ONCE", 1)
    monkeypatch.setattr("be.database.transactions.CONFLICTS", frozenset())  # nothing is tried again
    aapl = make_instrument()
    requote(aapl, "99.98", "100.00", BOUGHT_AT)
    owners = [make_customer(f"{number}@example.com", dollars="0") for number in range(2)]
    for owner in reversed(owners):  # who came first has the last account
        give(owner, USD, "10000")
        place(owner, "buy", "2", now=BOUGHT_AT)
    announce_dividend(aapl, "0.50", ex_date=date(2026, 3, 4))
    pay_some, one_is_paid = payments._pay_batch, Event()

    def pay_slowly(*arguments: Any) -> None:
        pay_some(*arguments)
        if not one_is_paid.is_set():
            one_is_paid.set()
            time.sleep(0.3)  # the other one comes as far as it can

    def lock_both() -> None:
        assert one_is_paid.wait(timeout=10)
        with transaction.atomic():
            ledger.lock([owner.pk for owner in owners], [USD])

    monkeypatch.setattr(payments, "_pay_batch", pay_slowly)
    calls: list[Callable[[], object]] = [
        partial(processing.run, now=noon(date(2026, 3, 4))),
        lock_both,
    ]
    at_once(calls)

    assert {balance(owner)[0] for owner in owners} == {Decimal("9801.00")}


def test_more_holders_than_are_paid_in_one_trip(monkeypatch):
    monkeypatch.setattr("exchange.corporate.payments.PAID_AT_ONCE", 2)
    aapl = make_instrument()
    requote(aapl, "99.98", "100.00", BOUGHT_AT)
    owners = [make_customer(f"{number}@example.com") for number in range(5)]
    for owner in owners:
        place(owner, "buy", "2", now=BOUGHT_AT)
    announce_dividend(aapl, "0.50", ex_date=date(2026, 3, 4))

    processing.run(now=noon(date(2026, 3, 4)))

    assert {balance(owner)[0] for owner in owners} == {Decimal("9801.00")}
    assert_books_are_right()


def test_the_statement_of_the_holder_names_the_coupon():
    bond = make_bond()
    alice = make_customer()
    requote(bond, "99.000", "99.500", BOUGHT_AT)
    place(alice, "buy", "1000", symbol=bond.symbol, now=BOUGHT_AT)
    processing.run(now=noon(COUPON_DATE))

    lines = signed_in_client(alice).get("/api/banking/statement/").json()["results"]

    assert (lines[0]["kind"], lines[0]["amount"], lines[0]["asset"]) == ("coupon", "30.00", "USD")


def test_what_was_given_cannot_be_changed_even_by_raw_sql():
    aapl, alice = make_instrument(), make_customer()
    requote(aapl, "99.98", "100.00", BOUGHT_AT)
    place(alice, "buy", "1", now=BOUGHT_AT)
    announce_dividend(aapl, "0.25", ex_date=date(2026, 3, 4))
    processing.run(now=noon(date(2026, 3, 4)))

    for sql in ("UPDATE exchange_entitlement SET cents = 1", "DELETE FROM exchange_entitlement"):
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)


def test_the_command_says_what_it_did(capsys):
    aapl, alice = make_instrument(), make_customer()
    requote(aapl, "99.98", "100.00", BOUGHT_AT)
    place(alice, "buy", "1", now=BOUGHT_AT)
    announce_dividend(aapl, "0.25", ex_date=date(2026, 3, 4))
    assert timezone.now().date() > date(2026, 3, 4)

    call_command("run_corporate_actions")
    call_command("run_corporate_actions")

    first, *rest = capsys.readouterr().out.splitlines()
    assert first == "AAPL: dividend of 2026-03-04, 1 holders"
    assert rest == ["1 carried out, 0 to come.", "0 carried out, 0 to come."]


def test_reconciliation_finds_an_entitlement_that_was_not_posted():
    aapl, alice = make_instrument(), make_customer()
    action = announce_dividend(aapl, "0.25", ex_date=date(2026, 3, 4))
    Entitlement.objects.create(
        id=uuid7(BOUGHT_AT),
        action=action,
        owner=alice,
        units=1,
        units_after=1,
        cents=25,
        carried_out_at=BOUGHT_AT,
    )

    (finding,) = reconciliation.check()

    assert "25 cents; the ledger posted +0 and 0" in finding


def test_holders_are_known_as_they_were_at_any_moment():
    aapl, alice = make_instrument(), make_customer()
    requote(aapl, "99.98", "100.00", BOUGHT_AT)
    place(alice, "buy", "3", now=BOUGHT_AT)
    later = BOUGHT_AT + timedelta(seconds=10)
    place(alice, "sell", "3", now=later)

    assert holders.of_record("AAPL", BOUGHT_AT) == []
    assert holders.of_record("AAPL", later) == [(alice.pk, 3_000_000)]
    assert holders.of_record("AAPL", later + timedelta(seconds=1)) == []
    assert holders.current("AAPL") == []


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


def administrator() -> Client:
    client = Client()
    User.objects.create_superuser("admin@example.com", "a long enough pass-phrase")
    client.login(email="admin@example.com", password="a long enough pass-phrase")
    return client


ACTIONS = "/admin/exchange/corporateaction/"


def filled_in(instrument: Instrument, **changes: str) -> dict[str, str]:
    """The administrator's form for a dividend, but for these changes."""
    return {
        "instrument": str(instrument.pk),
        "kind": "dividend",
        "ex_date": "2026-03-04",
        "payable_date": "2026-03-04",
        "amount": "0.25",
        "entitlements-TOTAL_FORMS": "0",
        "entitlements-INITIAL_FORMS": "0",
        **changes,
    }


@pytest.mark.django_db(transaction=True)
def test_what_is_being_carried_out_cannot_be_changed_meanwhile(monkeypatch):
    aapl, alice = make_instrument(), make_customer()
    requote(aapl, "99.98", "100.00", BOUGHT_AT)
    place(alice, "buy", "2", now=BOUGHT_AT)
    action = announce_dividend(aapl, "0.25", ex_date=date(2026, 3, 4))
    admin, begun = administrator(), Event()

    def pay_slowly(action: CorporateAction, *, now: datetime) -> int:
        begun.set()
        time.sleep(0.3)  # the administrator comes as far as he can
        return payments.pay(action, now=now)

    def change() -> int:
        assert begun.wait(timeout=10)
        form = filled_in(aapl, amount="9.99")
        return admin.post(f"{ACTIONS}{action.pk}/change/", form).status_code

    monkeypatch.setitem(processing._PROCESSORS, ActionKind.DIVIDEND, pay_slowly)
    calls: list[Callable[[], object]] = [
        partial(processing.run, now=noon(date(2026, 3, 4))),
        change,
    ]
    answers = at_once(calls)

    assert answers[1] == 403
    action.refresh_from_db()
    assert (action.carried_out_at, action.amount) == (noon(date(2026, 3, 4)), Decimal("0.25"))
    assert balance(alice)[0] == Decimal("9800.50")
