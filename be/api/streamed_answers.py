"""Answers of any length, sent while they are made."""

from collections.abc import AsyncIterator, Iterator
from itertools import chain

from channels.db import database_sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase


def streamed(
    request: HttpRequest, chunks: Iterator[str], *, content_type: str, filename: str = ""
) -> StreamingHttpResponse:
    """An answer that is streamed: asynchronously under ASGI and synchronously under WSGI.

    With a `filename` it is a download.
    """
    answer = StreamingHttpResponse(
        _from_threads(chunks) if isinstance(request, ASGIRequest) else chunks,
        content_type=content_type,
    )
    _name(answer, filename)
    return answer


def streamed_if_long(
    request: HttpRequest, chunks: Iterator[str], *, content_type: str, filename: str = ""
) -> HttpResponseBase:
    """As `streamed`, but what is only one chunk is an answer like any other.

    The first two are made before anything is sent, so that what can't be had is still a refusal.
    """
    first, second = next(chunks, ""), next(chunks, None)
    if second is None:
        answer = HttpResponse(first, content_type=content_type)
        _name(answer, filename)
        return answer
    return streamed(
        request, chain([first, second], chunks), content_type=content_type, filename=filename
    )


def _name(answer: HttpResponseBase, filename: str) -> None:
    if filename:
        answer["Content-Disposition"] = f'attachment; filename="{filename}"'


async def _from_threads(chunks: Iterator[str]) -> AsyncIterator[str]:
    # Each chunk returns its database connection, so a slow reader occupies none.
    next_chunk = database_sync_to_async(lambda: next(chunks, None))
    while (chunk := await next_chunk()) is not None:
        yield chunk
