"""The same money, shares and orders from many sides at once, with real threads."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import product
from typing import Any

import pytest
from django.db.models import F, Q
from django.utils import timezone

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from authentication.tests.problems import assert_problem
from banking import transactions
from banking.models import BankTransaction, EntryKind, Hold, JournalEntry, LedgerAccount
from banking.tests.factories import BankAccountFactory
from banking.tests.parallel import at_once
from be.kernel.refusals import Refusal
from exchange import engine
from exchange.market.rules.ticks import Round
from exchange.models import Execution, Order
from exchange.tests import market
from exchange.tests.market import (
    NOW,
    assert_books_are_right,
    make_customer,
    make_instrument,
    place,
    set_quote,
    tick,
)
from exchange.trading import orders
from exchange.trading.intake.requests import ReplaceRequest

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/exchange/api/v1/orders/"
BUY = {"symbol": "AAPL", "side": "buy", "order_type": "market", "quantity": "1"}
TOMORROW = NOW + timedelta(days=1)


def attempt(call: Callable[[], object]) -> str:
    """Make the call: "" when it was accepted, else the code of the refusal."""
    try:
        call()
    except Refusal as refusal:
        return refusal.code
    return ""


def after(seconds: float, call: Callable[[], object]) -> Callable[[], object]:
    def wait_and_call() -> object:
        time.sleep(seconds)
        return call()

    return wait_and_call


def all_at_once(calls: list[Callable[[], object]]) -> list[str]:
    return at_once([partial(attempt, call) for call in calls])


def assert_all_is_right() -> None:
    """The books agree, nothing is overdrawn or overfilled, and what has ended holds nothing."""
    assert_books_are_right()
    assert not LedgerAccount.objects.filter(Q(available__lt=0) | Q(held__lt=0)).exists()
    assert not Order.objects.filter(filled_quantity__gt=F("quantity")).exists()
    assert not Hold.objects.filter(ended_at__isnull=False).exclude(remaining=0).exists()


def withdraw(owner: User, account_id: object) -> BankTransaction:
    return transactions.withdraw(
        owner=owner,
        account_id=account_id,  # type: ignore[arg-type]
        amount=Decimal(100),
        now=NOW,
    )


def test_withdrawals_and_purchases_spend_the_same_money_once():
    set_quote(make_instrument(), "99.98", "100.00")
    alice = make_customer(dollars="1000")
    # A bank account for each, so that only the money itself is contended for.
    ways: list[Callable[[], object]] = [
        *(partial(withdraw, alice, BankAccountFactory.create(owner=alice).pk) for _ in range(7)),
        *[partial(place, alice)] * 5,
        *[partial(place, alice, quantity=None, notional="100.00")] * 5,
        *[partial(place, alice, limit="100.00")] * 3,
    ]

    outcomes = all_at_once(ways)

    assert sorted(outcomes) == [""] * 10 + ["insufficient_funds"] * 10
    assert market.balance(alice) == (0, 0)
    spent = BankTransaction.objects.count() + Order.objects.filter(status="filled").count()
    assert spent == 10
    assert_all_is_right()


def test_orders_that_rest_and_withdrawals_reserve_the_same_money_once():
    set_quote(make_instrument(), "199.98", "200.00")
    alice = make_customer(dollars="750")
    account = BankAccountFactory.create(owner=alice)
    resting = [partial(place, alice, limit="100.00")] * 12
    leaving = [partial(withdraw, alice, account.pk)] * 8

    outcomes = all_at_once([*resting, *leaving])

    assert sorted(outcomes) == [""] * 7 + ["insufficient_funds"] * 13
    rests = Decimal(100 * Order.objects.count())
    assert rests == 100 * outcomes[:12].count("")
    assert market.balance(alice) == (50, rests)
    orders.cancel_all(owner_id=alice.pk, now=NOW)
    assert market.balance(alice) == (50 + rests, 0)
    assert_all_is_right()


def test_the_same_shares_are_sold_or_reserved_once():
    set_quote(make_instrument(), "100.00", "100.02")
    alice = make_customer()
    place(alice, quantity="5")

    outcomes = all_at_once(
        [*[partial(place, alice, "sell")] * 8, *[partial(place, alice, "sell", limit="200.00")] * 8]
    )

    assert sorted(outcomes) == [""] * 5 + ["insufficient_position"] * 11
    aapl = Order.objects.earliest("pk").instrument.asset
    assert market.balance(alice, aapl) == (0, outcomes[8:].count(""))
    assert_all_is_right()


def test_cancel_fill_and_expiry_of_one_order_have_one_winner():
    set_quote(make_instrument())
    for number in range(15):
        alice = make_customer(f"race-{number}@example.com")
        order = place(alice, limit="180.00")
        at = NOW + timedelta(seconds=2 * number + 1)
        # A round takes longest: it gets a head start that differs, so that each may win.
        behind = (0, 0.005, 0.01, 0.02, 0.04)[number % 5]

        all_at_once(
            [
                partial(market.advance, tick("AAPL", "179.00", "179.02"), at=at),
                after(behind, partial(orders.expire_due, now=TOMORROW)),
                after(
                    behind,
                    partial(orders.cancel, owner_id=alice.pk, order_id=order.pk, now=at),
                ),
            ]
        )
        market.advance(tick("AAPL", "190.00", "190.02"), at=at + timedelta(seconds=1))

        order.refresh_from_db()
        filled = order.status == "filled"
        assert filled or order.status in ("canceled", "expired")
        assert order.filled_quantity == (order.quantity if filled else 0)
        spent = Decimal("179.02") if filled else 0
        assert market.balance(alice) == (10_000 - spent, 0)
        [hold] = Hold.objects.filter(reference=order.pk)
        assert (hold.remaining, hold.ended_at is None) == (0, False)
        released = JournalEntry.objects.filter(kind=EntryKind.RELEASE, reference=order.pk)
        assert released.count() == (0 if filled else 1)
    assert_all_is_right()


def test_two_replacements_a_cancel_and_a_fill_of_one_order_leave_one_outcome():
    set_quote(make_instrument())
    for number in range(10):
        alice = make_customer(f"changes-{number}@example.com", dollars="400")
        order = place(alice, quantity="2", limit="180.00")
        at = NOW + timedelta(seconds=2 * number + 1)
        behind = (0, 0.005, 0.01, 0.02, 0.04)[number % 5]

        def replace(price: str, order: Order = order, at: datetime = at) -> Order:
            return orders.replace(
                owner_id=order.owner_id,
                order_id=order.pk,
                request=ReplaceRequest(limit_price=Decimal(price)),
                now=at,
            )

        outcomes = all_at_once(
            [
                partial(market.advance, tick("AAPL", "179.00", "179.02"), at=at),
                after(behind, partial(replace, "170.00")),
                after(behind, partial(replace, "171.00")),
                after(
                    behind,
                    partial(orders.cancel, owner_id=alice.pk, order_id=order.pk, now=at),
                ),
            ]
        )

        order.refresh_from_db()
        assert order.status in ("filled", "canceled", "replaced")
        assert outcomes[1:].count("") == (0 if order.status == "filled" else 1)
        successors = Order.objects.filter(owner=alice).exclude(pk=order.pk)
        assert successors.count() == (1 if order.status == "replaced" else 0)
        held = sum((each.limit_price or 0) * 2 for each in successors)
        spent = Decimal("358.04") if order.status == "filled" else 0
        assert market.balance(alice) == (400 - spent - held, held)
        orders.cancel_all(owner_id=alice.pk, now=at)
        assert market.balance(alice) == (400 - spent, 0)
        market.advance(tick("AAPL", "190.00", "190.02"), at=at + timedelta(seconds=1))
    assert_all_is_right()


def test_two_simulators_with_the_same_rounds_fill_each_order_once():
    """Two of them never run for long, but a lease that is lost is noticed a round later."""
    set_quote(make_instrument("AAPL"), "120.00", "120.02")
    set_quote(make_instrument("MSFT"), "120.00", "120.02")
    customers = [make_customer(f"rests-{number}@example.com") for number in range(6)]
    for customer, symbol in product(customers, ("AAPL", "MSFT")):
        place(customer, quantity="3", symbol=symbol, limit="100.00")
    rounds = [
        Round(
            NOW + timedelta(seconds=number),
            (tick("AAPL", "99.00", price, size="2"), tick("MSFT", "99.00", price, size="2")),
        )
        for number, price in enumerate(("101.00", "100.00", "99.50", "99.50", "100.00"), start=1)
    ]
    late = make_customer("late@example.com")

    def simulate() -> None:
        for each in rounds:
            engine.advance(each)

    def arrive() -> None:
        for symbol in ("MSFT", "AAPL", "MSFT"):
            place(late, symbol=symbol, limit="99.75", now=NOW + timedelta(seconds=3))

    at_once([simulate, simulate, arrive])
    last = NOW + timedelta(seconds=len(rounds) + 1)
    market.advance(tick("AAPL", "99.00", "99.01"), tick("MSFT", "99.00", "99.01"), at=last)

    assert set(Order.objects.values_list("status", flat=True)) == {"filled"}
    assert Order.objects.count() == 15
    assert not Hold.objects.filter(ended_at__isnull=True).exists()
    for order in Order.objects.all():
        assert sum(order.executions.values_list("quantity", flat=True)) == order.quantity
    assert_all_is_right()


def test_one_key_sent_by_two_customers_with_two_bodies_at_once_has_one_effect_each():
    set_quote(make_instrument(), "100.00", "100.02", at=timezone.now())
    alice, bob = make_customer(), make_customer("bob@example.com")

    def send(customer: User, quantity: str) -> Callable[[], Any]:
        client, body = signed_in_client(customer), {**BUY, "quantity": quantity}
        return lambda: client.post(URL, body, headers={"Idempotency-Key": "one"})

    calls = [send(alice, "1") for _ in range(8)] + [send(alice, "2") for _ in range(4)]
    answers = at_once(calls + [send(bob, "1") for _ in range(8)])

    for owner, mine in ((alice, answers[:12]), (bob, answers[12:])):
        order = Order.objects.get(owner=owner)
        made = [answer for answer in mine if answer.status_code == 201]
        assert {answer.json()["id"] for answer in made} == {str(order.pk)}
        assert sum("Idempotency-Replayed" not in answer for answer in made) == 1
    quantity = str((Order.objects.get(owner=alice).quantity or 0) // 1_000_000)
    for answer, sent in zip(answers, ["1"] * 8 + ["2"] * 4 + ["1"] * 8, strict=True):
        if answer in answers[:12] and sent != quantity:
            assert_problem(answer, status=422, code="idempotency_key_reused")
        elif answer.status_code != 201:
            assert_problem(answer, status=409, code="idempotency_key_in_flight")
    assert Execution.objects.count() == 2
    assert_all_is_right()
