"""One effect for each Idempotency-Key of a deposit or withdrawal."""

from functools import partial

import pytest

from authentication.tests.api_client import signed_in_client
from authentication.tests.factories import UserFactory
from authentication.tests.problems import assert_problem
from banking.models import BankTransaction
from banking.tests.factories import BankAccountFactory, give
from banking.tests.money import assert_books_are_right, dollars
from banking.tests.parallel import at_once

URL = "/api/banking/transactions/"


def send(client, account, amount="10", kind="deposit", key="key-1"):
    body = {"account": str(account.pk), "type": kind, "amount": amount}
    return client.post(URL, body, headers={"Idempotency-Key": key})


def test_a_repeated_deposit_is_carried_out_once_and_answered_the_same(api, alice, account):
    first = send(api, account)
    again = send(api, account)

    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    assert dollars(alice) == ("10.00", "0.00")
    assert BankTransaction.objects.count() == 1


def test_the_key_with_another_body_is_refused(api, alice, account):
    send(api, account, amount="10")

    answer = send(api, account, amount="11")

    assert_problem(answer, status=422, code="idempotency_key_reused")
    assert dollars(alice) == ("10.00", "0.00")


def test_another_key_is_another_deposit(api, alice, account):
    send(api, account, key="one")
    send(api, account, key="two")

    assert dollars(alice) == ("20.00", "0.00")


def test_another_customers_key_is_another_key(api, bobs_api, alice, bob, account):
    bobs_account = BankAccountFactory.create(owner=bob)

    assert send(api, account).json()["id"] != send(bobs_api, bobs_account).json()["id"]
    assert dollars(alice) == dollars(bob) == ("10.00", "0.00")


def test_a_refusal_is_repeated_even_when_the_money_is_there_now(api, alice, account):
    first = send(api, account, kind="withdrawal")
    give(alice, "10.00")

    again = send(api, account, kind="withdrawal")

    assert_problem(first, status=422, code="insufficient_funds")
    assert_problem(again, status=422, code="insufficient_funds")
    assert again["Idempotency-Replayed"] == "true"
    assert dollars(alice) == ("10.00", "0.00")


def test_a_malformed_request_does_not_use_the_key_up(api, alice, account):
    assert send(api, account, amount="ten").status_code == 400

    assert send(api, account, amount="10").status_code == 201
    assert dollars(alice) == ("10.00", "0.00")


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
def test_a_key_that_cannot_be_one_is_refused(api, alice, account, key):
    answer = send(api, account, key=key)

    assert_problem(answer, status=400, code="invalid", field="Idempotency-Key")
    assert dollars(alice) == ("0.00", "0.00")


@pytest.mark.django_db(transaction=True)
def test_twenty_sends_at_once_make_one_deposit():
    owner = UserFactory.create()
    account = BankAccountFactory.create(owner=owner)
    clients = [signed_in_client(owner) for _ in range(20)]

    answers = at_once([partial(send, client, account) for client in clients])

    made = [answer for answer in answers if answer.status_code == 201]
    early = [answer for answer in answers if answer.status_code != 201]
    assert len({answer.json()["id"] for answer in made}) == 1
    assert sum("Idempotency-Replayed" not in answer for answer in made) == 1
    for answer in early:
        assert_problem(answer, status=409, code="idempotency_key_in_flight")
    assert send(clients[0], account).json()["id"] == made[0].json()["id"]
    assert BankTransaction.objects.count() == 1
    assert dollars(owner) == ("10.00", "0.00")
    assert_books_are_right()
