"""The HTTP handler: requests reach Django whole, and Django's answers reach the client whole."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.conf import settings as configured
from django.http import HttpResponse

from be.serving.http_handler import PASSWORD_THREADS, HTTPHandler, Message
from be.serving.thread_pool import Overloaded, ThreadPool
from be.tests import odd_views

WHOLE: Message = {"type": "http.request", "body": b""}
STILL_COMING: Message = {"type": "http.request", "body": b"", "more_body": True}
GONE: Message = {"type": "http.disconnect"}


@dataclass
class Answer:
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    messages: int = 0
    ended: bool = False

    def __getitem__(self, name: str) -> str:
        return dict(self.headers)[name]

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Speaks ASGI to a handler, one request after the other or side by side."""

    def __init__(self, handler: HTTPHandler) -> None:
        self.handler = handler
        self.on_chunk = asyncio.Event()

    async def get(self, path: str, *, query: bytes = b"", **headers: str) -> Answer:
        return await self.request("GET", path, query=query, headers=headers)

    async def post(self, path: str, chunks: Iterable[bytes] = (b"{}",), **headers: str) -> Answer:
        parts = [{"type": "http.request", "body": part, "more_body": True} for part in chunks]
        parts[-1]["more_body"] = False
        headers = {"content-type": "application/json", **headers}
        return await self.request("POST", path, parts, headers=headers)

    async def request(
        self,
        method: str,
        path: str,
        incoming: Iterable[Message] = (WHOLE,),
        *,
        query: bytes = b"",
        headers: dict[str, str],
    ) -> Answer:
        answer = Answer()
        waiting = iter(incoming)

        async def receive() -> Message:
            following = next(waiting, None)
            if following is None:
                await asyncio.Event().wait()  # the client stays, and says nothing more
                raise AssertionError
            if following is GONE and answer.status == 0 and method == "GET":
                await self.on_chunk.wait()
            return following

        async def send(message: Message) -> None:
            answer.messages += 1
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = [
                    (name.decode().lower(), value.decode("latin1"))
                    for name, value in message["headers"]
                ]
            else:
                answer.body += message.get("body", b"")
                answer.ended = not message.get("more_body", False)
                self.on_chunk.set()
            await asyncio.sleep(0)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": [
                (n.replace("_", "-").encode(), v.encode())
                for n, v in {"host": "localhost", **headers}.items()
            ],
        }
        await self.handler(scope, receive, send)
        return answer


@pytest.fixture
def client(settings: Any) -> Client:
    settings.ROOT_URLCONF = odd_views.__name__
    return Client(HTTPHandler())


@pytest.fixture
def turnstile(monkeypatch: pytest.MonkeyPatch) -> Iterator[odd_views.Turnstile]:
    turnstile = odd_views.Turnstile()
    monkeypatch.setattr(odd_views, "turnstile", turnstile)
    yield turnstile
    turnstile.may_leave.set()


@pytest.fixture
async def busy(
    client: Client, settings: Any, turnstile: odd_views.Turnstile
) -> AsyncIterator[Client]:
    """One thread, which is blocked, and a line of one."""
    settings.HTTP_THREADS = settings.HTTP_QUEUE = 1
    client = Client(HTTPHandler())
    first = asyncio.create_task(client.get("/blocked/"))
    await asyncio.to_thread(turnstile.entered.acquire)
    yield client
    turnstile.may_leave.set()
    assert (await first).status == 200


# What comes in -----------------------------------------------------------------------------------


async def test_a_body_in_pieces_without_a_length_is_one_body(client: Client):
    answer = await client.post("/api/echo/", [b'{"quantity"', b': "1', b'.5"}'])
    assert answer.json() == {"quantity": "1.5"}


@pytest.mark.parametrize("declared", [{}, {"content_length": "1200002"}, {"content_length": "7"}])
async def test_a_body_beyond_the_limit_is_a_413_however_it_is_declared(
    client: Client, declared: dict[str, str]
):
    answer = await client.post(
        "/api/echo/", [b'"' + b"x" * 600_000, b"y" * 600_000 + b'"'], **declared
    )
    assert (answer.status, answer.json()["code"]) == (413, "too_large")


async def test_a_body_at_the_limit_is_read(client: Client):
    text = "x" * (configured.DATA_UPLOAD_MAX_MEMORY_SIZE - 2)
    answer = await client.post("/api/echo/", [json.dumps(text).encode()])
    assert answer.json() == text


async def test_a_client_that_leaves_in_the_middle_of_its_body_asked_for_nothing(client: Client):
    answer = await client.request("POST", "/api/echo/", [STILL_COMING, GONE], headers={})
    assert answer.messages == 0


# What goes out -----------------------------------------------------------------------------------


async def test_cookies_come_and_go(client: Client):
    answer = await client.get("/cookies/", cookie="given=7")
    assert answer.body == b"7"
    cookies = [value for name, value in answer.headers if name == "set-cookie"]
    assert cookies == ["first=1; HttpOnly; Path=/", "second=2; Path=/"]


async def test_every_answer_names_its_request(client: Client):
    assert (await client.get("/thread/", x_request_id="mine"))["x-request-id"] == "mine"
    assert (await client.get("/async/", x_request_id="mine")).json() == {"id": "mine"}


async def test_a_head_has_the_headers_of_a_get(client: Client):
    answer = await client.request("HEAD", "/cookies/", headers={"cookie": "given=7"})
    assert (answer.status, answer["content-type"], answer["content-length"]) == (
        200,
        "text/plain",
        "1",
    )


async def test_a_synchronous_stream_arrives_whole_and_in_bounded_pieces(client: Client):
    answer = await client.get("/long/")
    assert answer.body == b"".join(odd_views.LONG)
    assert answer.ended
    assert answer.messages > 30


async def test_an_asynchronous_stream_arrives_whole(client: Client):
    answer = await client.get("/short-async/")
    assert (answer.status, answer.body, answer.ended) == (200, b"one two", True)


async def test_a_stream_that_breaks_before_anything_was_sent_is_an_error_and_not_half_an_answer(
    client: Client,
):
    with pytest.raises(ZeroDivisionError):
        await client.get("/broken/")


async def test_a_stream_ends_with_its_client(client: Client):
    odd_views.stream_closed.clear()
    answer = await client.request("GET", "/endless/", [WHOLE, GONE], headers={})
    assert await asyncio.to_thread(odd_views.stream_closed.wait, 10)
    assert not answer.ended


async def test_a_file_arrives_whole(client: Client):
    answer = await client.get("/file/")
    assert answer.body == odd_views.FILE.read_bytes()
    assert int(answer["content-length"]) == len(answer.body)


async def test_static_files_are_served_and_remembered(client: Client):
    answer = await client.get("/static/brokerpro/logo.svg")
    assert answer["content-type"] == "image/svg+xml"
    assert answer.body.startswith(b"<svg")
    again = await client.get(
        "/static/brokerpro/logo.svg", if_modified_since=answer["last-modified"]
    )
    assert (again.status, again.body) == (304, b"")


async def test_a_defect_in_a_view_is_a_500_document(client: Client, settings: Any):
    settings.DEBUG = False
    answer = await client.get("/api/fails/")
    assert (answer.status, answer.json()["code"]) == (500, "internal_error")


@pytest.mark.parametrize("path", ["/api/lost/", "/lost/"])
async def test_a_lost_database_is_a_503_outside_of_the_api_views_too(
    client: Client, settings: Any, path: str
):
    settings.DEBUG = False
    answer = await client.get(path)
    assert (answer.status, answer["retry-after"]) == (503, "1")
    assert b"10.0.0.7" not in answer.body


async def test_every_response_is_closed_once_it_was_read(
    client: Client, monkeypatch: pytest.MonkeyPatch
):
    closed: list[int] = []
    close = HttpResponse.close

    def recorded(response: HttpResponse) -> None:
        closed.append(response.status_code)
        close(response)

    monkeypatch.setattr(HttpResponse, "close", recorded)
    await client.get("/thread/")
    await client.get("/api/nothing/")
    assert closed == [200, 404]


# Threads -----------------------------------------------------------------------------------------


async def test_the_threads_that_answered_answer_again(client: Client, settings: Any):
    settings.HTTP_THREADS = 2
    client = Client(HTTPHandler())
    idents = {(await client.get("/thread/")).json()["ident"] for _ in range(10)}
    assert len(idents) <= 2


@pytest.mark.django_db(transaction=True)
async def test_a_thread_has_its_connection_still_when_the_next_request_comes(settings: Any):
    settings.ROOT_URLCONF = odd_views.__name__
    settings.HTTP_THREADS = 1
    client = Client(HTTPHandler())
    had_one = [(await client.get("/database/")).json()["had_one"] for _ in range(3)]
    await client.get("/database/", query=b"end")
    assert had_one == [False, True, True]
    assert (await client.get("/database/", query=b"end")).json()["had_one"] is False


async def test_who_comes_when_the_line_is_full_is_told_to_come_again(
    busy: Client, turnstile: odd_views.Turnstile
):
    second = asyncio.create_task(busy.get("/thread/"))
    await asyncio.sleep(0)
    refused = await busy.get("/thread/", x_request_id="third")
    assert (refused.status, refused["retry-after"]) == (503, "1")
    assert refused["content-type"] == "application/problem+json"
    assert refused["x-request-id"] == "third"
    assert (refused.json()["code"], refused.json()["request_id"]) == ("unavailable", "third")
    assert not second.done()
    turnstile.may_leave.set()
    assert (await second).status == 200
    assert (await busy.get("/thread/")).status == 200


async def test_a_page_on_another_port_can_read_that_it_came_when_the_line_was_full(
    busy: Client, turnstile: odd_views.Turnstile
):
    second = asyncio.create_task(busy.get("/thread/"))
    await asyncio.sleep(0)
    page = "http://localhost:5173"
    refused = await busy.get("/api/echo/", origin=page)
    assert refused.status == 503
    assert refused["access-control-allow-origin"] == page
    assert "Retry-After" in refused["access-control-expose-headers"]
    # What a browser asks before that is no work, and answered.
    asks = {"origin": page, "access-control-request-method": "POST"}
    before = await busy.request("OPTIONS", "/api/echo/", headers=asks)
    assert (before.status, before["access-control-allow-origin"]) == (200, page)
    foreign = await busy.get("/api/echo/", origin="https://evil.example")
    assert "access-control-allow-origin" not in dict(foreign.headers)
    turnstile.may_leave.set()
    await second


async def test_a_query_that_is_no_text_is_a_400_document_that_a_page_elsewhere_can_read(
    client: Client,
):
    answer = await client.get("/api/echo/", query=b"a=\xff", origin="http://localhost:5173")
    assert (answer.status, answer.json()["code"]) == (400, "bad_request")
    assert answer["access-control-allow-origin"] == "http://localhost:5173"
    assert answer["x-request-id"] == answer.json()["request_id"]


async def test_what_a_thread_has_begun_is_carried_out_though_its_client_is_gone(
    client: Client, turnstile: odd_views.Turnstile
):
    request = asyncio.create_task(client.get("/blocked/"))
    await asyncio.to_thread(turnstile.entered.acquire)
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)
    assert not turnstile.left.acquire(blocking=False)
    turnstile.may_leave.set()
    assert await asyncio.to_thread(turnstile.left.acquire, timeout=10)


async def test_who_leaves_the_line_makes_room_in_it(busy: Client, turnstile: odd_views.Turnstile):
    second = asyncio.create_task(busy.get("/thread/"))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    third = asyncio.create_task(busy.get("/thread/"))
    await asyncio.sleep(0)
    turnstile.may_leave.set()
    assert (await third).status == 200


async def test_any_number_of_sign_ins_leaves_the_other_requests_their_threads(
    client: Client, settings: Any, turnstile: odd_views.Turnstile
):
    settings.HTTP_THREADS = 1
    client = Client(HTTPHandler())
    sign_ins = [asyncio.create_task(client.post("/api/auth/login/")) for _ in range(20)]
    for _ in range(PASSWORD_THREADS):
        await asyncio.to_thread(turnstile.entered.acquire)
    assert (await client.get("/thread/")).json()["name"].startswith("http")
    turnstile.may_leave.set()
    answers = await asyncio.gather(*sign_ins)
    assert {answer.status for answer in answers} == {200}
    assert {answer.json()["name"].split("_")[0] for answer in answers} == {"passwords"}


async def test_work_that_waited_too_long_is_not_begun_and_leaves_its_place():
    pool = ThreadPool(name="late", threads=1, queue=1, seconds=-1)
    done: list[int] = []
    for _ in range(5):
        with pytest.raises(Overloaded):
            await pool.run(lambda: done.append(1))
    assert done == []
