"""The published form of the API."""

import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from django.urls import URLResolver, get_resolver
from drf_spectacular import openapi
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from rest_framework.views import APIView

from be.api import strict_requests
from be.api.sparse_body import SparseBody

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def schema() -> dict[str, dict[str, dict[str, object]]]:
    out = StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=out)
    document: dict[str, dict[str, dict[str, object]]] = yaml.safe_load(out.getvalue())
    return document


def operations(schema):
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_it_is_valid_and_raises_no_warning(schema):
    assert len(schema["paths"]) > 20


def test_every_api_path_is_in_it(schema):
    def paths(patterns, prefix=""):
        for pattern in patterns:
            here = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from paths(pattern.url_patterns, here)
            elif re.match(r"api/.+", here) and "format" not in here:
                yield "/" + here

    def shape(path: str) -> str:
        """The path with {} for each parameter, of a route, a regular expression or the schema."""
        path = re.sub(r"\(\?P<\w+>\[\^/[^)]*\)|<[^>]+>|\{\w+\}", "{}", path)
        return path.replace("^", "").replace("$", "")

    published = {shape(path) for path in schema["paths"]}
    served = {shape(path) for path in paths(get_resolver().url_patterns)}
    assert served - published == {
        "/api/schema/",
        "/api/docs/",
        "/api/redoc/",
        "/api/asyncapi/",
        "/api/asyncapi/docs/",
    }


def test_operation_ids_are_clean_and_used_once(schema):
    ids = [operation["operationId"] for _, _, operation in operations(schema)]
    assert len(ids) == len(set(ids))
    assert all(each.replace("_", "").isalpha() and each.islower() for each in ids), ids


def objects(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of the document but the examples, with where it is."""
    if isinstance(node, dict):
        yield path, node
        for key, each in node.items():
            if key not in ("examples", "default"):
                yield from objects(each, f"{path}/{key}")
    elif isinstance(node, list):
        for number, each in enumerate(node):
            yield from objects(each, f"{path}/{number}")


def test_it_is_openapi_3_1_whose_schemas_are_json_schema(schema):
    assert schema["openapi"] == "3.1.0"
    for name, component in schema["components"]["schemas"].items():
        Draft202012Validator.check_schema(component)
        assert name == name.replace("RequestRequest", "Request")
        assert not name.startswith("Patched")


def test_no_field_is_read_only_and_none_is_nullable_in_the_old_style(schema):
    # Properties of these names would be objects.
    for path, each in objects(schema):
        for word in ("readOnly", "writeOnly", "nullable"):
            assert not isinstance(each.get(word), bool), path
        assert not isinstance(each.get("example"), str), path


def test_what_an_answer_always_has_is_required_and_null_is_a_type(schema):
    order = schema["components"]["schemas"]["Order"]
    assert set(order["required"]) == set(order["properties"])
    assert order["properties"]["quantity"]["type"] == ["string", "null"]
    assert order["properties"]["fees"]["type"] == "string"
    legs = schema["components"]["schemas"]["OrderRequest"]["properties"]
    assert {"type": "null"} in legs["take_profit"]["oneOf"]


def test_every_decimal_has_its_pattern(schema):
    for path, each in objects(schema["components"]["schemas"]):
        if each.get("format") == "decimal":
            assert "pattern" in each, path
            assert ("maxLength" in each) is ("Request/" in path), path


def test_numbers_of_bank_accounts_have_their_patterns(schema):
    link = schema["components"]["schemas"]["LinkBankAccountRequest"]["properties"]
    assert link["account_number"]["pattern"] == "^[0-9]{4,17}$"
    assert link["routing_number"]["pattern"] == "^[0-9]{9}$"


def test_every_parameter_is_described(schema):
    bare = [
        (path, method, parameter["name"])
        for path, method, operation in operations(schema)
        for parameter in operation.get("parameters", [])
        if not parameter.get("description", "").partition("* `")[0].strip()  # the choices aside
    ]
    assert bare == []


def test_every_answer_is_described_with_the_headers_that_come_with_it(schema):
    for path, method, operation in operations(schema):
        for status, answer in operation["responses"].items():
            where = (path, method, status)
            assert answer["description"], where
            assert "X-Request-ID" in answer["headers"], where
            assert ("Retry-After" in answer["headers"]) or status not in ("429", "503"), where
            assert ("Allow" in answer["headers"]) is (status == "405"), where
            assert ("WWW-Authenticate" in answer["headers"]) is (status == "401"), where
            assert ("ETag" in answer["headers"]) or status != "304", where
    for operation_id in ("orders_create", "banking_transactions_create"):
        [create] = [
            each for _, _, each in operations(schema) if each["operationId"] == operation_id
        ]
        for status in ("201", "409", "422"):
            assert "Idempotency-Replayed" in create["responses"][status]["headers"]


def test_every_tag_is_described_and_used(schema):
    used = {tag for _, _, operation in operations(schema) for tag in operation["tags"]}
    assert used == {tag["name"] for tag in schema["tags"]}
    assert all(tag["description"] for tag in schema["tags"])


def test_no_docstring_of_a_view_or_of_a_base_is_told(schema):
    kinds: list[type] = [APIView, SparseBody]
    for kind in kinds:  # which grows meanwhile
        kinds += kind.__subclasses__()
    told = " ".join(each["description"] for _, each in objects(schema) if _is_text(each))
    for kind in {kind for kind in kinds if issubclass(kind, APIView) or kind is SparseBody}:
        first = (kind.__doc__ or "").strip().partition("\n")[0]
        assert not first or first not in told, kind


def _is_text(node: dict[str, Any]) -> bool:
    return isinstance(node.get("description"), str)


def test_the_served_document_names_the_server_that_serves_it():
    answer = Client().get("/api/schema/?format=json", headers={"Host": "localhost:8123"})
    assert answer.json()["servers"] == [
        {"url": "http://localhost:8123", "description": "This server."}
    ]


def test_every_operation_documents_its_problems(schema):
    for path, method, operation in operations(schema):
        answers = operation["responses"]
        assert "503" in answers, (path, method)
        if operation.get("security"):
            assert "401" in answers or {} in operation["security"], (path, method)
        for status, answer in answers.items():
            if status >= "400" and not (status == "503" and path.endswith("/status/")):
                assert list(answer["content"]) == ["application/problem+json"], (path, status)


@pytest.mark.parametrize("path", ["/api/docs/", "/api/redoc/"])
def test_the_documentation_loads_nothing_from_another_host(path: str):
    answer = Client().get(path)
    assert answer.status_code == 200
    text = answer.content.decode()
    assert re.findall(r"(?:src|href|url)\W{1,3}(?:https?:)?//", text) == []
    assert "/static/drf_spectacular_sidecar/" in text
    assert answer["Content-Security-Policy"].count("default-src 'none'") == 1


def test_the_first_who_asks_for_the_schema_leaves_no_error_in_the_log(monkeypatch):
    guesses: list[str] = []
    monkeypatch.setattr(strict_requests, "_calls", {})
    monkeypatch.setattr(openapi, "error", lambda message, delayed=None: guesses.append(message))
    assert Client().get("/api/schema/").status_code == 200
    assert guesses == []


def test_the_schema_is_public():
    answer = Client().get("/api/schema/")
    assert answer.status_code == 200
    assert yaml.safe_load(answer.content)["info"]["title"] == "BrokerPro"
