"""The id of each request: from X-Request-ID or a new one, sent back, and in every log line."""

import logging
import re
import uuid
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

from be.kernel import request_context

ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,128}")


def current() -> str:
    """The id of the request being handled, or "-" outside of one."""
    return request_context.current().request_id


@sync_and_async_middleware
def middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Set the id while the request is handled, and send it back in the answer."""
    if iscoroutinefunction(get_response):

        async def answer_async(request: HttpRequest) -> HttpResponse:
            request_id = _begin(request)
            response: HttpResponse = await get_response(request)
            response["X-Request-ID"] = request_id
            return response

        return answer_async

    def answer(request: HttpRequest) -> HttpResponse:
        request_id = _begin(request)
        response: HttpResponse = get_response(request)
        response["X-Request-ID"] = request_id
        return response

    return answer


def begin(given: str, *, client: str = "", user_agent: str = "") -> str:
    """Set the id of the current request: the client's own if it is valid, else a new one."""
    request_id = given if ACCEPTED.fullmatch(given) else uuid.uuid4().hex
    request_context.begin(request_id=request_id, client=client, user_agent=user_agent)
    return request_id


def _begin(request: HttpRequest) -> str:
    meta = request.META
    return begin(
        meta.get("HTTP_X_REQUEST_ID", ""),
        client=meta.get("REMOTE_ADDR", ""),
        user_agent=meta.get("HTTP_USER_AGENT", ""),
    )


class RequestIdFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current()
        return True
