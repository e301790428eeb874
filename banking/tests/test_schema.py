"""The published description of banking."""

import pytest
from django.urls import include, path
from drf_spectacular.generators import SchemaGenerator

OPERATIONS = {
    "banking_accounts_list": {200, 400},
    "banking_accounts_create": {201, 400, 409, 429},
    "banking_accounts_retrieve": {200, 404},
    "banking_accounts_destroy": {204, 404, 409},
    "banking_accounts_verify": {200, 400, 404, 409, 422, 429},
    "banking_transactions_list": {200, 400},
    "banking_transactions_create": {201, 400, 404, 409, 422},
    "banking_transactions_retrieve": {200, 404},
    "banking_transactions_cancel": {200, 404, 409},
    "banking_balances_list": {200},
    "banking_limits_list": {200},
    "banking_statement_list": {200, 400},
}
# What the shared kit may add to any operation.
COMMON = {400, 401, 403, 404, 405, 406, 413, 415, 429, 500, 503}


@pytest.fixture(scope="module")
def operations():
    """The operations of banking by their id."""
    patterns = [path("api/banking/", include("banking.api.urls"))]
    schema = SchemaGenerator(patterns=patterns).get_schema(request=None, public=True)
    return {
        operation["operationId"]: operation
        for methods in schema["paths"].values()
        for operation in methods.values()
    }


def test_every_operation_is_described_and_no_other(operations):
    assert set(operations) == set(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_documents_its_answers_and_every_problem(operations, name):
    responses = operations[name]["responses"]

    documented = {int(status) for status in responses}
    assert documented >= OPERATIONS[name] | {401, 503}
    assert documented <= OPERATIONS[name] | COMMON
    for status, response in responses.items():
        if int(status) >= 400:
            assert set(response["content"]) == {"application/problem+json"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_has_a_tag_a_summary_and_an_example(operations, name):
    operation = operations[name]

    assert operation["tags"] == ["Banking"]
    assert operation["summary"]
    answers = [
        media
        for status, response in operation["responses"].items()
        for kind, media in response.get("content", {}).items()
        if int(status) < 400 and kind == "application/json"
    ]
    assert all(media["examples"] for media in answers)
    assert answers or name == "banking_accounts_destroy"


def test_the_idempotency_key_and_its_echo_are_documented(operations):
    create = operations["banking_transactions_create"]

    assert "Idempotency-Key" in [parameter["name"] for parameter in create["parameters"]]
    assert "Idempotency-Replayed" in create["responses"]["201"]["headers"]


def test_the_numbers_that_force_an_outcome_are_documented(operations):
    guide = operations["banking_accounts_create"]["description"]

    for number in ("1000000001", "1000000002", "1000000003", "1000000004", "1000000005"):
        assert f"`{number}`" in guide


def test_the_statement_is_documented_as_json_and_as_csv(operations):
    content = operations["banking_statement_list"]["responses"]["200"]["content"]

    assert set(content) == {"application/json", "text/csv"}
