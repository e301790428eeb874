"""The documentation pages: Swagger UI, ReDoc and the WebSocket, from this server's files alone."""

import json
from functools import cache
from typing import Any

from csp.decorators import csp
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from be.api import openapi_document
from be.api.content_negotiation import format_parameter
from be.api.strict_requests import StrictView
from be.pages import policies
from exchange.streaming import asyncapi as streaming


@require_safe
@csp(policies.SWAGGER)
def swagger(request: HttpRequest) -> HttpResponse:
    """Swagger UI, where each call can be tried."""
    return render(request, "swagger.html")


@require_safe
@csp(policies.REDOC)
def redoc(request: HttpRequest) -> HttpResponse:
    """ReDoc: the same for reading."""
    return render(request, "redoc.html")


class Schema(StrictView, SpectacularAPIView):
    """The OpenAPI document, as YAML or JSON, with the address of this server."""

    # The schema leaves itself out, and is asked all the same which parameters this call has.
    @extend_schema(
        exclude=True,
        parameters=[format_parameter("yaml", "json")],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> Response:
        response: Response = super().get(request)  # type: ignore[no-untyped-call]
        return response

    def _get_schema_response(self, request: Request) -> Response:
        return Response(
            data=openapi_document.with_server(_rest_document(), request.build_absolute_uri("/")),
            headers={"Content-Disposition": 'inline; filename="brokerpro-openapi"'},
        )


@cache
def _rest_document() -> dict[str, Any]:
    """Made once per process: it takes a second, and is the same for all."""
    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return document


@require_safe
def asyncapi(request: HttpRequest) -> HttpResponse:
    """The AsyncAPI document, as JSON that people can read too."""
    response = JsonResponse(_streaming_document(request), json_dumps_params={"indent": 2})
    response["Access-Control-Allow-Origin"] = "*"  # viewers on other hosts may show it
    return response


@require_safe
def streaming_page(request: HttpRequest) -> HttpResponse:
    """The AsyncAPI document as a page."""
    document = _streaming_document(request)
    return render(request, "asyncapi.html", {"document": document, **_tables(document)})


def _streaming_document(request: HttpRequest) -> dict[str, Any]:
    return streaming.document(
        version=settings.VERSION,
        host=request.get_host(),
        is_secure=request.is_secure(),
        rest=openapi_document.with_references(_rest_document(), streaming.OF_REST),
    )


def _tables(document: dict[str, Any]) -> dict[str, Any]:
    """The context of the page: messages of both sides with their fields, and the codes."""
    messages, schemas = document["components"]["messages"], document["components"]["schemas"]
    sides: dict[str, list[dict[str, Any]]] = {"receive": [], "send": []}
    for operation in document["operations"].values():
        sides[operation["action"]].append(
            {
                **_message_context(operation["messages"][0], messages, schemas),
                "replies": [
                    _message_context(each, messages, schemas)
                    for each in operation.get("reply", {}).get("messages", [])[:1]
                ],
            }
        )
    [channel] = document["channels"].values()
    [server] = document["servers"].values()
    return {
        "about": _prose(document["info"]["description"]),
        "address": f"{server['protocol']}://{server['host']}{channel['address']}",
        "from_client": sides["receive"],
        "from_server": sides["send"],
        "close_codes": channel["x-close-codes"],
        "error_codes": channel["x-error-codes"],
        "quote": _fields(schemas["Quote"]),
        "order": _fields(schemas["Order"]),
        "execution": _fields(schemas["Execution"]),
    }


def _message_context(
    reference: dict[str, str], messages: dict[str, Any], schemas: dict[str, Any]
) -> dict[str, Any]:
    message = messages[reference["$ref"].rpartition("/")[2]]
    schema = schemas[message["payload"]["$ref"].rpartition("/")[2]]
    [example] = message["examples"]
    return {
        "name": message["name"],
        "about": [_prose(each) for each in schema.get("description", "").split("\n\n")],
        "fields": _fields(schema),
        "example": json.dumps(example["payload"], indent=2, ensure_ascii=False),
    }


def _prose(text: str) -> list[str]:
    """The parts of a paragraph; every second one was between backticks, and is code."""
    return text.replace("\n", " ").split("`")


def _fields(schema: dict[str, Any]) -> list[dict[str, Any]]:
    required = schema.get("required", [])
    return [
        {"name": name, "type": _type_text(field), "is_required": name in required}
        for name, field in schema["properties"].items()
        if name != "type"
    ]


def _type_text(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return " or ".join(_type_text(each) for each in schema[choice])
    if "$ref" in schema:
        name: str = schema["$ref"].rpartition("/")[2]
        return name.lower()
    if "const" in schema or "enum" in schema:
        return " | ".join(map(json.dumps, schema.get("enum") or [schema["const"]]))
    if schema.get("type") == "array":
        return f"list of {_type_text(schema['items'])}"
    types = schema.get("type", "anything")
    return " or ".join(types) if isinstance(types, list) else str(types)
