"""Answers that are ready before they are asked for: sent from the event loop, without Django.

An ordinary GET of public data needs no view: its body is kept by whoever is told when it changes,
and its headers are those that Django has sent with an answer to the same kind of request. What is
asked is whether the session is live, once a second at most. All else is Django's: refusals, odd
parameters, other methods and formats, whatever is a customer's own. See
docs/decisions/ready-answers.md.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

from django.db import Error, close_old_connections
from django.utils import timezone

from authentication import sessions
from authentication.tokens import InvalidToken
from be.api import request_id
from be.serving.thread_pool import ThreadPool
from exchange.api import ready_prices

Scope = dict[str, Any]
Headers = Sequence[tuple[bytes, bytes]]
# What the headers of an answer depend on: scheme, Host, Origin.
Kind = tuple[str, bytes, bytes]

REQUEST_ID, LENGTH, COOKIE = b"X-Request-ID", b"Content-Length", b"Set-Cookie"
BEARER = b"Bearer "
# Request headers that count, each of which may come once.
READ = frozenset({b"authorization", b"host", b"origin", b"accept", b"x-request-id"})
# Answered alike; without Accept it is the first of them.
JSON = frozenset({b"*/*", b"application/json", b"application/json, text/plain, */*"})
MAX_KINDS = 256


class ReadyAnswers:
    """Finds the ready answer of a request, if there is one; sessions are checked in `threads`."""

    def __init__(self, threads: ThreadPool) -> None:
        self._threads = threads
        self._bodies: Mapping[str, Callable[[bytes], bytes | None]] = {
            ready_prices.PATH: ready_prices.ReadyPrices().body
        }
        self._headers: dict[Kind, Headers] = {}

    async def find(self, scope: Scope) -> tuple[list[tuple[bytes, bytes]], bytes] | None:
        """Headers and body of the answer, or None if Django has to give it. Raises Overloaded.

        For requests without a body. Sets the id of the request if there is an answer.
        """
        read = self._ordinary(scope)
        if read is None or not read.get(b"authorization", b"").startswith(BEARER):
            return None
        headers = self._headers.get(_kind(scope, read))
        body = self._body(scope)  # asked for in any case: that makes the hub listen
        if headers is None or body is None:
            return None
        token = read[b"authorization"][len(BEARER) :].decode("latin1")
        if not _was_live_just_now(token):
            if not await self._threads.run(partial(_is_live, token)):
                return None
            body = self._body(scope)  # there may have been a round meanwhile
            if body is None:
                return None
        given = request_id.begin(read.get(b"x-request-id", b"").decode("latin1"))
        own = {REQUEST_ID: given.encode("ascii"), LENGTH: b"%d" % len(body)}
        return [(name, own.get(name, value)) for name, value in headers], body

    def learn(self, scope: Scope, status: int, headers: Headers) -> None:
        """Remember the headers of Django's answer for other requests of this kind."""
        read = self._ordinary(scope)
        if read is None or status != HTTPStatus.OK or any(name == COOKIE for name, _ in headers):
            return
        kind = _kind(scope, read)
        if kind not in self._headers and len(self._headers) >= MAX_KINDS:
            del self._headers[next(iter(self._headers))]
        self._headers[kind] = headers

    def _body(self, scope: Scope) -> bytes | None:
        return self._bodies[scope["path"]](scope["query_string"])

    def _ordinary(self, scope: Scope) -> dict[bytes, bytes] | None:
        """The headers that count; None if a ready answer is out of the question."""
        if scope["path"] not in self._bodies or scope["method"] != "GET" or scope.get("root_path"):
            return None
        read: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in READ:
                if name in read:
                    return None
                read[name] = value
        return read if read.get(b"accept", b"*/*") in JSON else None


def _kind(scope: Scope, read: Mapping[bytes, bytes]) -> Kind:
    return scope.get("scheme", "http"), read.get(b"host", b""), read.get(b"origin", b"")


def _was_live_just_now(token: str) -> bool:
    try:
        return sessions.was_live_just_now(token, timezone.now())
    except InvalidToken:
        return False


def _is_live(token: str) -> bool:
    """Whether the session is live, by the database; in a thread. What is wrong, Django tells."""
    try:
        sessions.authenticate_access(token, timezone.now())
    except (InvalidToken, Error):
        return False
    finally:
        close_old_connections()
    return True
