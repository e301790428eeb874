"""Requests to the API pass less middleware, and get the answers that all of it would give."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core import signals
from django.core.exceptions import MiddlewareNotUsed
from django.db import connections
from django.http import HttpRequest, HttpResponse

from authentication.tests.api_client import signed_in
from be.serving.http_handler import HTTPHandler
from be.serving.short_way import LONGEST_REMEMBERED, PAGES_ONLY, REMEMBERED_PATHS
from be.tests.test_http import Client
from exchange.tests import market

pytestmark = pytest.mark.django_db(transaction=True)

ORIGIN = "https://shop.example"
ME = "/api/auth/me/"
REQUESTS: dict[str, tuple[str, str, dict[str, str]]] = {
    "a read": ("GET", ME, {}),
    "of another origin": ("GET", ME, {"origin": ORIGIN}),
    "of a foreign origin": ("GET", ME, {"origin": "https://foreign.example"}),
    "before one of another origin": (
        "OPTIONS",
        ME,
        {"origin": ORIGIN, "access-control-request-method": "GET"},
    ),
    "with an id": ("GET", ME, {"x-request-id": "mine"}),
    "a head": ("HEAD", ME, {}),
    "with cookies": ("GET", ME, {"cookie": f"csrftoken={'x' * 32}; sessionid=y"}),
    "no token": ("GET", ME, {"authorization": ""}),
    "no such method": ("DELETE", ME, {}),
    "nothing there": ("GET", "/api/nothing/", {}),
    "a path without its slash": ("GET", "/api/auth/me", {}),
    "a path that is remembered never": ("GET", f"/api/{'x' * LONGEST_REMEMBERED}/", {}),
    "an id in the path": ("GET", "/api/exchange/api/v1/orders/nonsense/", {}),
    "a foreign host": ("GET", ME, {"host": "foreign.example"}),
    "a document": ("GET", "/api/schema/", {}),
    "a page": ("GET", "/api/redoc/", {}),
    "what a page can't be sent": ("POST", "/api/docs/", {}),
    "what a document can't be sent": ("POST", "/api/asyncapi/", {}),
}
# Made anew for each answer.
OWN = {"x-request-id"}


@pytest.fixture
def token() -> str:
    return signed_in(market.make_customer()).access_token


class Handler(HTTPHandler):
    def close(self) -> None:
        """Its threads let go of the database."""
        for pool in {self._requests, self._writes}:
            pool._threads.submit(connections.close_all).result()
            pool._threads.shutdown()


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize(("method", "path", "more"), REQUESTS.values(), ids=REQUESTS)
async def test_an_answer_is_the_same_either_way(
    token: str, settings: Any, method: str, path: str, more: dict[str, str], secure: bool
):
    settings.DEBUG = False
    settings.CORS_ALLOWED_ORIGINS = [ORIGIN]
    settings.SECURE_HSTS_SECONDS, settings.SECURE_SSL_REDIRECT = 60, secure
    headers = {"host": "localhost", "authorization": f"Bearer {token}", **more}
    short, whole = Handler(), Handler()
    whole._is_of_api = lambda path: False  # type: ignore[method-assign]
    answers = []
    for handler in (short, whole):
        answers.append(await Client(handler).request(method, path, headers=headers))
        handler.close()
    one, other = answers
    assert one.status == other.status
    assert secure or more.get("host") or one.status != 400
    assert shown(one.headers) == shown(other.headers)
    assert one.body.replace(one["x-request-id"].encode(), b"") == other.body.replace(
        other["x-request-id"].encode(), b""
    )


def shown(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, "" if name in OWN else value) for name, value in headers]


def test_what_is_left_out_is_in_the_settings(settings: Any):
    assert set(settings.MIDDLEWARE) > PAGES_ONLY


def marks(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["X-Mark"] = "passed"
        return response

    return answer


async def test_middleware_that_somebody_adds_is_passed_by_all(settings: Any):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.{marks.__name__}"]
    client = Client(handler := Handler())
    answers = [await client.get(path) for path in ("/api/nothing/", "/", ME)]
    handler.close()
    assert [answer["x-mark"] for answer in answers] == ["passed"] * 3


def unused(get_response: Any) -> Any:
    raise MiddlewareNotUsed


async def test_middleware_that_asks_to_be_left_out_is_left_out(settings: Any, token: str):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.{unused.__name__}"]
    handler = Handler()
    answer = await Client(handler).get(ME, authorization=f"Bearer {token}")
    handler.close()
    assert answer.status == 200


async def test_cookies_are_for_pages():
    """Django replaces a cookie that it can't have set, and pages set one; the API sets none."""
    client = Client(handler := Handler())
    sent = {
        path: {name for name, _ in (await client.get(path, cookie="csrftoken=x")).headers}
        for path in (ME, "/api/nothing/", "/api/docs/")
    }
    handler.close()
    assert [path for path, names in sent.items() if "set-cookie" in names] == ["/api/docs/"]


async def test_few_paths_are_remembered():
    handler = Handler()
    for number in range(2 * REMEMBERED_PATHS):
        handler._match(f"/api/{number}/")
    handler._match(f"/api/{'x' * LONGEST_REMEMBERED}/")
    handler.close()
    assert handler._find_remembered.cache_info().currsize == REMEMBERED_PATHS


async def test_whoever_listens_to_djangos_signals_hears_of_each_request():
    heard: list[str] = []

    def begin(**_: Any) -> None:
        heard.append("begin")

    def end(**_: Any) -> None:
        heard.append("end")

    signals.request_started.connect(begin)
    signals.request_finished.connect(end)
    try:
        handler = Handler()
        await Client(handler).get("/api/nothing/")
        handler.close()
    finally:
        signals.request_started.disconnect(begin)
        signals.request_finished.disconnect(end)
    assert heard == ["begin", "end"]
