"""Idempotency-Key on orders: one effect per key and customer, however often it is sent."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from banking.rules.assets import USD
from be.api import idempotency
from be.api.models import IdempotentRequest
from exchange.models import Instrument, Order
from exchange.tests import market

URL = "/api/exchange/api/v1/orders/"
BUY = {"symbol": "AAPL", "side": "buy", "order_type": "market", "quantity": "1"}
KEY = {"Idempotency-Key": "order-of-today"}


@pytest.fixture
def aapl(db: None) -> Instrument:
    instrument = market.make_instrument()
    market.set_quote(instrument, at=timezone.now())
    return instrument


@pytest.fixture
def alice(db: None) -> User:
    return market.make_customer()


@pytest.fixture
def client(alice: User) -> APIClient:
    return signed_in_client(alice)


def test_a_second_send_gets_the_first_answer(client: APIClient, aapl: Instrument):
    first = client.post(URL, BUY, headers=KEY)
    second = client.post(URL, BUY, headers=KEY)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert second.json() == first.json()
    assert Order.objects.count() == 1


def test_the_key_with_another_body_is_refused(client: APIClient, aapl: Instrument):
    client.post(URL, BUY, headers=KEY)
    answer = client.post(URL, {**BUY, "quantity": "2"}, headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert Order.objects.count() == 1


def test_another_customers_key_is_another_key(client: APIClient, aapl: Instrument):
    bobs = signed_in_client(market.make_customer("bob@example.com"))
    assert (
        client.post(URL, BUY, headers=KEY).json()["id"]
        != bobs.post(URL, BUY, headers=KEY).json()["id"]
    )
    assert Order.objects.count() == 2


def test_a_refusal_is_an_answer_too(client: APIClient, alice: User, aapl: Instrument):
    body = {**BUY, "quantity": "1000"}
    first = client.post(URL, body, headers=KEY)
    market.give(alice, USD, "1000000")
    second = client.post(URL, body, headers=KEY)
    assert (first.status_code, second.status_code) == (422, 422)
    assert second["Idempotency-Replayed"] == "true"
    assert second["Content-Type"] == "application/problem+json"
    assert second.json() == first.json()


def test_a_malformed_request_leaves_the_key_free(client: APIClient, aapl: Instrument):
    assert client.post(URL, {**BUY, "quantity": "x"}, headers=KEY).status_code == 400
    assert client.post(URL, BUY, headers=KEY).status_code == 201


def test_a_crash_leaves_the_key_free_and_nothing_done(
    client: APIClient, aapl: Instrument, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr("exchange.api.orders.documents.order", lambda _: 1 / 0)
        assert client.post(URL, BUY, headers=KEY).status_code == 500
    assert Order.objects.count() == 0
    assert client.post(URL, BUY, headers=KEY).status_code == 201


def test_while_the_first_is_in_flight_a_second_is_told_so(
    client: APIClient, alice: User, aapl: Instrument, monkeypatch
):
    inner = []

    def send_again_meanwhile(**_: object) -> None:
        inner.append(client.post(URL, BUY, headers=KEY))
        raise RuntimeError("the first one need not succeed")

    monkeypatch.setattr("exchange.api.orders.orders.place", send_again_meanwhile)
    client.post(URL, BUY, headers=KEY)
    assert (inner[0].status_code, inner[0].json()["code"]) == (409, "idempotency_key_in_flight")


def test_the_claim_of_a_dead_server_is_taken_over(client: APIClient, aapl: Instrument):
    client.post(URL, BUY, headers=KEY)
    long_ago = timezone.now() - idempotency.ABANDONED_AFTER - timedelta(seconds=1)
    IdempotentRequest.objects.update(answer=None, status=None, claimed_at=long_ago)
    answer = client.post(URL, BUY, headers=KEY)
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer


@pytest.mark.parametrize("key", ["", "has space", "x" * 256, "é"])
def test_a_key_that_is_no_key_is_a_400(client: APIClient, aapl: Instrument, key: str):
    answer = client.post(URL, BUY, headers={"Idempotency-Key": key})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert Order.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_twenty_parallel_sends_make_one_order():
    market.set_quote(market.make_instrument(), at=timezone.now())
    clients = [signed_in_client(market.make_customer())]

    def send(_: int):
        try:
            return clients[0].post(URL, BUY, headers=KEY)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(send, range(20)))
    assert Order.objects.count() == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    ids = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert ids == {str(Order.objects.get().pk)}
