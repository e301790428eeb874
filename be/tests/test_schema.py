"""The published form of the API."""

import re
from io import StringIO

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from django.urls import URLResolver, get_resolver

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
    assert answer["Content-Security-Policy"].startswith("default-src 'self';")


def test_the_schema_is_public():
    answer = Client().get("/api/schema/")
    assert answer.status_code == 200
    assert yaml.safe_load(answer.content)["info"]["title"] == "BrokerPro"
