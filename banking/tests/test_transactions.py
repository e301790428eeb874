"""Deposits and withdrawals that settle at once, and those that are refused."""

import json
import uuid
from datetime import date

import pytest

from authentication.tests.problems import assert_problem
from banking.models import BankTransaction, HouseAccount, JournalEntry
from banking.rules import business_days
from banking.tests.factories import BankAccountFactory, give
from banking.tests.money import assert_books_are_right, dollars, house_dollars

URL = "/api/banking/transactions/"


def body(account, kind, amount):
    return {"account": str(account.pk), "type": kind, "amount": amount}


def test_a_deposit_is_available_at_once(api, alice, account):
    answer = api.post(URL, body(account, "deposit", "250.00"))

    assert answer.status_code == 201
    deposit = answer.json()
    assert uuid.UUID(deposit.pop("id")).version == 7
    assert deposit.pop("created_at") == deposit.pop("completed_at")
    assert business_days.is_business_day(date.fromisoformat(deposit.pop("settles_on")))
    assert deposit == {
        "review": None,
        "account": str(account.pk),
        "type": "deposit",
        "amount": "250.00",
        "currency": "USD",
        "status": "completed",
        "failure_reason": None,
    }
    assert dollars(alice) == ("250.00", "0.00")
    assert house_dollars(HouseAccount.BANK_CLEARING) == "-250.00"
    assert_books_are_right()


def test_a_withdrawal_leaves_the_rest(api, alice, account):
    give(alice, "250.00")

    answer = api.post(URL, body(account, "withdrawal", "99.99"))

    assert answer.status_code == 201
    assert answer.json()["status"] == "completed"
    assert dollars(alice) == ("150.01", "0.00")
    assert house_dollars(HouseAccount.BANK_CLEARING) == "-150.01"
    assert_books_are_right()


def test_everything_can_be_withdrawn_to_the_last_cent(api, alice, account):
    give(alice, "250.00")

    api.post(URL, body(account, "withdrawal", "250"))

    assert dollars(alice) == ("0.00", "0.00")


def test_a_withdrawal_of_more_than_there_is_is_refused(api, alice, account):
    give(alice, "250.00")
    entries = JournalEntry.objects.count()

    answer = api.post(URL, body(account, "withdrawal", "250.01"))

    assert_problem(answer, status=422, code="insufficient_funds")
    assert dollars(alice) == ("250.00", "0.00")
    assert not BankTransaction.objects.exists()
    assert JournalEntry.objects.count() == entries
    assert_books_are_right()


@pytest.mark.parametrize(
    ("literal", "amount"),
    [
        ('"250"', "250.00"),
        ("250", "250.00"),
        ("250.10", "250.10"),
        ('"0.01"', "0.01"),
        ('"1.000"', "1.00"),
        ("0.1", "0.10"),
        ('"1000000.00"', "1000000.00"),
    ],
)
def test_an_amount_is_read_exactly_as_a_string_or_as_a_number(api, alice, account, literal, amount):
    answer = api.post(
        URL,
        f'{{"account": "{account.pk}", "type": "deposit", "amount": {literal}}}',
        content_type="application/json",
    )

    assert answer.json()["amount"] == amount
    assert dollars(alice) == (amount, "0.00")


NOT_AN_AMOUNT = [
    '"NaN"',
    '"Infinity"',
    '"-Infinity"',
    "1e400",
    '"1e400"',
    "1e999999999999999999",
    "1e-999999999999999999",
    "-0",
    "-0.0",
    '"-0"',
    "0",
    '"0.00"',
    "-1",
    '"-1"',
    '"+1"',
    '"1_000"',
    '"١٢"',
    '"1,000"',
    '"1.000,00"',
    '"1."',
    '".5"',
    '"0x10"',
    '"$1"',
    "true",
    "false",
    "[]",
    "[1]",
    "{}",
    "null",
    '""',
    '" 1"',
    '"1 "',
    '"1\\n"',
    '"1\\u0000"',
    "0.001",
    '"0.001"',
    "1e2",
    '"1e2"',
]
NOT_JSON = ["NaN", "Infinity", "-Infinity", "1_000", "١٢", "+1", "01", ".5", "9" * 41, "[" * 100000]


@pytest.mark.parametrize("kind", ["deposit", "withdrawal"])
@pytest.mark.parametrize("literal", [*NOT_AN_AMOUNT, *NOT_JSON], ids=lambda literal: literal[:24])
def test_what_is_no_amount_of_money_is_refused_and_moves_nothing(
    api, alice, account, kind, literal
):
    give(alice, "500.00")

    answer = api.post(
        URL,
        f'{{"account": "{account.pk}", "type": "{kind}", "amount": {literal}}}',
        content_type="application/json",
    )

    if literal in NOT_JSON:
        assert_problem(answer, status=400, code="parse_error")
    else:
        assert answer.status_code == 400
        assert {error["field"] for error in answer.json()["errors"]} == {"amount"}
    assert dollars(alice) == ("500.00", "0.00")
    assert not BankTransaction.objects.exists()


@pytest.mark.parametrize("amount", ["1000000.01", "999999999999999999"])
@pytest.mark.parametrize("kind", ["deposit", "withdrawal"])
def test_an_amount_above_the_limit_is_refused(api, alice, account, kind, amount):
    answer = api.post(URL, body(account, kind, amount))

    assert_problem(answer, status=422, code="amount_too_large", field="amount")
    assert dollars(alice) == ("0.00", "0.00")
    assert not BankTransaction.objects.exists()


@pytest.mark.parametrize("kind", ["transfer", "", None, [], {}, 1, True, "DEPOSIT"])
def test_another_type_of_transaction_is_refused(api, alice, account, kind):
    assert_problem(
        api.post(URL, body(account, kind, "1")), status=400, code="invalid", field="type"
    )
    assert dollars(alice) == ("0.00", "0.00")


@pytest.mark.parametrize("value", [None, [], {}, True, ""])
def test_an_account_of_another_shape_is_refused(api, value):
    answer = api.post(URL, {"account": value, "type": "deposit", "amount": "1"})

    assert_problem(answer, status=400, code="invalid", field="account")


@pytest.mark.parametrize("raw", ["[]", '"text"', "1", "null", "", "{", '{"amount": "1"}'])
def test_a_body_of_another_shape_is_refused(api, raw):
    answer = api.post(URL, raw, content_type="application/json")

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


def test_a_body_of_three_mebibytes_is_refused(api, account):
    raw = json.dumps({**body(account, "deposit", "1"), "padding": "x" * 3 * 1024 * 1024})

    for headers in ({}, {"Idempotency-Key": "big"}):
        answer = api.post(URL, raw, content_type="application/json", headers=headers)

        assert_problem(answer, status=413, code="too_large")
    assert not BankTransaction.objects.exists()


def test_fields_that_nobody_asked_for_change_nothing(api, alice, bob, account):
    answer = api.post(
        URL,
        {
            **body(account, "deposit", "5"),
            "cents": 10**9,
            "owner": str(bob.pk),
            "status": "pending",
            "currency": "EUR",
        },
    )

    assert answer.status_code == 400
    named = {error["field"] for error in answer.json()["errors"]}
    assert named == {"cents", "owner", "status", "currency"}
    assert dollars(alice) == ("0.00", "0.00")
    assert dollars(bob) == ("0.00", "0.00")


def test_one_transaction_is_shown(api, account):
    deposit = api.post(URL, body(account, "deposit", "5")).json()

    assert api.get(f"{URL}{deposit['id']}/").json() == deposit


def test_the_list_is_newest_first_and_filtered(api, alice, account):
    other = BankAccountFactory.create(owner=alice)
    first = api.post(URL, body(account, "deposit", "5")).json()
    second = api.post(URL, body(other, "deposit", "6")).json()
    third = api.post(URL, body(account, "withdrawal", "1")).json()

    def listed(**filters):
        return api.get(URL, filters).json()["results"]

    assert listed() == [third, second, first]
    assert listed(type="deposit") == [second, first]
    assert listed(account=str(account.pk)) == [third, first]
    assert listed(status="completed", type="withdrawal") == [third]
    assert listed(status="pending") == []
    assert listed(account=str(uuid.uuid4())) == []


@pytest.mark.parametrize(
    ("name", "value"), [("type", "x"), ("status", "x"), ("status", ""), ("account", "no-id")]
)
def test_a_filter_that_cannot_match_is_refused(api, name, value):
    assert_problem(api.get(URL, {name: value}), status=400, code="invalid", field=name)


@pytest.mark.parametrize("cursor", ["x", "cD14", "cD0wMDAwMDAwMC0wMDAw", "\x00", "😀"])
def test_a_cursor_of_another_list_is_refused(api, cursor):
    assert_problem(api.get(URL, {"cursor": cursor}), status=400, code="invalid", field="cursor")


def test_transactions_of_an_unlinked_account_are_still_shown(api, account):
    deposit = api.post(URL, body(account, "deposit", "5")).json()
    api.delete(f"/api/banking/accounts/{account.pk}/")

    assert api.get(URL, {"account": str(account.pk)}).json()["results"] == [deposit]


def test_an_unlinked_account_takes_no_transaction(api, alice, account):
    api.delete(f"/api/banking/accounts/{account.pk}/")

    answer = api.post(URL, body(account, "deposit", "5"))

    assert_problem(answer, status=404, code="not_found", field="account")
    assert dollars(alice) == ("0.00", "0.00")
