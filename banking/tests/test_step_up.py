"""Who has a second factor steps up before money leaves and before a bank is unlinked."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from authentication.tests.api_client import signed_in_client
from authentication.tests.problems import assert_problem
from authentication.tests.second_factors import FACTORS, STEP_UP, ok, set_up_app
from banking.models import BankTransaction
from banking.tests.factories import BankAccountFactory

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
STALE = NOW + timedelta(minutes=6)
TRANSACTIONS = "/api/banking/transactions/"


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def client(alice, clock):
    return signed_in_client(alice)


@pytest.fixture
def bank(alice):
    return BankAccountFactory.create(owner=alice)


def move(client, bank, kind, amount="10.00", key=None):
    body = {"account": str(bank.pk), "type": kind, "amount": amount}
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(TRANSACTIONS, body, headers=headers)


def dollars(client):
    return ok(client.get("/api/banking/balances/"))["results"][0]["total"]


def test_a_withdrawal_waits_for_a_step_up_and_the_same_key_goes_on_then(client, bank, clock):
    ok(move(client, bank, "deposit"), 201)
    phone, _ = set_up_app(client, NOW)
    clock.move_to(STALE)

    refused = move(client, bank, "withdrawal", key="one")

    assert_problem(refused, status=403, code="step_up_required")
    assert (dollars(client), BankTransaction.objects.count()) == ("10.00", 1)
    ok(client.post(STEP_UP, {"code": phone.code(STALE)}))
    ok(move(client, bank, "withdrawal", key="one"), 201)
    assert dollars(client) == "0.00"


def test_a_deposit_asks_for_nothing(client, bank, clock):
    set_up_app(client, NOW)
    clock.move_to(STALE)

    ok(move(client, bank, "deposit"), 201)


def test_unlinking_waits_for_a_step_up(client, bank, clock):
    phone, _ = set_up_app(client, NOW)
    clock.move_to(STALE)
    url = f"/api/banking/accounts/{bank.pk}/"

    assert_problem(client.delete(url), status=403, code="step_up_required")
    assert ok(client.get(url))["status"] == "verified"
    ok(client.post(STEP_UP, {"code": phone.code(STALE)}))
    assert client.delete(url).status_code == 204


def test_who_has_no_factor_is_asked_for_nothing(client, bank, clock):
    ok(move(client, bank, "deposit"), 201)
    clock.move_to(STALE)

    ok(move(client, bank, "withdrawal"), 201)


def test_a_server_may_let_nobody_withdraw_without_a_second_factor(client, bank, clock, settings):
    settings.REQUIRE_SECOND_FACTOR_FOR_TRANSFERS = True
    ok(move(client, bank, "deposit"), 201)

    answer = move(client, bank, "withdrawal")

    assert_problem(answer, status=403, code="second_factor_required")
    assert dollars(client) == "10.00"
    set_up_app(client, NOW)
    assert ok(client.get(FACTORS))["second_factor"]
    ok(move(client, bank, "withdrawal"), 201)
