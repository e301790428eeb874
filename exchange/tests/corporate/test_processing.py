"""Processing: each action is carried out once and as a whole, also if it is interrupted."""

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
from django.utils import timezone

from authentication.models import User
from authentication.tests.browsers import administrator
from banking import ledger
from banking.rules.assets import USD
from banking.tests.parallel import at_once
from be.kernel.identifiers import uuid7
from exchange.corporate import payments, processing
from exchange.market.rules import calendar
from exchange.models import (
    ActionKind,
    CorporateAction,
    Entitlement,
)
from exchange.tests.administrators import ACTIONS, dividend
from exchange.tests.corporate.actions import announce_dividend, announce_split, noon
from exchange.tests.market import (
    assert_books_are_right,
    balance,
    give,
    make_bond,
    make_customer,
    make_instrument,
    place,
    requote,
)
from exchange.trading.settlement import reconciliation

pytestmark = pytest.mark.django_db

BOUGHT_AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
COUPON_DATE = date(2026, 5, 15)  # a Friday


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


def test_nothing_is_paid_in_the_first_minute_of_a_day():
    """An order that was sent before midnight may still be under way."""
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
    # More new shares than can be stored.
    impossible = announce_split(aapl, 2_000_000_000, 1, ex_date=date(2026, 3, 3))
    after, other = [announce_dividend(each, "0.50", ex_date=day) for each in (aapl, msft)]

    assert [done.action for done in processing.run(now=noon(day))] == [other]

    assert f"{impossible.pk}" in caplog.text
    assert balance(alice) == (Decimal("9601.00"), 0)
    assert balance(alice, aapl.asset) == (2, 0)
    impossible.delete()
    assert [done.action for done in processing.run(now=noon(day))] == [after]
    assert_books_are_right()


def five_holders_of_a_dividend() -> list[User]:
    """Each has 9,800 dollars and two shares, which pay 0.50 a share on 4 March."""
    aapl = make_instrument()
    requote(aapl, "99.98", "100.00", BOUGHT_AT)
    owners = [make_customer(f"{number}@example.com") for number in range(5)]
    for owner in owners:
        place(owner, "buy", "2", now=BOUGHT_AT)
    announce_dividend(aapl, "0.50", ex_date=date(2026, 3, 4))
    return owners


def test_what_breaks_off_in_the_middle_has_done_nothing_and_is_done_wholly_the_next_time(
    monkeypatch,
):
    monkeypatch.setattr("exchange.corporate.payments.PAID_AT_ONCE", 2)
    owners = five_holders_of_a_dividend()
    pay_batch = payments._pay_batch
    paid: list[Any] = []

    def break_off(*arguments: Any) -> None:
        if len(paid) == 1:
            raise OperationalError("the server is gone")
        pay_batch(*arguments)
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
    monkeypatch.setattr(
        "be.database.transactions.CONFLICTS", frozenset()
    )  # no transaction is retried
    aapl = make_instrument()
    requote(aapl, "99.98", "100.00", BOUGHT_AT)
    owners = [make_customer(f"{number}@example.com", dollars="0") for number in range(2)]
    for owner in reversed(owners):  # the first owner has the last account
        give(owner, USD, "10000")
        place(owner, "buy", "2", now=BOUGHT_AT)
    announce_dividend(aapl, "0.50", ex_date=date(2026, 3, 4))
    pay_batch, one_is_paid = payments._pay_batch, Event()

    def pay_slowly(*arguments: Any) -> None:
        pay_batch(*arguments)
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
    owners = five_holders_of_a_dividend()

    processing.run(now=noon(date(2026, 3, 4)))

    assert {balance(owner)[0] for owner in owners} == {Decimal("9801.00")}
    assert_books_are_right()


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
        form = dividend(aapl, amount="9.99")
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
