"""The published description of the WebSocket, and that it describes what is sent."""

import json
from typing import Any

import msgspec
import pytest
from django.test import Client
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from exchange.streaming import asyncapi
from exchange.streaming.rules import protocol

Document = dict[str, Any]


@pytest.fixture
def document(client: Client) -> Document:
    answer: Document = client.get("/api/asyncapi/").json()
    return answer


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for each in node.values() for found in references(each)]
    if isinstance(node, list):
        return [found for each in node for found in references(each)]
    return []


def resolved(document: Document, reference: str) -> Any:
    node: Any = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def problems(document: Document, message: str, payload: Any) -> list[str]:
    """What in a payload is not as the document says."""
    root = Resource.from_contents(document, default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource("urn:here", root)
    schema = document["components"]["messages"][message]["payload"]
    validator = Draft202012Validator({"$ref": f"urn:here{schema['$ref']}"}, registry=registry)
    return [error.message for error in validator.iter_errors(payload)]


def test_it_is_an_asyncapi_3_document_of_this_server(document: Document):
    assert document["asyncapi"] == "3.0.0"
    assert document["servers"] == {"here": {"host": "testserver", "protocol": "ws"}}
    assert document["channels"]["marketData"]["address"] == "/ws/market-data/"
    for reference in references(document):
        assert resolved(document, reference)


def test_every_message_of_the_protocol_is_in_it_with_an_example_that_fits(document: Document):
    messages = document["components"]["messages"]
    tags = {
        each.__struct_config__.tag
        for each in (*asyncapi.CLIENT_MESSAGES, *asyncapi.SERVER_MESSAGES)
    }
    assert set(messages) == set(document["channels"]["marketData"]["messages"]) == tags
    for name, message in messages.items():
        [example] = message["examples"]
        assert problems(document, name, example["payload"]) == []
        assert message["summary"]


def test_every_type_is_a_constant_by_which_messages_are_told_apart(document: Document):
    for name, message in document["components"]["messages"].items():
        schema = resolved(document, message["payload"]["$ref"])
        assert schema["properties"]["type"] == {"const": name}


def test_times_are_date_times_and_no_object_is_without_fields(document: Document):
    for name, schema in document["components"]["schemas"].items():
        assert "enum" in schema or schema["properties"], name
        for field, kind in schema.get("properties", {}).items():
            assert kind.get("type") != "object", (name, field)
            if field in ("time", "timestamp", "since") or field.endswith("_at"):
                (moment, *rest) = kind.get("anyOf", [kind])
                assert moment["format"] == "date-time", (name, field)
                assert rest in ([], [{"type": "null"}]), (name, field)


def test_an_order_update_carries_an_order_as_rest_shows_it(document: Document):
    assert problems(document, "order_update", {**UPDATE, "order": {"id": "1"}})
    assert problems(document, "order_update", {**UPDATE, "execution": {}})
    assert problems(document, "order_update", UPDATE) == []


UPDATE = next(
    msgspec.to_builtins(each)
    for each in asyncapi.EXAMPLES
    if isinstance(each, protocol.OrderUpdate)
)


def test_what_the_server_reads_and_writes_is_what_it_says(document: Document):
    for example in asyncapi.EXAMPLES:
        text = msgspec.json.encode(example).decode()
        if isinstance(example, asyncapi.CLIENT_MESSAGES):
            assert protocol.decode(text) == example
            payload = json.loads(text)
            name = payload["type"]
            assert problems(document, name, payload | {"type": "else"})


def test_every_message_is_said_or_answered_by_somebody(document: Document):
    said = {
        reference
        for operation in document["operations"].values()
        for reference in references([operation["messages"], operation.get("reply", {})])
    }
    named = {
        f"#/channels/marketData/messages/{name}" for name in document["components"]["messages"]
    }
    assert named <= said


def test_every_code_of_an_error_or_a_close_is_listed(document: Document):
    channel = document["channels"]["marketData"]
    assert {"auth_failed", "unknown_symbol", "rate_limited"} <= set(channel["x-error-codes"])
    closing = {str(each.close_code) for each in asyncapi.refusals() if each.close_code}
    assert closing <= set(channel["x-close-codes"])


def test_the_page_shows_every_message_and_asks_no_other_host(client: Client, document: Document):
    page = client.get("/api/asyncapi/docs/")
    text = page.content.decode()
    for name in document["components"]["messages"]:
        assert name in text
    assert "default-src 'none'" in page["Content-Security-Policy"]
    assert "https://" not in text.replace("https://testserver", "")
