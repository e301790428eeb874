"""Answers that are ready before they are asked for: sent from the event loop, without Django.

An ordinary GET of public data needs no view: its body is kept by whoever is told when it changes,
and its headers are those that Django has sent with an answer to the same kind of request. Or the
answer is the one that Django gave to the same request (be/serving/unchanged_answers.py). Asked is
whether session or API key are live, once a second at most. All else is Django's: refusals, odd
parameters, other methods and formats, whatever is a customer's own. See
docs/decisions/ready-answers.md.
"""

from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

from django.db import Error, close_old_connections
from django.utils import timezone

from authentication import access
from authentication.rules.scopes import Scope as Right
from authentication.tokens import InvalidToken
from be.api import request_id
from be.serving.thread_pool import ThreadPool
from be.serving.unchanged_answers import Answer, Headers, UnchangedAnswers, words_of
from exchange.api import ready_prices, unchanged
from exchange.api.unchanged import DependsOn, Moment

Scope = dict[str, Any]
# What the headers of an answer depend on: scheme, Host, Origin.
Kind = tuple[str, bytes, bytes]

REQUEST_ID, LENGTH = b"X-Request-ID", b"Content-Length"
# Answers with these are one client's: a cookie, or a compression that it has asked for.
ONE_CLIENTS = frozenset({b"Set-Cookie", b"Content-Encoding"})
BEARER = b"Bearer "
# Request headers that count, each of which may come once.
READ = frozenset(
    {b"authorization", b"host", b"origin", b"accept", b"x-request-id"}
    | {b"if-none-match", b"if-match", b"if-modified-since", b"if-unmodified-since"}
)
# Answered alike; without Accept it is the first of them.
JSON = frozenset({b"*/*", b"application/json", b"application/json, text/plain, */*"})
MAX_KINDS = 256
# What Django says again while the document is what it was.
KEPT = (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED)


class ReadyAnswers:
    """Finds the ready answer of a request, if there is one; sessions are checked in `threads`."""

    def __init__(self, threads: ThreadPool) -> None:
        self._threads = threads
        self._bodies: Mapping[str, Callable[[bytes], bytes | None]] = {
            ready_prices.PATH: ready_prices.ReadyPrices().body
        }
        self._headers: dict[Kind, Headers] = {}
        self._unchanged = UnchangedAnswers()

    async def find(self, scope: Scope) -> Answer | None:
        """The answer, or None if Django has to give it. Raises Overloaded.

        For requests without a body. Sets the id of the request if there is an answer.
        """
        read = self._ordinary(scope)
        if read is None or not read.get(b"authorization", b"").startswith(BEARER):
            return None
        answer = self._ready(scope, read)
        if answer is None:
            return None
        token = read[b"authorization"][len(BEARER) :].decode("latin1")
        address = next(iter(scope.get("client") or ("",)))
        if not _could_read_just_now(token, address):
            if not await self._threads.run(partial(_may_read, token, address)):
                return None
            answer = self._ready(scope, read)  # there may have been a round meanwhile
            if answer is None:
                return None
        given = request_id.begin(read.get(b"x-request-id", b"").decode("latin1"))
        own = {REQUEST_ID: given.encode("ascii")}
        if answer.body:
            own[LENGTH] = b"%d" % len(answer.body)
        headers = [(name, own.get(name, value)) for name, value in answer.headers]
        return Answer(answer.status, headers, answer.body)

    def moment(self, scope: Scope) -> Moment | None:
        """How far the hub is, before Django is asked for what may be unchanged; else None."""
        read = self._ordinary(scope)
        return unchanged.moment() if read is not None and words_of(scope, read) else None

    def learn(
        self,
        scope: Scope,
        answer: Answer,
        *,
        depends_on: DependsOn | None = None,
        since: Moment | None = None,
    ) -> None:
        """Remember Django's answer for other requests of this kind, or for this one.

        `depends_on` is what its view said of the document, and `since` the moment before it was
        asked.
        """
        read = self._ordinary(scope)
        if read is None or any(name in ONE_CLIENTS for name, _ in answer.headers):
            return
        words = words_of(scope, read)
        if answer.status in KEPT and words and depends_on and since:
            self._unchanged.keep(words, answer, depends_on, since)
        if answer.status == HTTPStatus.OK and scope["path"] in self._bodies:
            self._learn_kind(_kind(scope, read), answer.headers)

    def _learn_kind(self, kind: Kind, headers: Headers) -> None:
        if kind not in self._headers and len(self._headers) >= MAX_KINDS:
            del self._headers[next(iter(self._headers))]
        self._headers[kind] = headers

    def _ready(self, scope: Scope, read: Mapping[bytes, bytes]) -> Answer | None:
        make_body = self._bodies.get(scope["path"])
        if make_body is not None:
            body = make_body(scope["query_string"])  # in any case: that makes the hub listen
            headers = self._headers.get(_kind(scope, read))
            if headers is None or body is None:
                return None
            return Answer(HTTPStatus.OK, headers, body)
        words = words_of(scope, read)
        return None if words is None else self._unchanged.find(words)

    def _ordinary(self, scope: Scope) -> dict[bytes, bytes] | None:
        """The headers that count; None if a ready answer is out of the question."""
        path = scope["path"]
        is_market = path.startswith(unchanged.PATHS)
        if not is_market or scope["method"] != "GET" or scope.get("root_path"):
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


def _could_read_just_now(credential: str, address: str) -> bool:
    try:
        return access.may_read_just_now(credential, address=address, now=timezone.now())
    except InvalidToken:
        return False


def _may_read(credential: str, address: str) -> bool:
    """Whether session or API key are live, by the database; in a thread.

    What is wrong, Django tells.
    """
    try:
        grant = access.authenticate(credential, address=address, now=timezone.now())
    except (InvalidToken, Error):
        return False
    finally:
        close_old_connections()
    return Right.READ in grant.scopes
