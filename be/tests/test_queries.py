"""Numbers, times and choices in the query of every call that takes them."""

from base64 import b64encode
from typing import Any

import pytest
from rest_framework.test import APIClient

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from authentication.tests.problems import assert_problem
from be.tests.test_numbers import ODD
from be.tests.test_strict import PATHS
from exchange.tests import market

pytestmark = pytest.mark.django_db

# The least and the most.
WHOLE = {"page_size": (1, 200), "limit": (1, 1000), "depth": (1, 50), "year": (1970, 9998)}


def parameters(*kinds: str) -> list[Any]:
    """(path, parameter) of every query parameter of these kinds of every GET."""
    return [
        pytest.param(path, known, id=f"{methods['get']['operationId']}-{known['name']}")
        for path, methods in PATHS.items()
        if "get" in methods
        for known in methods["get"].get("parameters", ())
        if known["in"] == "query" and kind_of(known) in kinds
    ]


def kind_of(known: dict[str, Any]) -> str:
    schema = known["schema"]
    if known["name"] in ("cursor", "format"):
        return str(known["name"])
    if "enum" in schema or "$ref" in schema or "allOf" in schema:
        return "choice"
    return str(schema.get("format") or schema["type"])


@pytest.fixture
def alice() -> User:
    return market.make_customer("alice@example.com")


@pytest.fixture
def client(alice: User) -> APIClient:
    market.set_quote(market.make_instrument("AAPL"))
    return signed_in_client(alice)


def get(client: APIClient, path: str, **query: str) -> Any:
    if "statistics" in path:
        query.setdefault("symbol", "AAPL")
    return client.get(path.replace("{id}", "AAPL"), query)


@pytest.mark.parametrize(("path", "known"), parameters("integer"))
def test_a_whole_number_is_read_whole(client: APIClient, path: str, known: dict[str, Any]):
    name = known["name"]
    least, most = WHOLE[name]
    past = [
        str(least - 1),
        str(most + 1),
        "0000000011000",
        "000000001" + "9" * 30,
        str(2**63),
        str(2**64),
    ]
    for text in [*ODD, *past]:
        answer = get(client, path, **{name: text})
        assert_problem(answer, status=400, code="invalid", field=name)
        assert f"from {least} to {most}" in answer.json()["detail"]
    for text in (str(least), str(most), f"00{most}"):
        assert get(client, path, **{name: text}).status_code == 200, text


@pytest.mark.parametrize(("path", "known"), parameters("choice", "format"))
def test_a_bad_choice_says_which_there_are(client: APIClient, path: str, known: dict[str, Any]):
    name = known["name"]
    for text in ("nonsense", "x" * 5000):
        answer = get(client, path, **{name: text})
        assert_problem(answer, status=400, code="invalid", field=name)
        (error,) = answer.json()["errors"]
        assert "; send " in error["detail"]
        assert len(error["detail"]) < 250
        for choice in known["schema"].get("enum", ()):
            assert choice in error["detail"]


@pytest.mark.parametrize(("path", "known"), parameters("date-time"))
def test_a_moment_is_written_in_ascii(client: APIClient, path: str, known: dict[str, Any]):
    name = known["name"]
    for text in ("٢٠٢٦-01-01T00:00:00Z", "2026-01-01T00:00:0０Z", "yesterday", "1e9"):
        answer = get(client, path, **{name: text})
        assert_problem(answer, status=400, code="invalid", field=name)
    assert get(client, path, **{name: "2026-01-01T00:00:00Z"}).status_code == 200


@pytest.mark.parametrize(("path", "known"), parameters("date-time"))
def test_a_moment_has_the_form_of_rfc_3339(client: APIClient, path: str, known: dict[str, Any]):
    name = known["name"]
    for text in (
        "20261101",
        "2026-W44",
        "2026-11-01",
        "20261101T000000Z",
        "2026-11-01T00:00Z",
        "2026-11-01T00:00:00",
        "2026-11-01T00:00:00 01:00",
        "2026-11-01T00:00:00+0100",
        "2026-11-01 00:00:00Z",
        "2026-11-01T00:00:00,5Z",
        "2026-11-31T00:00:00Z",
        "2026-11-01T00:00:00Z\n",
    ):
        answer = get(client, path, **{name: text})
        assert_problem(answer, status=400, code="invalid", field=name)
        assert "2026-03-02T14:30:00Z" in answer.json()["errors"][0]["detail"]
    for text in (
        "2026-11-01T01:00:00+01:00",
        "2026-11-01T00:00:00.123456789Z",
        "2026-11-01t00:00:00z",
    ):
        assert get(client, path, **{name: text}).status_code == 200, text


KEYS = ["٣", "1_0", "+5", " 5", "-5", "9" * 30, "1e9", "019c_f10-3180-7000-9d72-21103e693a73"]
CURSORS = [
    *(b64encode(f"p={key}".encode()).decode() for key in KEYS if key.isascii()),
    *(b64encode(words.encode()).decode() for words in ("o=1_0", "o=9999999999", "r=2", "o=1&o=2")),
    *(b64encode(words.encode()).decode() for words in ("q=1", "p=1&q=1", "p", "r=-1", "o=")),
    "é",
    "cD0x!",
]


@pytest.mark.parametrize(("path", "known"), parameters("cursor"))
def test_a_made_up_cursor_is_a_400(client: APIClient, path: str, known: dict[str, Any]):
    for cursor in CURSORS:
        if "market-data" in path and cursor in CURSORS[: len(KEYS) - 1]:
            continue  # its keys are symbols, which may be any words
        answer = get(client, path, cursor=cursor)
        assert_problem(answer, status=400, code="invalid", field="cursor")
    assert get(client, path, cursor="").status_code == 200


@pytest.mark.parametrize("path", [*PATHS, "/api/schema/"])
def test_an_unknown_format_is_no_404(client: APIClient, path: str):
    method = "get" if "get" in PATHS.get(path, {"get": 1}) else next(iter(PATHS[path]))
    address = path.replace("{id}", "AAPL").replace("{symbol}", "AAPL")
    answer = client.generic(method.upper(), f"{address}?format=xyz")
    assert_problem(answer, status=400, code="invalid", field="format")


@pytest.mark.parametrize("accept", ["application/json", "text/html", "*/*"])
def test_a_known_format_wins(client: APIClient, accept: str):
    headers = {"Accept": accept}
    statement = client.get("/api/banking/statement/?format=csv", headers=headers)
    assert statement["Content-Type"].startswith("text/csv")
    schema = client.get("/api/schema/?format=json", headers=headers)
    assert schema.json()["info"]["title"] == "BrokerPro"
