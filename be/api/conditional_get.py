"""Conditional GET: answers with an ETag, and 304 for a client that has them (RFC 9110)."""

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

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
) -> HttpResponseBase:
    """The document, or a 304 when the client has it already.

    The ETag is a hash of the document without the fields in `ignoring`, which say only when it was
    made. A client may use its copy for `max_age` seconds; after that, or with 0, it asks each time.
    """
    hashed = {name: value for name, value in document.items() if name not in ignoring}
    digest = hashlib.sha256(json.dumps(hashed, default=str).encode()).hexdigest()[:32]
    # Weak: two answers with the same tag may differ in ignored fields and in compression.
    tag = f'W/"{digest}"'
    response = Response(document)
    response["ETag"] = tag
    response["Cache-Control"] = f"private, max-age={max_age}" if max_age else "private, no-cache"
    return get_conditional_response(request._request, etag=tag, response=response) or response
