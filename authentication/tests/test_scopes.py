"""What an API key may do: every address of the API, every method, each scope by itself."""

from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from authentication import api_keys
from authentication.models import User
from authentication.rules import scopes
from authentication.rules.scopes import Scope
from authentication.tests.api_client import client_with
from authentication.tests.problems import assert_problem
from authentication.tests.test_api_keys import made
from banking.models import BankAccount, BankTransaction
from exchange.models import Order
from exchange.tests import market

pytestmark = pytest.mark.django_db

PATHS = SchemaGenerator().get_schema(request=None, public=True)["paths"]
METHODS = ("get", "put", "post", "patch", "delete")
# Whoever signs in or up has no credential yet: what comes with these requests is not looked at.
PUBLIC = {
    path
    for path, methods in PATHS.items()
    if all(operation.get("security", [{}]) == [{}] for operation in methods.values())
}
# What keys may do beside reading; all else, and all that is new, is refused until it stands here.
MAY = {
    ("post", "/api/exchange/api/v1/orders/"): Scope.TRADE,
    ("delete", "/api/exchange/api/v1/orders/"): Scope.TRADE,
    ("patch", "/api/exchange/api/v1/orders/{id}/"): Scope.TRADE,
    ("delete", "/api/exchange/api/v1/orders/{id}/"): Scope.TRADE,
    ("delete", "/api/portfolio/holdings/"): Scope.TRADE,
    ("delete", "/api/portfolio/holdings/{symbol}/"): Scope.TRADE,
    ("post", "/api/banking/transactions/"): Scope.TRANSFER,
    ("post", "/api/banking/transactions/{id}/cancel/"): Scope.TRANSFER,
}


def expected(method: str, path: str) -> Scope | None:
    if (method, path) in MAY:
        return MAY[method, path]
    is_read = method == "get" and (path == "/api/auth/me/" or "/api/auth/" not in path)
    return Scope.READ if is_read else None


@pytest.fixture
def alice() -> User:
    return market.make_customer("alice@example.com")


def clients(user: User) -> dict[Scope, APIClient]:
    return {scope: client_with(made(user, scope)) for scope in Scope}


def everything() -> list[Any]:
    tables = (User, BankAccount, BankTransaction, Order)
    return [list(table._default_manager.values()) for table in tables]


def test_these_are_all_addresses():
    assert len(PATHS) > 40
    assert {"/api/auth/login/", "/api/exchange/api/v1/status/"} <= PUBLIC
    assert not PUBLIC & {"/api/auth/me/", "/api/banking/balances/"}
    assert {path for _, path in MAY} <= set(PATHS)


@pytest.mark.parametrize("path", sorted(set(PATHS) - PUBLIC))
def test_each_scope_opens_what_it_is_for_and_nothing_else(alice: User, path: str):
    by_scope = clients(alice)
    address = path.replace("{id}", "AAPL").replace("{symbol}", "AAPL")
    for method in METHODS:
        needed = expected(method, path)
        for scope, client in by_scope.items():
            before = everything()
            answer = client.generic(method.upper(), address, "[]", "application/json")
            if method not in PATHS[path]:
                assert answer.status_code in (403, 405)
                continue
            code = answer.json()["code"] if answer.status_code == 403 else None
            refused = code in ("insufficient_scope", "session_required")
            assert refused == (scope != needed), (method, scope, answer.content)
            if needed is None:
                assert_problem(answer, status=403, code="session_required")
            elif refused:
                assert_problem(answer, status=403, code="insufficient_scope")
                assert f'scope="{needed}"' in answer["WWW-Authenticate"]
            if refused:
                assert everything() == before


def test_a_key_makes_no_other_credential(alice: User):
    every = client_with(made(alice, *Scope))
    body = {"name": "another", "scopes": ["read"]}

    assert_problem(every.post("/api/auth/api-keys/", body), status=403, code="session_required")
    assert api_keys.live_of(user=alice).count() == 1


def test_the_schema_says_which_scope_an_operation_needs():
    for path, methods in PATHS.items():
        for method, operation in methods.items():
            if path not in PUBLIC:
                needed = expected(method, path)
                by_key = [] if needed is None else [{"apiKeyAuth": [needed.value]}]
                assert operation["security"] == [{"bearerAuth": []}, *by_key], (method, path)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_asking_about_an_answer_is_reading(alice: User, method: str):
    by_scope = clients(alice)
    address = "/api/banking/balances/"

    assert by_scope[Scope.READ].generic(method, address).status_code == 200
    assert by_scope[Scope.TRADE].generic(method, address).status_code == 403
    answer = by_scope[Scope.READ].generic(method, "/api/auth/sessions/")
    assert answer.status_code == 403


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "get", "LINK", ""])
def test_a_method_that_is_not_known_needs_a_session(method: str):
    assert scopes.needed(method, "/api/banking/balances/") is None


@pytest.mark.parametrize(
    "path", ["", "/", "/admin/", "//api/banking/balances/", "/API/banking/balances/", "/api"]
)
def test_an_address_that_is_not_known_needs_a_session(path: str):
    for method in ("GET", "POST"):
        assert scopes.needed(method, path) is None


def test_a_key_trades_for_its_user(alice: User):
    market.set_quote(market.make_instrument("AAPL"))
    order = {"symbol": "AAPL", "side": "buy", "order_type": "market", "notional": "100.00"}

    answer = clients(alice)[Scope.TRADE].post("/api/exchange/api/v1/orders/", order)

    assert answer.status_code == 201, answer.content
    assert Order.objects.get().owner == alice


def test_idempotency_keys_are_the_users_and_not_the_credentials(alice: User):
    market.set_quote(market.make_instrument("AAPL"))
    order = {"symbol": "AAPL", "side": "buy", "order_type": "market", "notional": "100.00"}
    first, second = (client_with(made(alice, Scope.TRADE)) for _ in range(2))

    answers = [
        client.post("/api/exchange/api/v1/orders/", order, HTTP_IDEMPOTENCY_KEY="once")
        for client in (first, second)
    ]

    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert answers[1]["Idempotency-Replayed"] == "true"
