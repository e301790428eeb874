"""Views of every kind that the HTTP handler has to answer; the URLs of be/tests/test_http.py."""

import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from django.db import OperationalError, connection
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from be.api import problems, request_id
from be.settings import BASE_DIR

FILE = Path(BASE_DIR) / "uv.lock"
LONG = [b"%06d " % number for number in range(300_000)]  # two megabytes


class Turnstile:
    """Where `blocked` stays: a test sees it enter, lets it leave and sees it leave."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.may_leave = threading.Event()
        self.left = threading.Semaphore(0)

    def pass_through(self) -> None:
        self.entered.release()
        self.may_leave.wait(10)
        self.left.release()


turnstile = Turnstile()
stream_closed = threading.Event()


def thread(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"ident": threading.get_ident(), "name": threading.current_thread().name})


def blocked(request: HttpRequest) -> JsonResponse:
    turnstile.pass_through()
    return thread(request)


def database(request: HttpRequest) -> JsonResponse:
    """Whether the thread has a connection already; it ends it where it is told to."""
    had_one = connection.connection is not None
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    if "end" in request.GET:
        connection.close()
    return JsonResponse({"had_one": had_one})


async def asynchronous(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"id": request_id.current()})


def cookies(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(request.COOKIES["given"], content_type="text/plain")
    response.set_cookie("first", "1", httponly=True)
    response.set_cookie("second", "2")
    return response


def long_stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter(LONG))


def broken_stream(request: HttpRequest) -> StreamingHttpResponse:
    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise ZeroDivisionError

    return StreamingHttpResponse(chunks())


def endless_stream(request: HttpRequest) -> StreamingHttpResponse:
    async def chunks() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"more"
        finally:
            stream_closed.set()

    return StreamingHttpResponse(chunks())


def short_async_stream(request: HttpRequest) -> StreamingHttpResponse:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    return StreamingHttpResponse(chunks())


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(FILE.open("rb"))


def fails(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError


def has_no_database(request: HttpRequest) -> HttpResponse:
    raise OperationalError("could not connect to server at 10.0.0.7")


@api_view(["POST"])
@authentication_classes([])
@permission_classes([])
def echo(request: Request) -> Response:
    return Response(request.data)


urlpatterns = [
    path("thread/", thread),
    path("blocked/", blocked),
    path("database/", database),
    path("api/auth/login/", csrf_exempt(blocked)),
    path("async/", asynchronous),
    path("cookies/", cookies),
    path("long/", long_stream),
    path("broken/", broken_stream),
    path("endless/", endless_stream),
    path("short-async/", short_async_stream),
    path("file/", file),
    path("api/fails/", fails),
    path("api/lost/", has_no_database),
    path("lost/", has_no_database),
    path("api/echo/", echo),
    re_path(r"^api/", problems.not_found),
]

handler500 = "be.api.problems.server_error"
