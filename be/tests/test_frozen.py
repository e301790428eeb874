"""What a frozen customer can't do, and still can, through the API."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from authentication import restrictions
from authentication.models import User
from authentication.rules.scopes import Scope
from authentication.tests.api_client import client_with, signed_in_client
from authentication.tests.factories import UserFactory
from authentication.tests.problems import assert_problem
from authentication.tests.test_api_keys import made
from banking.models import BankTransaction, Posting
from banking.tests.factories import BankAccountFactory
from exchange.models import Order
from exchange.tests import market

ORDERS = "/api/exchange/api/v1/orders/"
BUY = {"symbol": "AAPL", "side": "buy", "order_type": "limit", "quantity": "1", "limit_price": "1"}
CSV = b"symbol,quantity,cost_basis,acquired_on\nAAPL,1,100.00,2024-01-02\n"


@pytest.fixture
def alice(db: None) -> User:
    market.set_quote(market.make_instrument("AAPL"))
    return market.make_customer("alice@example.com")


@pytest.fixture
def client(alice: User) -> APIClient:
    return signed_in_client(alice)


def freeze(user: User) -> None:
    officer = UserFactory.create(is_staff=True)
    restrictions.freeze(actor=officer, subject=user, reason="a test", now=timezone.now())


def moved() -> tuple[int, ...]:
    return tuple(table.objects.count() for table in (Order, BankTransaction, Posting))


@pytest.mark.django_db
def test_every_way_to_trade_or_to_move_money_is_closed(alice: User, client: APIClient):
    market.place(alice)  # a position
    open_order = market.place(alice, limit="1.00")
    account = BankAccountFactory.create(owner=alice)
    transfer = {"account": str(account.pk), "amount": "10.00"}
    freeze(alice)
    before = moved()
    tries: list[Any] = [
        client.post(ORDERS, BUY),
        client.post(ORDERS, BUY, HTTP_IDEMPOTENCY_KEY="a-key"),
        client.post(ORDERS, {**BUY, "side": "sell", "lots": [{"lot": str(open_order.pk)}]}),
        client.patch(f"{ORDERS}{open_order.pk}/", {"limit_price": "2.00"}),
        client.delete("/api/portfolio/holdings/AAPL/"),
        client.delete("/api/portfolio/holdings/"),
        client.post("/api/banking/transactions/", {"type": "deposit", **transfer}),
        client.post("/api/banking/transactions/", {"type": "withdrawal", **transfer}),
        client.post("/api/portfolio/imports/", CSV, content_type="text/csv"),
    ]
    for answer in tries:
        assert_problem(answer, status=403, code="account_frozen")
    assert moved() == before


@pytest.mark.django_db
def test_an_api_key_is_no_way_around(alice: User):
    key = client_with(made(alice, Scope.TRADE))
    assert key.post(ORDERS, BUY).status_code == 201
    freeze(alice)
    assert_problem(key.post(ORDERS, BUY), status=403, code="account_frozen")
    assert key.delete(ORDERS).status_code == 200


@pytest.mark.django_db
def test_what_is_open_can_be_canceled_and_everything_looked_at(alice: User, client: APIClient):
    first, second = market.place(alice, limit="1.00"), market.place(alice, limit="1.00")
    freeze(alice)
    assert client.delete(f"{ORDERS}{first.pk}/").json()["status"] == "canceled"
    assert [each["id"] for each in client.delete(ORDERS).json()["results"]] == [str(second.pk)]
    for path in (ORDERS, "/api/auth/me/", "/api/banking/balances/", "/api/portfolio/holdings/"):
        assert client.get(path).status_code == 200


@pytest.mark.django_db
def test_a_refused_order_can_be_sent_again_with_its_key_after_the_freeze(
    alice: User, client: APIClient
):
    freeze(alice)
    refused = client.post(ORDERS, BUY, HTTP_IDEMPOTENCY_KEY="a-key")
    assert_problem(refused, status=403, code="account_frozen")
    User.objects.filter(pk=alice.pk).update(frozen_at=None)
    assert client.post(ORDERS, BUY, HTTP_IDEMPOTENCY_KEY="a-key").status_code == 201


@pytest.mark.django_db
def test_the_gate_asks_the_database_nothing(
    alice: User, client: APIClient, django_assert_num_queries: Any
):
    with django_assert_num_queries(0):
        restrictions.require_may_trade(alice)
        restrictions.require_may_transfer(alice)


def wait_until(done: Callable[[], bool]) -> None:
    for _ in range(3000):
        if done():
            return
        threading.Event().wait(0.01)
    raise TimeoutError


@pytest.mark.django_db(transaction=True)
def test_no_order_that_is_sent_after_the_freeze_was_answered_gets_through(alice: User):
    """Four clients send orders all the time; one of them was being carried out meanwhile."""
    answers: list[tuple[float, int]] = []
    stop, running = threading.Event(), threading.Barrier(5)
    clients = [signed_in_client(alice) for _ in range(4)]

    def send(client: APIClient) -> None:
        running.wait(10)
        while not stop.is_set():
            sent = time.monotonic()
            answers.append((sent, client.post(ORDERS, BUY).status_code))
        connection.close()

    workers = [threading.Thread(target=send, args=[client]) for client in clients]
    for worker in workers:
        worker.start()
    running.wait(10)
    wait_until(lambda: any(status == 201 for _, status in answers))
    freeze(alice)
    answered = time.monotonic()
    wait_until(lambda: sum(sent > answered for sent, _ in answers) >= 8)
    stop.set()
    for worker in workers:
        worker.join(30)
    assert {status for sent, status in answers if sent > answered} == {403}
    assert {status for sent, status in answers} == {201, 403}
