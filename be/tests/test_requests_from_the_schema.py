"""Requests made from the schema, right and wrong ones: each answer is one that the schema promises.

Schemathesis makes them: values at the limits of every parameter and field, some that are just
beyond, methods that are not there, and then chance. `make test` makes the same few each time;
`make fuzz` makes more, others each time. Alice, who sends them, has something of each kind, and
what a request changes is taken back after it.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient
from schemathesis import Case
from schemathesis.config import SchemathesisConfig

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from exchange.tests import market
from exchange.tests.conftest import aapl, alice, client, now  # noqa: F401 - fixtures

pytestmark = pytest.mark.django_db

FUZZ_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
# Stands for the id of a row of Alice's, which is known only when a test runs.
HERS = "00000000-0000-4000-8000-000000000000"
PASSWORD = "a long enough pass-phrase"
# Bodies that are right often enough. Others need a token, or a file, which nobody guesses.
CARRIED_OUT = frozenset(
    {
        "POST /api/auth/api-keys/",
        "POST /api/auth/password/",
        "POST /api/auth/register/",
        "POST /api/banking/accounts/",
        "POST /api/banking/transactions/",
        "POST /api/exchange/api/v1/orders/",
        "PATCH /api/exchange/api/v1/orders/{id}/",
        "DELETE /api/exchange/api/v1/orders/{id}/",
        "DELETE /api/auth/sessions/{id}/",
        "PUT /api/portfolio/settings/",
    }
)

CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {
            "deterministic": not FUZZ_EXAMPLES,
            "max-examples": FUZZ_EXAMPLES or 20,
            "database": "none",
            "with-security-parameters": False,  # they are sent beside
        },
        "suppress-health-check": ["all"],
        "dictionaries": {
            "ids": {"values": [HERS]},
            "emails": {"values": ["alice@example.com", "bob@example.com"]},
            "passwords": {"values": [PASSWORD]},
            "symbols": {"values": ["AAPL", "aapl", "T-2034"]},
            "amounts": {"values": ["1", "0.5", "100.00"]},
            "periods": {"values": ["2026", "2026-02"]},
        },
        "parameters": {
            "path.id": {"dictionary": "ids", "probability": 0.6},
            "path.period": {"dictionary": "periods", "probability": 0.5},
            "path.symbol": {"dictionary": "symbols", "probability": 0.7},
            "query.symbol": {"dictionary": "symbols", "probability": 0.7},
            "body.symbol": {"dictionary": "symbols", "probability": 0.8},
            "body.quantity": {"dictionary": "amounts", "probability": 0.5},
            "body.limit_price": {"dictionary": "amounts", "probability": 0.5},
            "body.amount": {"dictionary": "amounts", "probability": 0.5},
            "body.account": {"dictionary": "ids", "probability": 0.8},
            "body.email": {"dictionary": "emails", "probability": 0.5},
            "body.password": {"dictionary": "passwords", "probability": 0.5},
            "body.current_password": {"dictionary": "passwords", "probability": 0.7},
        },
        # What a rule refuses may well be as the schema says.
        "checks": {"positive_data_acceptance": {"enabled": False}},
    }
)
schema = schemathesis.openapi.from_dict(
    SchemaGenerator().get_schema(request=None, public=True), config=CONFIG
)
schema.app = get_wsgi_application()


@pytest.fixture
def hers(client: APIClient, alice: User, aapl: Any) -> dict[str, str]:  # noqa: F811
    """Alice has traded, waits, has linked and deposited: ids by the beginnings of paths."""

    def made(path: str, body: dict[str, Any]) -> str:
        answer = client.post(path, body)
        assert answer.status_code == 201, answer.json()
        return str(answer.json()["id"])

    market.set_quote(market.make_bond(), "99.50", "99.60")
    orders = "/api/exchange/api/v1/orders/"
    share = {"symbol": "AAPL", "quantity": "1"}
    made(orders, {**share, "side": "buy", "order_type": "market", "quantity": "3"})
    made(orders, {**share, "side": "sell", "order_type": "market"})
    order = made(orders, {**share, "side": "buy", "order_type": "limit", "limit_price": "100.00"})
    account = made(
        "/api/banking/accounts/",
        {
            "account_holder": "Alice Archer",
            "bank_name": "First Example Bank",
            "account_type": "checking",
            "account_number": "1000000001",  # its transfers stay pending for a while
            "routing_number": "021000021",
        },
    )
    deposit = made(
        "/api/banking/transactions/", {"account": account, "type": "deposit", "amount": "25.00"}
    )
    signed_in_client(alice)
    sessions = client.get("/api/auth/sessions/").json()["results"]
    other = next(each["id"] for each in sessions if not each["current"])
    key = made("/api/auth/api-keys/", {"name": "a program", "scopes": ["read"]})
    return {
        "/api/banking/accounts/": account,
        "/api/banking/transactions/": deposit,
        "/api/exchange/api/v1/orders/": order,
        "/api/exchange/api/v1/market-data/": "AAPL",
        "/api/auth/sessions/": other,
        "/api/auth/api-keys/": key,
    }


@pytest.fixture
def answered(request: pytest.FixtureRequest) -> Iterator[set[int]]:
    """The statuses of one operation; at its end, whether it was ever carried out."""
    statuses: set[int] = set()
    yield statuses
    [label] = re.findall(r"\[(.*)\]", request.node.name)
    is_plain_read = label.startswith("GET ") and "{" not in label
    if is_plain_read or label in CARRIED_OUT:
        assert statuses & {200, 201, 202, 204}, f"{label} was only ever refused: {statuses}"


@contextmanager
def taken_back() -> Iterator[None]:
    """What a request changes is taken back after it, so that each finds the same rows.

    Meanwhile the connection stays open, which a server would close at the end of a request.
    """
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


def with_ids(node: Any, own: str) -> Any:
    if isinstance(node, dict):
        return {key: with_ids(each, own) for key, each in node.items()}
    if isinstance(node, list):
        return [with_ids(each, own) for each in node]
    return own if node == HERS else node


def put_ids(case: Case[Any], hers: dict[str, str]) -> None:
    """Put ids of Alice's rows where they are meant: of the path's kind, in a body of an account."""
    kinds = [each for start, each in hers.items() if case.operation.path.startswith(start)]
    if kinds and HERS in repr(case.path_parameters):
        case.path_parameters = with_ids(case.path_parameters, kinds[0])
    if HERS in repr(case.body):
        case.body = with_ids(case.body, hers["/api/banking/accounts/"])


@schema.parametrize()
def test_each_answer_is_one_that_the_schema_promises(case, client, hers, answered):  # noqa: F811
    put_ids(case, hers)
    headers = {"Authorization": client._credentials["HTTP_AUTHORIZATION"]}
    with taken_back():
        response = case.call(base_url="http://localhost", headers=headers)
        case.validate_response(response, headers=headers)
    if case.method == case.operation.method.upper():
        answered.add(response.status_code)
