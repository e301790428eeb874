"""Answers whose document is ready: written as JSON at once, without DRF's renderer.

The bytes are those that DRF's `JSONRenderer` would write, for a third of its time.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import msgspec
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

CONTENT_TYPE = "application/json"

_encode = msgspec.json.Encoder().encode


def answer(request: Request, document: Any, *, status: int = 200) -> HttpResponse:
    """An answer with a document of dicts, lists, texts, whole numbers, booleans and None.

    Floats are not for here: the two encoders write some of them differently. A client may ask for
    indented JSON in its Accept header; DRF's renderer does that.
    """
    if request.accepted_media_type != CONTENT_TYPE:
        return Response(document, status=status)
    return HttpResponse(encoded(document), status=status, content_type=CONTENT_TYPE)


def answer_bytes(request: Request, body: bytes) -> HttpResponse:
    """As `answer`, with a document that is written already."""
    if request.accepted_media_type != CONTENT_TYPE:
        return Response(json.loads(body))
    return HttpResponse(body, content_type=CONTENT_TYPE)


def answer_in_pieces(request: Request, pieces: Iterator[list[Any]]) -> HttpResponseBase:
    """`{results: [...]}` of any length, which is never in memory as a whole.

    One of a single piece is an answer like any other.
    """
    first, second = next(pieces, []), next(pieces, None)
    if second is None:
        return answer(request, {"results": first})
    return StreamingHttpResponse(
        _written(chain([first, second], pieces)), content_type=CONTENT_TYPE
    )


def _written(pieces: Iterable[list[Any]]) -> Iterator[bytes]:
    start = b'{"results":['
    for piece in pieces:
        yield start + encoded(piece)[1:-1]
        start = b","
    yield b"]}"


def encoded(document: Any) -> bytes:
    """The document in JSON, in ASCII only, as DRF writes it with UNICODE_JSON off."""
    body = _encode(document)
    if body.isascii() and b"\x7f" not in body:
        return body
    return json.dumps(document, separators=(",", ":")).encode()
