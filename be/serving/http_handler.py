"""The ASGI application for HTTP: it runs Django synchronously, in threads that stay.

Django's own ASGI handler makes a thread executor for each request, switches between it and the
event loop several times, and so opens database connections anew each time. Here a request is read
in the event loop, answered in one go by a thread of a fixed pool, and sent from the event loop
again. docs/decisions/own-thread-pool.md has the measurements. A few answers are ready before
(be/serving/ready_answers.py) and need no thread.
"""

import asyncio
import io
import logging
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, NoReturn, cast

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from corsheaders.middleware import CorsMiddleware
from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted, RequestDataTooBig
from django.core.handlers.asgi import get_script_prefix
from django.db import DatabaseError, close_old_connections, connection, reset_queries
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from authentication.last_uses import last_uses
from be.api import problems, request_id
from be.database.connections import ServerConnection
from be.logs import events
from be.serving import unchanged_answers
from be.serving.ready_answers import ReadyAnswers
from be.serving.short_way import ShortWayHandler
from be.serving.thread_pool import Overloaded, ThreadPool
from exchange.api.unchanged import DependsOn

logger = logging.getLogger(__name__)

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# These requests hash passwords, which is slow on purpose, so they have threads of their own.
PASSWORD_PATHS = frozenset(
    {"/api/auth/login/", "/api/auth/register/", "/api/auth/password/", "/admin/login/"}
)
PASSWORD_THREADS = 2
PASSWORD_QUEUE = 64
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_IN_MEMORY = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Answer:
    """A response that is ready to be sent. `stream` is set if its content is an async iterator.

    `depends_on` is what changes its document, where the view has said so.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    content: bytes | IO[bytes] = b""
    stream: StreamingHttpResponse | None = None
    depends_on: DependsOn | None = None


class _OversizedBody(io.RawIOBase):
    """Stands for a dropped body, beyond DATA_UPLOAD_MAX_MEMORY_SIZE: to read it raises."""

    def read(self, size: int = -1) -> NoReturn:
        raise RequestDataTooBig("Request body exceeded settings.DATA_UPLOAD_MAX_MEMORY_SIZE.")


class HTTPHandler(ShortWayHandler):
    """The ASGI application for HTTP.

    A request whose client disconnects is taken out of the queue. One that a thread has begun is
    carried out, and its answer is dropped. When HTTP_THREADS are busy and HTTP_QUEUE is full, the
    answer is a 503 problem document with Retry-After, at once.
    """

    def __init__(self) -> None:
        self.load_middleware(is_async=False)
        # A thread looks after its connection itself, once a request.
        signals.request_started.disconnect(close_old_connections)
        signals.request_started.disconnect(reset_queries)
        signals.request_finished.disconnect(close_old_connections)
        seconds = settings.HTTP_QUEUE_SECONDS
        self._requests = ThreadPool(
            name="http",
            threads=settings.HTTP_THREADS,
            queue=settings.HTTP_QUEUE,
            seconds=seconds,
            initializer=_keep_connection,
        )
        self._ready = ReadyAnswers(self._requests)
        self._writes = self._requests
        if settings.HTTP_WRITING_THREADS:
            self._writes = ThreadPool(
                name="writes",
                threads=settings.HTTP_WRITING_THREADS,
                queue=settings.HTTP_QUEUE,
                seconds=seconds,
                initializer=_keep_connection,
            )
        self._passwords = ThreadPool(
            name="passwords", threads=PASSWORD_THREADS, queue=PASSWORD_QUEUE, seconds=seconds
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await _read(receive)
        except RequestAborted:
            return
        try:
            answer = await self._answer_of(scope, body, time.perf_counter())
        except Overloaded:
            answer = self._refuse(scope, _overloaded)
        if answer.stream is None:
            await _send(answer, send)
        else:
            await _stream(answer, answer.stream, receive, send)
        if last_uses.are_waiting():
            await self._write_last_uses()

    async def _write_last_uses(self) -> None:
        """Behind the answer, which has been sent: when API keys were used, once a minute each."""
        with suppress(Overloaded):  # a later request writes it
            await self._writes.run(_write_last_uses)

    async def _answer_of(self, scope: Scope, body: IO[bytes], began: float) -> _Answer:
        if not _length(body) and (ready := await self._ready.find(scope)) is not None:
            _log(scope, ready.status, began)
            return _Answer(ready.status, [*ready.headers], ready.body)
        since = self._ready.moment(scope)
        answer = await self._pool(scope).run(partial(self._answer, scope, body, began))
        if isinstance(answer.content, bytes):
            given = unchanged_answers.Answer(answer.status, answer.headers, answer.content)
            self._ready.learn(scope, given, depends_on=answer.depends_on, since=since)
        return answer

    def _pool(self, scope: Scope) -> ThreadPool:
        if scope["method"] in SAFE_METHODS:
            return self._requests
        if scope["method"] == "POST" and scope["path"] in PASSWORD_PATHS:
            return self._passwords
        return self._writes

    def _answer(self, scope: Scope, body: IO[bytes], began: float) -> _Answer:
        """Answer a request, in a thread of a pool, which also closes or returns its connection."""
        set_script_prefix(get_script_prefix(scope))
        database = cast(ServerConnection, connection)
        database.close_if_unusable_or_obsolete()
        signals.request_started.send(sender=type(self), scope=scope)
        try:
            answer = self._collect(self._respond(scope, body))
        finally:
            database.end_request()
        _log(scope, answer.status, began)
        return answer

    def _respond(self, scope: Scope, body: IO[bytes]) -> Any:
        request, _ = self.create_request(scope, body)
        if request is None:
            return _with_outer_middleware(self._without_query(scope), problems.unreadable)
        if length := _length(body):
            # A chunked body has no Content-Length, and DRF would take it for empty.
            request.META.setdefault("CONTENT_LENGTH", str(length))
        response: Any = self.get_response(request)
        response._handler_class = type(self)
        return response

    def _refuse(self, scope: Scope, view: Callable[[HttpRequest], HttpResponse]) -> _Answer:
        """An answer that is made without Django's handler."""
        response = _with_outer_middleware(self._without_query(scope), view)
        return _Answer(response.status_code, _headers(response), response.content)

    def _without_query(self, scope: Scope) -> HttpRequest:
        """The request without its query, which may be no valid text."""
        request: HttpRequest = self.request_class({**scope, "query_string": b""}, io.BytesIO())
        return request

    def _collect(self, response: Any) -> _Answer:
        """Read the whole content of the response, and close it.

        A synchronous stream is read to its end, into a file if it is long, so that a client that
        reads slowly holds neither a thread nor a database connection.
        """
        status, headers = response.status_code, _headers(response)
        if isinstance(response, StreamingHttpResponse) and response.is_async:
            return _Answer(status, headers, stream=response)
        try:
            content = _spooled(response) if response.streaming else response.content
        finally:
            response.close()
        return _Answer(status, headers, content, depends_on=getattr(response, "depends_on", None))


def _write_last_uses() -> None:
    database = cast(ServerConnection, connection)
    database.close_if_unusable_or_obsolete()
    try:
        last_uses.write()
    except DatabaseError as error:
        logger.warning("when API keys were used could not be written: %s", error)
    finally:
        database.end_request()


def _log(scope: Scope, status: int, began: float) -> None:
    """Log the request, where it was answered: the request id is known there."""
    events.log_request(
        method=scope["method"],
        path=scope["path"][:200],
        status=status,
        client=next(iter(scope.get("client") or ()), "-"),
        milliseconds=(time.perf_counter() - began) * 1000,
    )


def _keep_connection() -> None:
    """Keep this thread's database connection open between requests (be/database/connections.py)."""
    cast(ServerConnection, connection).stays_open = True


async def _read(receive: Receive) -> IO[bytes]:
    """The whole body. Raises RequestAborted if the client disconnects before its end."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestAborted
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return _OversizedBody()  # type: ignore[return-value]  # nothing but `read` is called
        chunks.append(chunk)
        if not message.get("more_body", False):
            return io.BytesIO(b"".join(chunks))


def _length(body: IO[bytes]) -> int:
    """The bytes of the body; of an oversized one, a number beyond the limit."""
    if isinstance(body, io.BytesIO):
        return body.getbuffer().nbytes
    return settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1


def _headers(response: HttpResponseBase) -> list[tuple[bytes, bytes]]:
    return [
        *((name.encode("ascii"), value.encode("latin1")) for name, value in response.items()),
        *(
            (b"Set-Cookie", cookie.output(header="").encode("ascii").strip())
            for cookie in response.cookies.values()
        ),
    ]


def _spooled(response: Any) -> IO[bytes]:
    if isinstance(response, FileResponse):
        response.block_size = HTTPHandler.chunk_size
    file = tempfile.SpooledTemporaryFile(MAX_IN_MEMORY)  # noqa: SIM115 - closed when it was sent
    file.writelines(response)
    file.seek(0)
    return file


def _with_outer_middleware(
    request: HttpRequest, view: Callable[[HttpRequest], HttpResponse]
) -> HttpResponse:
    """Run a view without Django's handler, but with request id and CORS, which all answers have."""
    response: HttpResponse = request_id.middleware(CorsMiddleware(view))(request)
    return response


def _overloaded(request: HttpRequest) -> HttpResponse:
    logger.warning("overloaded: %s %s was refused", request.method, request.path[:200])
    return problems.overloaded()


async def _send(answer: _Answer, send: Send) -> None:
    await send(_start(answer))
    if isinstance(answer.content, bytes):
        for chunk, last in HTTPHandler.chunk_bytes(answer.content):
            await send({"type": "http.response.body", "body": chunk, "more_body": not last})
        return
    with answer.content as file:
        while chunk := file.read(HTTPHandler.chunk_size):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body"})


def _start(answer: _Answer) -> Message:
    return {
        "type": "http.response.start",
        "status": answer.status,
        "headers": answer.headers,
    }


async def _stream(
    answer: _Answer, response: StreamingHttpResponse, receive: Receive, send: Send
) -> None:
    """Send an asynchronous stream, until it ends or the client disconnects.

    Synchronous code that it calls runs in one thread of its own, as under Django's handler.
    """
    async with ThreadSensitiveContext():
        tasks = [
            asyncio.create_task(_send_stream(answer, response, send)),
            asyncio.create_task(_disconnected(receive)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            sent, _ = await asyncio.gather(*tasks, return_exceptions=True)
            await sync_to_async(response.close)()
    if isinstance(sent, Exception):
        raise sent


async def _send_stream(answer: _Answer, response: StreamingHttpResponse, send: Send) -> None:
    await send(_start(answer))
    async with aclosing(cast(AsyncGenerator[bytes, None], aiter(response))) as parts:
        async for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body"})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass  # the rest of a body that nobody reads
