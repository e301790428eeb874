"""Every call refuses unknown parameters and fields, and names them."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from authentication.tests.problems import assert_problem
from banking.models import BankAccount, BankTransaction
from be.api.auto_schema import ProblemAutoSchema
from be.api.strict_requests import StrictView
from exchange.models import Order
from exchange.tests import market
from exchange.tests.market import make_instrument, place, set_quote

pytestmark = pytest.mark.django_db

DOCUMENT = SchemaGenerator().get_schema(request=None, public=True)
PATHS, SCHEMAS = DOCUMENT["paths"], DOCUMENT["components"]["schemas"]
CALLS = [
    pytest.param(method, path, id=operation["operationId"])
    for path, methods in PATHS.items()
    for method, operation in methods.items()
]
READS = [call for call in CALLS if "requestBody" in PATHS[call.values[1]][call.values[0]]]
FILES = [
    call
    for call in READS
    if "application/json" not in PATHS[call.values[1]][call.values[0]]["requestBody"]["content"]
]
WITH_BODY = [call for call in READS if call not in FILES]
WITHOUT_BODY = [call for call in CALLS if call not in READS]
ORDERS = "/api/exchange/api/v1/orders/"


@pytest.fixture
def alice() -> User:
    return market.make_customer("alice@example.com")


@pytest.fixture
def client(alice: User) -> APIClient:
    return signed_in_client(alice)


def send(client: APIClient, method: str, path: str, body: object = None) -> Any:
    path = path.replace("{id}", "AAPL").replace("{symbol}", "AAPL")
    if body is None:
        return client.generic(method.upper(), path)
    return client.generic(method.upper(), path, json.dumps(body), "application/json")


def everything() -> list[object]:
    return [*User.objects.values(), *BankAccount.objects.values(), *Order.objects.values()]


def test_these_are_all_calls():
    assert len(CALLS) > 35
    assert len(WITH_BODY) > 9


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_parameter_that_is_not_known_is_refused(client: APIClient, method: str, path: str):
    before = everything()
    answer = send(client, method, f"{path}?simbol=AAPL")
    assert_problem(answer, status=400, code="invalid", field="simbol")
    (error,) = answer.json()["errors"]
    assert error["code"] == "unknown_parameter"
    for known in PATHS[path][method].get("parameters", ()):
        assert (known["name"] in error["detail"]) == (known["in"] == "query")
    assert everything() == before


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_parameter_that_is_known_is_taken_once(client: APIClient, method: str, path: str):
    for known in PATHS[path][method].get("parameters", ()):
        if known["in"] == "query":
            name = known["name"]
            answer = send(client, method, f"{path}?{name}=json&{name}=json")
            assert_problem(answer, status=400, code="invalid", field=name)
            assert answer.json()["errors"][0]["code"] == "repeated_parameter"


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_a_field_that_is_not_known_is_refused(client: APIClient, method: str, path: str):
    before = everything()
    answer = send(client, method, path, {"qty": "5"})
    assert_problem(answer, status=400, code="invalid", field="qty")
    assert answer.json()["errors"][0]["code"] == "unknown_field"
    assert everything() == before


def texts(method: str, path: str) -> list[str]:
    """The fields of a body that are texts; amounts may be JSON numbers as well."""
    content = PATHS[path][method]["requestBody"]["content"]["application/json"]
    fields = SCHEMAS[content["schema"]["$ref"].rpartition("/")[2]]["properties"]
    return [
        name
        for name, field in fields.items()
        if field.get("type") == "string" and field.get("format") != "decimal"
    ]


@pytest.mark.parametrize(
    ("method", "path"), [call for call in WITH_BODY if texts(*map(str, call.values))]
)
def test_a_number_is_no_text(client: APIClient, method: str, path: str):
    before = everything()
    for sent in (0, 1.5, True, ["a"], {"a": 1}):
        answer = send(client, method, path, dict.fromkeys(texts(method, path), sent))
        assert answer.status_code == 400
        refused = {error["field"] for error in answer.json()["errors"]}
        assert {*texts(method, path)} <= refused
    assert everything() == before


@pytest.mark.parametrize(("method", "path"), FILES)
def test_a_part_of_a_form_that_is_not_known_is_refused(client: APIClient, method: str, path: str):
    form = {"file": SimpleUploadedFile("a.csv", b"x"), "fiel": "x"}
    body = encode_multipart(BOUNDARY, form).decode()
    answer = client.generic(method.upper(), path, body, MULTIPART_CONTENT)
    assert_problem(answer, status=400, code="invalid", field="fiel")


@pytest.mark.parametrize(("method", "path"), FILES)
def test_a_part_of_a_form_without_a_name_is_no_file(client: APIClient, method: str, path: str):
    body = encode_multipart(BOUNDARY, {"": "symbol,quantity,cost,acquired"}).decode()
    answer = client.generic(method.upper(), path, body, MULTIPART_CONTENT)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "unknown_field"


@pytest.mark.parametrize(("method", "path"), WITHOUT_BODY)
@pytest.mark.parametrize("body", [{"symbol": "AAPL"}, ["AAPL"]])
def test_a_body_that_is_not_read_is_refused(
    client: APIClient, method: str, path: str, body: object
):
    answer = send(client, method, path, body)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["field"] == ("symbol" if isinstance(body, dict) else "")
    assert "reads no body" in error["detail"]


def test_an_empty_body_says_nothing(client: APIClient):
    assert send(client, "DELETE", ORDERS, {}).status_code == 200


def test_cancelling_by_symbol_cancels_nothing_rather_than_everything(
    client: APIClient, alice: User
):
    set_quote(make_instrument("AAPL"))
    order = place(alice, limit="150.00")
    for answer in (
        client.delete(f"{ORDERS}?symbol=MSFT"),
        client.delete(ORDERS, {"symbol": "MSFT"}),
    ):
        assert_problem(answer, status=400, code="invalid", field="symbol")
    order.refresh_from_db()
    assert order.status == "new"


@pytest.mark.parametrize("exit_", ["take_profit", "stop_loss"])
def test_a_nested_field_that_is_not_known_is_named(client: APIClient, exit_: str):
    set_quote(make_instrument("AAPL"))
    body = {
        "symbol": "AAPL",
        "side": "buy",
        "order_type": "market",
        "quantity": "1",
        "order_class": "bracket",
        "take_profit": {"limit_price": "210"},
        "stop_loss": {"stop_price": "170"},
    }
    body[exit_] = {**body[exit_], "tif": "gtc"}  # type: ignore[dict-item]
    answer = client.post(ORDERS, body)
    assert_problem(answer, status=400, code="invalid", field=f"{exit_}.tif")
    assert "limit_price, " in answer.json()["detail"]
    assert not Order.objects.exists()


def test_many_long_names_make_a_short_answer(client: APIClient):
    body = {f"{number}{'x' * 5000}": 1 for number in range(100)}
    answer = client.post(ORDERS, body)
    assert answer.status_code == 400
    assert len(answer.content) < 8000


def test_a_transaction_with_fields_that_nobody_knows_moves_nothing(client: APIClient):
    answer = client.post("/api/banking/transactions/", {"currency": "EUR", "owner": "x"})
    assert {error["field"] for error in answer.json()["errors"]} == {"currency", "owner"}
    assert not BankTransaction.objects.exists()


def test_the_schema_is_as_strict(client: APIClient):
    answer = client.get("/api/schema/?nonsense=1")
    assert_problem(answer, status=400, code="invalid", field="nonsense")
    assert "format" in answer.json()["detail"]


def test_who_is_not_signed_in_is_told_that_first():
    assert APIClient().get(f"{ORDERS}?nonsense=1").status_code == 401


def test_the_schema_says_that_bodies_have_no_other_fields():
    for call in WITH_BODY:
        method, path = call.values
        content = PATHS[path][method]["requestBody"]["content"]["application/json"]
        name = content["schema"]["$ref"].rpartition("/")[2]
        assert SCHEMAS[name]["additionalProperties"] is False, name


def test_what_a_call_reads_is_found_out_once_and_by_one_thread_at_a_time(monkeypatch):
    """drf-spectacular loads its extensions at first use, which two threads may not do at once."""

    class Plain(StrictView):
        authentication_classes = permission_classes = ()

        @extend_schema(responses={200: None})
        def get(self, request):
            return Response({})

    read, begun = ProblemAutoSchema.query_names, []

    def slow(self):
        begun.append(self)
        time.sleep(0.05)  # the others come meanwhile
        return read(self)

    monkeypatch.setattr(ProblemAutoSchema, "query_names", slow)
    together = threading.Barrier(4)

    def ask(_):
        together.wait()
        return Plain.as_view()(APIRequestFactory().get("/")).status_code

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, range(4))) == [200] * 4
    assert len(begun) == 1
