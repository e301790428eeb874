"""Proving who owns a bank account, by micro-deposits."""

import pytest
from django.utils import timezone

from authentication.tests.problems import assert_problem
from banking.rules import rails
from banking.tests.factories import BankAccountFactory
from banking.tests.money import dollars


@pytest.fixture
def pending(alice):
    return BankAccountFactory.create(
        owner=alice, account_number=rails.NEEDS_MICRO_DEPOSITS, now=timezone.now()
    )


def url(account):
    return f"/api/banking/accounts/{account.pk}/verify/"


def test_the_account_waits_for_the_amounts(api, pending):
    assert api.get(f"/api/banking/accounts/{pending.pk}/").json()["status"] == "pending"


@pytest.mark.parametrize("amounts", [["0.32", "0.45"], ["0.45", "0.32"], [0.32, 0.45]])
def test_the_right_amounts_verify_it_in_any_order(api, pending, amounts):
    answer = api.post(url(pending), {"amounts": amounts})

    assert answer.status_code == 200
    assert answer.json()["status"] == "verified"


@pytest.mark.parametrize(
    "amounts", [["0.32", "0.46"], ["0.32"], ["0.32", "0.32"], ["0.450001", "0.32"]]
)
def test_wrong_amounts_do_not(api, pending, amounts):
    answer = api.post(url(pending), {"amounts": amounts})

    assert_problem(answer, status=422, code="micro_deposits_mismatch", field="amounts")
    pending.refresh_from_db()
    assert pending.status == "pending"


@pytest.mark.parametrize("body", [{}, {"amounts": []}])
def test_without_amounts_it_is_asked_for_them(api, pending, body):
    assert_problem(api.post(url(pending), body), status=400, code="invalid", field="amounts")


@pytest.mark.parametrize(
    ("amounts", "field"),
    [
        (["-0.32", "0.45"], "amounts.0"),
        (["0.32", "NaN"], "amounts.1"),
        (["0.32", None], "amounts.1"),
        ("0.32", "amounts"),
    ],
)
def test_what_is_no_amount_is_refused(api, pending, amounts, field):
    answer = api.post(url(pending), {"amounts": amounts})

    assert answer.status_code == 400
    assert {error["field"] for error in answer.json()["errors"]} == {field}


def test_three_amounts_are_too_many(api, pending):
    answer = api.post(url(pending), {"amounts": ["0.32", "0.45", "0.01"]})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "amounts"


def test_a_verified_account_stays_verified(api, alice):
    account = BankAccountFactory.create(owner=alice)

    assert api.post(url(account), {}).json()["status"] == "verified"


@pytest.mark.parametrize("kind", ["deposit", "withdrawal"])
def test_no_money_moves_before_the_account_is_verified(api, alice, pending, kind):
    answer = api.post(
        "/api/banking/transactions/", {"account": str(pending.pk), "type": kind, "amount": "1"}
    )

    assert_problem(answer, status=422, code="bank_account_not_verified", field="account")
    assert dollars(alice) == ("0.00", "0.00")
    assert not pending.transactions.exists()


def test_a_verified_account_takes_deposits(api, alice, pending):
    api.post(url(pending), {"amounts": ["0.32", "0.45"]})

    api.post(
        "/api/banking/transactions/",
        {"account": str(pending.pk), "type": "deposit", "amount": "10"},
    )

    assert dollars(alice) == ("10.00", "0.00")
