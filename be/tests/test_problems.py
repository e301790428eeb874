"""Every error is a problem document, wherever it happens."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import OperationalError
from rest_framework import exceptions
from rest_framework.test import APIClient

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from authentication.tests.factories import UserFactory
from be.api import problems
from be.kernel.refusals import Refusal

ORDERS = "/api/exchange/api/v1/orders/"
OURS = ("be", "authentication", "banking", "exchange", "portfolio")
FIELDS = {"type", "title", "status", "code", "detail", "request_id", "errors"}


@pytest.fixture
def alice(db: None) -> User:
    return UserFactory.create()


@pytest.fixture
def client(alice: User) -> APIClient:
    return signed_in_client(alice)


def assert_problem(answer, status: int, code: str) -> dict[str, object]:
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    document: dict[str, object] = answer.json()
    assert set(document) == FIELDS
    assert (document["status"], document["code"]) == (status, code)
    assert document["type"] == f"urn:brokerpro:problem:{code}"
    assert document["request_id"] == answer["X-Request-ID"]
    return document


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("method", ["get", "post", "patch", "delete"])
@pytest.mark.parametrize("path", ["/api/nothing/", "/api/exchange/api/v1/orders", "/api/"])
def test_an_unknown_path_under_api_is_a_404_document(
    client: APIClient, settings, debug: bool, method: str, path: str
):
    settings.DEBUG = debug
    assert_problem(getattr(client, method)(path), 404, "not_found")


def test_a_forgotten_slash_is_a_404_for_a_real_client_too(db: None):
    """Django's test client skips the CSRF check unless it is told not to."""
    client = APIClient(enforce_csrf_checks=True)
    assert_problem(client.post("/api/exchange/api/v1/orders", {}), 404, "not_found")


def test_too_many_query_parameters_are_a_400(client: APIClient):
    query = "&".join(f"a{number}=1" for number in range(1100))
    assert_problem(client.get(f"{ORDERS}?{query}"), 400, "bad_request")


def test_a_wrong_method_is_a_405(client: APIClient):
    assert_problem(client.put(ORDERS, {}), 405, "method_not_allowed")


def test_a_body_that_is_not_json_is_a_415(client: APIClient):
    answer = client.post(ORDERS, "a=1", content_type="application/x-www-form-urlencoded")
    assert_problem(answer, 415, "unsupported_media_type")


def test_a_body_of_three_megabytes_is_a_413(client: APIClient):
    answer = client.post(ORDERS, '"' + "x" * 3_000_000 + '"', content_type="application/json")
    assert_problem(answer, 413, "too_large")


def test_the_schema_negotiates_no_html(client: APIClient):
    assert_problem(client.get(ORDERS, headers={"Accept": "text/html"}), 406, "not_acceptable")


def test_without_a_token_it_is_a_401_that_says_how(db: None):
    answer = APIClient().get(ORDERS)
    assert_problem(answer, 401, "not_authenticated")
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_database_that_does_not_answer_is_a_503_that_says_when(client: APIClient, monkeypatch):
    def fail(**_):
        raise OperationalError("could not connect to server at 10.0.0.7")

    monkeypatch.setattr("exchange.api.orders.orders.cancel_all", fail)
    answer = client.delete(ORDERS)
    document = assert_problem(answer, 503, "unavailable")
    assert answer["Retry-After"] == "1"
    assert "10.0.0.7" not in str(document)


def test_a_defect_is_a_500_that_tells_nothing_and_is_logged(client: APIClient, monkeypatch, caplog):
    def fail(**_):
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("exchange.api.orders.orders.cancel_all", fail)
    document = assert_problem(client.delete(ORDERS), 500, "internal_error")
    assert "secret detail" not in str(document)
    assert "secret detail" in caplog.text


@pytest.mark.parametrize("given", ["abc-123", "A.b_c"])
def test_a_request_id_is_echoed(client: APIClient, given: str):
    answer = client.get("/api/nothing/", headers={"X-Request-ID": given})
    assert answer["X-Request-ID"] == given == answer.json()["request_id"]


@pytest.mark.parametrize("given", ["", "has space", "x" * 129, "line\nbreak", "é"])
def test_a_request_id_that_could_harm_a_log_is_replaced(client: APIClient, given: str):
    answer = client.get("/api/nothing/", headers={"X-Request-ID": given})
    assert answer["X-Request-ID"] != given
    assert len(answer["X-Request-ID"]) == 32


def refusals(kind: Any) -> Iterator[Any]:
    for each in kind.__subclasses__():
        yield each
        yield from refusals(each)


def is_ours(kind: Any) -> bool:
    return ".tests." not in kind.__module__


@pytest.mark.parametrize(
    "error",
    [
        exceptions.MethodNotAllowed("PUT"),
        exceptions.UnsupportedMediaType("text/plain"),
        exceptions.Throttled(wait=5),
        *(kind() for kind in refusals(exceptions.APIException) if "__init__" not in vars(kind)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_title_of_the_framework_is_a_short_sentence_without_gaps(error):
    assert_title(problems.from_exception(error)["title"])


def test_a_title_of_ours_is_a_short_sentence_without_gaps():
    import_everything()
    kinds = [kind for kind in refusals(Refusal) if is_ours(kind)]
    assert len(kinds) > 100
    for kind in kinds:
        assert_title(kind.title)


def import_everything() -> None:
    """All modules of ours: whichever tests ran before, each refusal is known."""
    for config in apps.get_app_configs():
        if config.name.partition(".")[0] in OURS:
            package = importlib.import_module(config.name)
            for module in pkgutil.walk_packages(package.__path__, f"{config.name}."):
                if not {"tests", "migrations"} & set(module.name.split(".")):
                    importlib.import_module(module.name)


def assert_title(title: str) -> None:
    assert re.fullmatch(r"[A-Z][^{}\n]{3,60}[^.{}\s]", title), title


@pytest.mark.parametrize(
    ("method", "content_type", "title"),
    [
        ("PUT", "application/json", "Method not allowed"),
        ("POST", "text/plain", "Unsupported media type"),
    ],
)
def test_what_a_title_would_leave_open_is_in_the_detail(
    client: APIClient, method: str, content_type: str, title: str
):
    answer = client.generic(method, ORDERS, "x", content_type)
    assert answer.json()["title"] == title
    assert (method if method == "PUT" else content_type) in answer.json()["detail"]
