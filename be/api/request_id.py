"""The id of each request: from X-Request-ID or a new one, sent back, and in every log line."""

import logging
import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,128}")

_current: ContextVar[str] = ContextVar("request_id", default="-")


def current() -> str:
    """The id of the request being handled, or "-" outside of one."""
    return _current.get()


@sync_and_async_middleware
def middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Set the id while the request is handled, and send it back in the answer."""
    if iscoroutinefunction(get_response):

        async def answer_async(request: HttpRequest) -> HttpResponse:
            request_id = begin(request.headers.get("X-Request-ID", ""))
            response: HttpResponse = await get_response(request)
            response["X-Request-ID"] = request_id
            return response

        return answer_async

    def answer(request: HttpRequest) -> HttpResponse:
        request_id = begin(request.headers.get("X-Request-ID", ""))
        response: HttpResponse = get_response(request)
        response["X-Request-ID"] = request_id
        return response

    return answer


def begin(given: str) -> str:
    """Set the id of the current request: the client's own if it is valid, else a new one."""
    request_id = given if ACCEPTED.fullmatch(given) else uuid.uuid4().hex
    _current.set(request_id)
    return request_id


class RequestIdFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current()
        return True
