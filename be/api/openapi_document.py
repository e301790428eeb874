"""The last step in making the OpenAPI document: headers, descriptions, and clean schemas.

Pure: documents in, documents out.
"""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

Document = dict[str, Any]

METHODS = ("get", "post", "put", "patch", "delete")
# The labels of Django's choices: "* `value` - Label".
CHOICE_LINE = re.compile(r"^\* `(?P<value>[^`]*)` - (?P<label>.*)$")
MEANINGS = {
    304: "What you have is still true; there is no body.",
    400: "The request cannot be read: `errors` says which input is at fault.",
    401: "There is no valid access token or API key.",
    403: "You may not do this: `code` says what is missing.",
    404: "There is no such thing, or it is not yours.",
    405: "This address takes no such method: `Allow` says which it takes.",
    406: "None of the media types of `Accept` can be had.",
    409: "It cannot be done as things stand now.",
    413: "The body is larger than 1 MiB.",
    415: "The body is not `application/json`.",
    422: "The request is understood, and refused by a rule: `code` says by which.",
    429: "Too many tries: wait as long as `Retry-After` says.",
    500: "Something went wrong on our side. Quote the `request_id` when you report it.",
    503: "Overloaded, or the database is away: try again after `Retry-After`.",
}
HEADERS: Document = {
    "X-Request-ID": {
        "description": "The name of this request, also in our logs: what you sent under this "
        "name (up to 128 letters, digits, `.`, `_`, `-`), or one that was made.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
    },
    "Retry-After": {
        "description": "Seconds to wait before the next try.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "`Bearer`, with the error if a token was sent (RFC 6750).",
        "required": True,
        "schema": {"type": "string"},
    },
    "Allow": {
        "description": "The methods that this address takes.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Idempotency-Replayed": {
        "description": "`true` when this answer was given before, to the same `Idempotency-Key`.",
        "schema": {"const": "true"},
    },
}
BUSY = (429, 503)
# Answers that are given again to the same Idempotency-Key.
REPLAYED = (200, 201, 404, 409, 422)


def finish(result: Document, **_: Any) -> Document:
    """A postprocessing hook of drf-spectacular: returns the document as it is published."""
    for schema in _schemas(result):
        _tidy(schema)
    for operation in operations(result):
        for status, response in operation["responses"].items():
            _describe(response, int(status), operation)
        for parameter in operation.get("parameters", []):
            if "description" in parameter:
                parameter["description"] = _without_trivial_choices(parameter["description"])
    result["components"]["headers"] = HEADERS
    return result


def operations(document: Document) -> Iterator[Document]:
    for path in document["paths"].values():
        yield from (path[method] for method in METHODS if method in path)


def with_server(document: Document, url: str) -> Document:
    """The document with the address of its server."""
    return {**document, "servers": [{"url": url.rstrip("/"), "description": "This server."}]}


def with_references(document: Document, names: list[str]) -> Document:
    """The named schemas of the document, and all that they refer to."""
    schemas, found = document["components"]["schemas"], {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = schemas[name]
            waiting += [reference.rpartition("/")[2] for reference in _references(schemas[name])]
    return dict(sorted(found.items()))


def _references(node: Any) -> Iterator[str]:
    for each in _objects(node):
        if isinstance(each.get("$ref"), str):
            yield each["$ref"]


def _schemas(document: Document) -> Iterator[Document]:
    """Every object that is, or may be, a schema; examples are left out."""
    yield from _objects(document["components"]["schemas"])
    for operation in operations(document):
        for parameter in operation.get("parameters", []):
            yield from _objects(parameter["schema"])


def _objects(node: Any) -> Iterator[Document]:
    if isinstance(node, dict):
        yield node
        for key, each in node.items():
            if key not in ("example", "examples", "enum", "default"):
                yield from _objects(each)
    elif isinstance(node, list):
        for each in node:
            yield from _objects(each)


def _tidy(schema: Document) -> None:
    """Use JSON Schema's own keywords, and drop what misleads generators of clients.

    Requests and answers have schemas of their own, so `readOnly` is not needed. Generated clients
    leave out `readOnly` fields when they write an answer as JSON again.
    """
    if "$ref" in schema or not ({"type", "enum", "oneOf", "allOf"} & schema.keys()):
        return
    if isinstance(schema.get("readOnly"), bool):
        del schema["readOnly"]
    if isinstance(schema.get("writeOnly"), bool):
        del schema["writeOnly"]
    if "example" in schema and schema.get("type") != "object":
        schema["examples"] = [schema.pop("example")]
    if isinstance(schema.get("enum"), list) or schema.get("format") in ("uuid", "date-time"):
        schema.pop("minLength", None)  # the format or enum says more
    if isinstance(schema.get("description"), str):
        schema["description"] = _without_trivial_choices(schema["description"])
        if not schema["description"]:
            del schema["description"]


def _without_trivial_choices(text: str) -> str:
    """Without the lines that describe a value by its own name."""
    lines = [line for line in text.split("\n") if not _is_trivial(line)]
    return "\n".join(lines).strip()


def _is_trivial(line: str) -> bool:
    found = CHOICE_LINE.match(line)
    return found is not None and _bare(found["label"]) == _bare(found["value"])


def _bare(text: str) -> str:
    return re.sub(r"[\s_-]", "", text).lower()


def _describe(response: Document, status: int, operation: Document) -> None:
    """Add the meaning of the status and its headers."""
    response["description"] = (
        response.get("description") or MEANINGS.get(status) or f"{HTTPStatus(status).phrase}."
    )
    names = ["X-Request-ID"]
    if status in BUSY:
        names.append("Retry-After")
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        names.append("Allow")
    if status == HTTPStatus.UNAUTHORIZED:
        names.append("WWW-Authenticate")
    if status in REPLAYED and _takes_a_key(operation):
        names.append("Idempotency-Replayed")
        if status == HTTPStatus.CONFLICT:  # the first request with this key has not ended
            names.append("Retry-After")
    headers = response.setdefault("headers", {})
    for name in names:
        headers[name] = {"$ref": f"#/components/headers/{name}"}


def _takes_a_key(operation: Document) -> bool:
    return any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", []))
