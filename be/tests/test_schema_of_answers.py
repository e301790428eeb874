"""What the API answers is as its schema says: bodies, statuses and headers."""

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from rest_framework.test import APIClient

from exchange.streaming import asyncapi
from exchange.tests import market
from exchange.tests.conftest import aapl, alice, client, now  # noqa: F401 - fixtures

Document = dict[str, Any]

MISSING = "0195c3f2-4c1e-7a55-9d5e-2f1b6c0a7e11"
FORM = "multipart/form-data"


@cache
def schema() -> Document:
    document: Document = SchemaGenerator().get_schema(request=None, public=True)
    return document


def operations() -> Iterator[tuple[str, str, Document]]:
    for path, methods in schema()["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def named(operation_id: str) -> Document:
    return next(
        operation for _, _, operation in operations() if operation["operationId"] == operation_id
    )


def problems(reference: Document, body: Any) -> list[str]:
    """What in a body is not as its schema says."""
    root = Resource.from_contents(schema(), default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource("urn:here", root)
    validator = Draft202012Validator(
        _absolute(reference), registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(body)]


def _absolute(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: f"urn:here{each}" if key == "$ref" else _absolute(each)
            for key, each in node.items()
        }
    return [_absolute(each) for each in node] if isinstance(node, list) else node


def body_of(response: Any) -> Any:
    """The document, or the text of what is none and is streamed."""
    if not response.streaming:
        return response.json()
    return b"".join(response.streaming_content).decode()


def assert_as_documented(operation: Document, response: Any) -> None:
    documented = operation["responses"][str(response.status_code)]
    media_type = response.headers.get("Content-Type", "").partition(";")[0]
    if "content" in documented:
        assert problems(documented["content"][media_type]["schema"], body_of(response)) == []
    else:
        assert not response.content
    for name, header in documented["headers"].items():
        shared = schema()["components"]["headers"].get(name, header)
        if shared.get("required"):
            assert name in response.headers, name
    told = {"Idempotency-Replayed", "Retry-After", "ETag", "WWW-Authenticate"}
    assert told & set(response.headers) <= set(documented["headers"])


@pytest.fixture
def lived_in(client: APIClient, aapl: Any) -> dict[str, str]:  # noqa: F811
    """Alice has traded, holds something and waits for more; ids by the paths that they stand in."""
    orders = "/api/exchange/api/v1/orders/"
    bond = market.make_bond()
    market.set_quote(bond, "99.50", "99.60")
    for body in (
        {"symbol": "AAPL", "side": "buy", "order_type": "market", "quantity": "3"},
        {"symbol": "AAPL", "side": "sell", "order_type": "market", "quantity": "1"},
        {
            "symbol": "AAPL",
            "side": "buy",
            "order_type": "limit",
            "quantity": "1",
            "limit_price": "100.00",
            "order_class": "bracket",
            "take_profit": {"limit_price": "250.00"},
            "stop_loss": {"stop_price": "90.00"},
            "client_order_id": "mine",
        },
    ):
        order = client.post(orders, body)
        assert_as_documented(named("orders_create"), order)
        assert order.status_code == 201, order.json()
    account = client.post(
        "/api/banking/accounts/",
        {
            "account_holder": "Alice Archer",
            "bank_name": "First Example Bank",
            "account_type": "checking",
            "account_number": "1000000001",
            "routing_number": "021000021",
        },
    )
    assert_as_documented(named("banking_accounts_create"), account)
    deposit = client.post(
        "/api/banking/transactions/",
        {"account": account.json()["id"], "type": "deposit", "amount": "25.00"},
        headers={"Idempotency-Key": "k"},
    )
    assert_as_documented(named("banking_transactions_create"), deposit)
    return {
        "/api/banking/accounts/{id}/": account.json()["id"],
        "/api/banking/transactions/{id}/": deposit.json()["id"],
        "/api/exchange/api/v1/orders/{id}/": order.json()["id"],
        "/api/exchange/api/v1/market-data/{id}/": "AAPL",
        "/api/exchange/api/v1/market-data/{id}/book/": "AAPL",
        "/api/portfolio/statements/{period}/": "2026",
    }


def test_every_answer_to_a_reader_is_as_its_schema_says(client, lived_in):  # noqa: F811
    reads = [(path, each) for method, path, each in operations() if method == "get"]
    assert len(reads) > 18
    for path, operation in reads:
        query = {"symbol": "AAPL"} if path.endswith("/statistics/") else {}
        address = re.sub(r"\{(id|period)\}", lived_in.get(path, ""), path)
        answer = client.get(address, query)
        assert answer.status_code == 200, path
        assert_as_documented(operation, answer)
        if "304" in operation["responses"]:
            unchanged = {"If-None-Match": answer.headers["ETag"]}
            again = client.get(address, query, headers=unchanged)
            assert again.status_code == 304
            assert_as_documented(operation, again)


def test_an_answer_that_is_repeated_says_so_as_documented(client, lived_in):  # noqa: F811
    body = {"symbol": "AAPL", "side": "buy", "order_type": "market", "quantity": "1"}
    for _ in range(2):
        answer = client.post(
            "/api/exchange/api/v1/orders/", body, headers={"Idempotency-Key": "again"}
        )
        assert_as_documented(named("orders_create"), answer)
    assert answer.headers["Idempotency-Replayed"] == "true"


def test_an_order_and_its_executions_are_on_the_socket_as_on_rest(client, lived_in):  # noqa: F811
    document = Client().get("/api/asyncapi/").json()
    for name in asyncapi.OF_REST:
        assert document["components"]["schemas"][name] == schema()["components"]["schemas"][name]
    update = document["components"]["schemas"]["OrderUpdate"]["properties"]
    assert update["order"] == {"$ref": "#/components/schemas/Order"}
    assert {"$ref": "#/components/schemas/Execution"} in update["execution"]["oneOf"]


def test_what_any_operation_may_refuse_is_documented(client):  # noqa: F811
    for method, path, operation in operations():
        for answer, status in refused(client, method, re.sub(r"{\w+}", MISSING, path), operation):
            assert answer.status_code == status, (method, path, answer.content)
            assert_as_documented(operation, answer)


def test_a_method_that_an_address_does_not_take_is_refused_as_documented(client):  # noqa: F811
    for path, methods in schema()["paths"].items():
        others = {"get", "post", "put", "patch", "delete"} - set(methods)
        assert others, path
        for method in others:
            answer = getattr(client, method)(re.sub(r"{\w+}", MISSING, path))
            assert answer.status_code == 405, (method, path)
            taken = {each.strip().lower() for each in answer.headers["Allow"].split(",")}
            assert taken - {"head", "options"} == set(methods), path
            for operation in methods.values():
                assert_as_documented(operation, answer)


def refused(
    client: APIClient,  # noqa: F811
    method: str,
    path: str,
    operation: Document,
) -> Iterator[tuple[Any, int]]:
    """What is refused whatever the operation, and the status that is due."""
    ask = getattr(client, method)
    takes_a_body = "requestBody" in operation
    if any(operation.get("security", [{}])[0]):
        yield getattr(APIClient(), method)(path), 401
    if takes_a_body:
        large = b'"' + b"x" * 1024 * 1024 + b'"'
        yield ask(path, data="x", content_type="text/plain"), 415
        types = operation["requestBody"]["content"]
        if "application/json" in types:
            yield ask(path, data="[", content_type="application/json"), 400
        usual = "application/json" if "application/json" in types else "text/csv"
        if FORM not in types:  # files have a size of their own
            yield ask(path, data=large, content_type=usual), 413
    elif MISSING in path:
        yield ask(path), 404
    yield ask(path, headers={"Accept": "image/png"}), 406


def test_the_examples_are_as_their_schemas_say():
    count = 0
    for _, path, operation in operations():
        bodies = [*operation["responses"].values(), operation.get("requestBody", {})]
        for content in (each for body in bodies for each in body.get("content", {}).values()):
            for example in content.get("examples", {}).values():
                count += 1
                assert problems(content["schema"], example["value"]) == [], path
    assert count > 40


@pytest.mark.parametrize(
    ("sent", "is_good"),
    [
        ("191.25", True),
        ("0" * 18 + "." + "9" * 18, True),
        ("1" * 19, False),
        ("-1", False),
        ("1e2", False),
        ("1.", False),
        (".5", False),
        ("١", False),
        ("1,000", False),
    ],
)
def test_the_pattern_of_a_decimal_is_what_the_server_reads(client, aapl, sent, is_good):  # noqa: F811
    quantity = schema()["components"]["schemas"]["OrderRequest"]["properties"]["quantity"]
    body = {"symbol": "AAPL", "side": "buy", "order_type": "market", "quantity": sent}

    answer = client.post("/api/exchange/api/v1/orders/", body)

    assert (problems(quantity, sent) == []) is is_good
    assert ("plain notation" in answer.text) is not is_good  # read, a rule may yet refuse it


def test_the_bounds_of_a_page_are_what_the_server_reads(client, aapl):  # noqa: F811
    [size] = [each for each in named("orders_list")["parameters"] if each["name"] == "page_size"]
    assert (size["schema"]["minimum"], size["schema"]["maximum"]) == (1, 200)
    for number, status in ((0, 400), (1, 200), (200, 200), (201, 400)):
        answer = client.get("/api/exchange/api/v1/orders/", {"page_size": number})
        assert answer.status_code == status


def test_times_have_the_form_that_is_documented(client, lived_in, now):  # noqa: F811
    order = named("orders_retrieve")["responses"]["200"]["content"]["application/json"]["schema"]
    answer = client.get(f"/api/exchange/api/v1/orders/{lived_in[_ORDER]}/").json()
    assert answer["created_at"][:10] == f"{now:%Y-%m-%d}"
    assert problems(order, {**answer, "created_at": (now + timedelta(1)).isoformat()}) == []
    assert problems(order, {**answer, "created_at": None})


_ORDER = "/api/exchange/api/v1/orders/{id}/"
