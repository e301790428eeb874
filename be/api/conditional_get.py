"""Conditional GET: answers with an ETag, and 304 for a client that has them (RFC 9110)."""

import hashlib
from collections.abc import Collection, Mapping
from typing import Any, cast

from django.http import HttpResponse
from django.utils.cache import get_conditional_response
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request

from be.api import json_answers

PARAMETERS = [
    OpenApiParameter(
        "If-None-Match",
        str,
        OpenApiParameter.HEADER,
        description="The `ETag` of the answer that you have. If it is still true you get a 304.",
    ),
    *(
        OpenApiParameter(name, str, OpenApiParameter.HEADER, response=[200, 304], description=text)
        for name, text in (
            ("ETag", "Changes when what the answer says changes."),
            ("Cache-Control", "`private`: only your own client may keep the answer."),
        )
    ),
]
UNCHANGED = {304: OpenApiResponse(description="What you have is still true; there is no body.")}


def respond(
    request: Request,
    document: Mapping[str, Any],
    *,
    max_age: int = 0,
    ignoring: Collection[str] = (),
    depends_on: object = None,
) -> HttpResponse:
    """The document, or a 304 when the client has it already.

    The ETag is a hash of the document without the fields in `ignoring`, which say only when it was
    made. A client may use its copy for `max_age` seconds; after that, or with 0, it asks each time.
    `depends_on` says what changes the document, for be/serving/ready_answers.py.
    """
    body = json_answers.encoded(document)
    if not ignoring:
        return respond_bytes(request, body, max_age=max_age, depends_on=depends_on)
    hashed = {name: value for name, value in document.items() if name not in ignoring}
    return respond_bytes(request, body, version=json_answers.encoded(hashed), max_age=max_age)


def respond_bytes(
    request: Request,
    body: bytes,
    *,
    version: bytes | None = None,
    max_age: int = 0,
    depends_on: object = None,
) -> HttpResponse:
    """The JSON document that is written already, or a 304.

    The ETag is a hash of `version`, or else of the document itself.
    """
    response = json_answers.answer_bytes(request, body)
    of = body if version is None else version
    return _conditional(request, response, of, max_age=max_age, depends_on=depends_on)


def respond_file(
    request: Request, body: bytes, *, content_type: str, filename: str
) -> HttpResponse:
    """A file to be saved under this name (ASCII), or a 304. The ETag is a hash of its bytes."""
    response = HttpResponse(body, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return _conditional(request, response, body)


def _conditional(
    request: Request,
    response: HttpResponse,
    version: bytes,
    *,
    max_age: int = 0,
    depends_on: object = None,
) -> HttpResponse:
    digest = hashlib.sha256(version).hexdigest()[:32]
    # Weak: two answers with the same tag may differ in ignored fields and in compression.
    tag = f'W/"{digest}"'
    response["ETag"] = tag
    response["Cache-Control"] = f"private, max-age={max_age}" if max_age else "private, no-cache"
    if "HTTP_IF_NONE_MATCH" in request.META or "HTTP_IF_MATCH" in request.META:
        chosen = get_conditional_response(request._request, etag=tag, response=response)
        response = chosen or response
    cast(Any, response).depends_on = depends_on
    return response
