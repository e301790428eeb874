"""Banking requires a signed-in user, and answers 404 for what belongs to another customer."""

import uuid
from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from authentication.tests.problems import assert_problem
from banking import transactions
from banking.rules import rails
from banking.tests.factories import NOW, BankAccountFactory
from banking.tests.money import dollars

BASE = "/api/banking/"
CALLS = [
    ("get", "accounts/{id}/"),
    ("delete", "accounts/{id}/"),
    ("post", "accounts/{id}/verify/"),
    ("get", "transactions/{id}/"),
    ("post", "transactions/{id}/cancel/"),
]
MALFORMED = ["1", "abc", "a.b", "%00", "%F0%9F%98%80", "x" * 300, str(uuid.UUID(int=0))]


def answer_to(client, method, path):
    """Status and document, without the request's id."""
    answer = getattr(client, method)(BASE + path)
    document = answer.json()
    del document["request_id"]
    return answer.status_code, answer["Content-Type"], document


@pytest.fixture
def bobs(bob):
    """The ids of Bob's bank account and transaction."""
    account = BankAccountFactory.create(owner=bob, account_number=rails.DELAYED)
    row = transactions.deposit(owner=bob, account_id=account.pk, amount=Decimal(5), now=NOW)
    return {"accounts": account.pk, "transactions": row.pk}


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_foreign_id_and_a_malformed_one_behave_exactly_like_a_missing_one(
    api, bobs, method, path
):
    missing = answer_to(api, method, path.format(id=uuid.uuid4()))
    foreign = answer_to(api, method, path.format(id=bobs[path.split("/")[0]]))

    assert missing[0] == 404
    assert missing[2]["code"] == "not_found"
    assert foreign == missing
    for malformed in MALFORMED:
        assert answer_to(api, method, path.format(id=malformed)) == missing


@pytest.mark.parametrize("kind", ["deposit", "withdrawal"])
def test_a_foreign_account_in_a_body_behaves_exactly_like_a_missing_one(api, alice, bob, kind):
    bobs_account = BankAccountFactory.create(owner=bob)

    def answer(account):
        response = api.post(
            f"{BASE}transactions/", {"account": account, "type": kind, "amount": "1"}
        )
        assert_problem(response, status=404, code="not_found", field="account")
        return {key: value for key, value in response.json().items() if key != "request_id"}

    missing = answer(str(uuid.uuid4()))
    assert answer(str(bobs_account.pk)) == missing
    assert answer("no id at all") == missing
    assert dollars(alice) == dollars(bob) == ("0.00", "0.00")


def test_a_foreign_account_as_a_filter_behaves_like_a_missing_one(api, bobs):
    for account in (bobs["accounts"], uuid.uuid4()):
        listed = api.get(f"{BASE}transactions/", {"account": str(account)}).json()
        assert listed == {"next": None, "previous": None, "results": []}


@pytest.mark.parametrize("account", ["no-id", "7", "", str(uuid.UUID(int=7)) + "0"])
def test_what_is_no_id_at_all_is_no_filter(api, account):
    answer = api.get(f"{BASE}transactions/", {"account": account})

    assert_problem(answer, status=400, code="invalid", field="account")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path"),
    [
        *((method, path.format(id=uuid.UUID(int=7))) for method, path in CALLS),
        ("get", "accounts/"),
        ("post", "accounts/"),
        ("get", "transactions/"),
        ("post", "transactions/"),
        ("get", "balances/"),
        ("get", "statement/"),
        ("get", "statement/?format=csv"),
    ],
)
def test_who_is_not_signed_in_gets_nothing(method, path):
    answer = getattr(APIClient(), method)(BASE + path)

    assert_problem(answer, status=401, code="not_authenticated")
