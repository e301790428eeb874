"""Ready answers are Django's answers, byte for byte, and never older than what was told."""
# ruff: noqa: F811 - fixtures that are imported

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections
from django.utils import timezone

from authentication import recent_checks, sessions
from authentication.models import Session, User
from authentication.tests.api_client import signed_in
from banking.rules.assets import USD
from be.serving.http_handler import HTTPHandler
from be.tests.test_http import Answer, Client
from exchange.api.ready_prices import PATH
from exchange.market import quotes
from exchange.models import SIMULATOR, Instrument, InstrumentStatus, Quote, Simulator
from exchange.streaming import hub as hubs
from exchange.streaming import prices, snapshots
from exchange.tests import market
from exchange.tests.hub.conftest import hub, layer  # noqa: F401 - fixtures
from exchange.tests.hub.readers import database, send_round, until
from exchange.tests.splits.cast import split
from exchange.trading import halts

pytestmark = pytest.mark.django_db(transaction=True)

ORIGIN = "https://shop.example"


class CountingHandler(HTTPHandler):
    """Counts the requests that Django was asked; its thread lets go of the database at the end."""

    asked = 0

    def close(self) -> None:
        self._requests._threads.submit(connections.close_all).result()
        self._requests._threads.shutdown()

    def _answer(self, *args: Any) -> Any:
        self.asked += 1
        return super()._answer(*args)


class Market:
    """Three instruments and a bond, which a simulator quotes, and a signed-in reader of prices."""

    def __init__(self, hub: hubs.Hub, layer: Any) -> None:
        self.hub, self.layer = hub, layer
        self.handler = CountingHandler()
        self.client = Client(self.handler)
        self.django = CountingHandler()
        self.token = ""

    def close(self) -> None:
        self.handler.close()
        self.django.close()

    async def begin(self) -> None:
        await self.round(AAPL="191.00")
        await self.get()  # makes the hub compare; teaches the headers
        await self.is_current()

    async def round(self, *, is_heard: bool = True, **bids: str) -> None:
        sequence, documents = await database(_advanced, bids)
        if is_heard:
            await send_round(self.layer, sequence, *documents)
            await until(lambda: self.hub._prices.round == sequence)

    async def is_current(self) -> None:
        """Wait for a check that begins now, and finds that nothing is missing."""
        now = monotonic()  # one that has begun already may have read what is old
        await until(lambda: self.hub._prices._agreed_at >= now)
        await until(self.hub._prices.is_current)

    async def get(self, query: str = "", *, token: str | None = None, **headers: str) -> Answer:
        return await self._ask(self.client, query, token, headers)

    async def from_django(self, query: str = "", **headers: str) -> Answer:
        """The answer of a handler that has learned nothing."""
        answer = await self._ask(Client(self.django), query, None, headers)
        self.django._ready._headers.clear()
        return answer

    async def ready(self, query: str = "", **headers: str) -> Answer:
        asked = self.handler.asked
        answer = await self.get(query, **headers)
        assert self.handler.asked == asked, "Django was asked."
        return answer

    async def not_ready(self, query: str = "", **headers: str) -> Answer:
        asked = self.handler.asked
        answer = await self.get(query, **headers)
        assert self.handler.asked == asked + 1, "Django was not asked."
        return answer

    async def _ask(
        self, client: Client, query: str, token: str | None, headers: dict[str, str]
    ) -> Answer:
        own = {"authorization": f"Bearer {self.token if token is None else token}", **headers}
        return await client.get(PATH, query=query.encode(), **own)


def _listed_and_signed_in(email: str) -> str:
    for symbol, kind in (("AAPL", "stock"), ("BTC-USD", "crypto"), ("MSFT", "stock")):
        market.set_quote(market.make_instrument(symbol, kind), "190.00", "190.02")
    market.set_quote(market.make_bond(), "101.125", "101.250")
    return signed_in(market.make_customer(email)).access_token


def _advanced(bids: dict[str, str]) -> tuple[int, list[Any]]:
    market.advance(*(market.tick(name, bid, bid) for name, bid in bids.items()), at=timezone.now())
    rounds = Simulator.objects.get(name=SIMULATOR).rounds
    return rounds, [quotes.document(quote) for quote in quotes.current(list(bids))]


@pytest.fixture
async def unquoted(hub, layer, monkeypatch, settings) -> AsyncIterator[Market]:
    """Before the first round."""
    settings.CORS_ALLOWED_ORIGINS = [ORIGIN]
    settings.HTTP_THREADS, settings.HTTP_WRITING_THREADS = 1, 0
    monkeypatch.setattr(hubs, "current", lambda: hub)
    market = Market(hub, layer)
    market.token = await database(_listed_and_signed_in, "alice@example.com")
    yield market
    market.close()


@pytest.fixture
async def shop(unquoted: Market) -> Market:
    await unquoted.begin()
    return unquoted


def _headers(answer: Answer) -> list[tuple[str, str]]:
    """All but the id of the request, which is another each time."""
    assert len(dict(answer.headers)["x-request-id"]) == 32
    return [header for header in answer.headers if header[0] != "x-request-id"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "symbols=AAPL",
        "symbols=MSFT,AAPL",
        "symbols=btc-usd%2Caapl,AAPL%2cAcMe-2033",
    ],
)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"accept": "application/json"},
        {"origin": ORIGIN},
        {"origin": "https://elsewhere.example", "accept": "application/json, text/plain, */*"},
    ],
)
async def test_a_ready_answer_is_djangos_to_the_byte(
    shop: Market, query: str, headers: dict[str, str]
):
    await shop.get(query, **headers)  # headers are learned of each kind of request
    mine, theirs = await shop.ready(query, **headers), await shop.from_django(query, **headers)
    assert (mine.status, mine.body, mine.ended) == (200, theirs.body, True)
    assert _headers(mine) == _headers(theirs)
    assert len(mine.json()["results"]) in (1, 2, 3, 4)


async def test_the_request_keeps_its_id_and_its_line_in_the_log(shop: Market, caplog: Any):
    with caplog.at_level(logging.INFO, "brokerpro.access"):
        answer = await shop.ready("symbols=AAPL", x_request_id="mine-1")
    assert answer["x-request-id"] == "mine-1"
    assert f"GET {PATH} 200" in caplog.messages


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("symbols=NONE", {}, 400),
        ("symbols=", {}, 400),
        ("symbols=AAPL,", {}, 400),
        ("symbols=AAPL&symbols=MSFT", {}, 400),
        ("symbols=AAPL&else=1", {}, 400),
        ("symbols=%20AAPL", {}, 200),
        ("", {"accept": "text/csv"}, 406),
        ("", {"accept": "application/json; indent=2"}, 200),
        ("", {"host": "elsewhere.example"}, 400),
        ("", {"authorization": "Basic YTpi"}, 401),
        ("", {"authorization": ""}, 401),
        ("", {"authorization": "Bearer "}, 401),
        ("", {"authorization": "Bearer forged"}, 401),
    ],
)
async def test_what_is_not_ordinary_is_djangos(
    shop: Market, query: str, headers: dict[str, str], status: int
):
    headers = {**headers, "x-request-id": "same"}
    answer = await shop.not_ready(query, **headers)
    theirs = await shop.from_django(query, **headers)
    assert (answer.status, answer.body) == (status, theirs.body)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST"])
async def test_other_methods_are_djangos(shop: Market, method: str):
    await shop.client.request(method, PATH, headers={"authorization": f"Bearer {shop.token}"})
    assert shop.handler.asked == 2


# Fresh ------------------------------------------------------------------------------------------


async def test_the_first_answer_after_a_round_has_it(shop: Market):
    for bid in ("200.00", "201.00"):
        await shop.round(AAPL=bid, MSFT="7.00")
        answer = await shop.ready()
        assert answer.body == (await shop.from_django()).body
        assert answer.json()["results"][0]["bid"] == bid


async def test_a_round_that_was_lost_comes_from_the_database(shop: Market):
    await shop.round(is_heard=False, MSFT="7.00")
    await until(lambda: shop.hub._prices.sequences["MSFT"] == 2)
    await shop.is_current()
    assert (await shop.ready()).body == (await shop.from_django()).body


async def test_with_a_gap_django_is_asked(shop: Market):
    shop.hub._prices.open_gap()
    await shop.not_ready()
    await shop.is_current()
    await shop.ready()


async def test_without_a_simulator_django_is_asked(shop: Market, monkeypatch: Any):
    monkeypatch.setattr(prices, "SECONDS_HEARD", 0.0)
    await shop.not_ready()


async def test_while_the_hub_cannot_compare_django_is_asked(shop: Market, monkeypatch: Any):
    async def fail(**_: Any) -> Any:
        raise OSError("down")

    monkeypatch.setattr(snapshots, "state", fail)
    monkeypatch.setattr(prices, "SECONDS_AGREED", 0.2)
    monkeypatch.setattr(prices, "SECONDS_HEARD", float("inf"))  # which is no reason then
    await until(lambda: not shop.hub._prices.is_current())
    await shop.not_ready()


async def test_a_new_instrument_is_in_the_answer(shop: Market):
    await database(lambda: market.set_quote(market.make_instrument("AA"), "5.00", "5.01"))
    await until(lambda: "AA" in shop.hub._prices.symbols)
    await shop.is_current()
    answer = await shop.ready()
    assert answer.body == (await shop.from_django()).body
    assert answer.json()["results"][0]["symbol"] == "AA"


async def test_before_the_first_round_django_is_asked(unquoted: Market):
    await unquoted.not_ready()
    await until(lambda: unquoted.hub._prices._agreed_at > 0)
    await unquoted.not_ready()


async def test_a_split_is_seen_though_no_round_follows(shop: Market):
    def split_in_two() -> None:
        aapl = Instrument.objects.get(symbol="AAPL")
        halts.set_status(symbol="AAPL", status=InstrumentStatus.HALTED, now=timezone.now())
        split(aapl, 2, 1)

    await database(split_in_two)
    await shop.is_current()
    answer = await shop.ready("symbols=AAPL")
    assert answer.body == (await shop.from_django("symbols=AAPL")).body
    assert answer.json()["results"][0]["bid"] == "95.50"


async def test_what_customers_took_is_missing_from_the_sizes_after_the_next_check(shop: Market):
    def buy() -> None:
        alice = User.objects.get(email="alice@example.com")
        market.give(alice, USD, "10000")
        market.place(alice, quantity="4", now=timezone.now())
        assert Quote.objects.get(instrument__symbol="AAPL").ask_taken

    for _ in range(2):
        await database(buy)
        await shop.is_current()
        answer = await shop.ready()
        assert answer.body == (await shop.from_django()).body
    assert answer.json()["results"][0]["ask_size"] == "992"
    await shop.round(AAPL="191.00")
    assert (await shop.ready()).json()["results"][0]["ask_size"] == "1000"


# Sessions ---------------------------------------------------------------------------------------


async def _signed_out(change: Callable[[Any], None]) -> tuple[str, Callable[[], Any]]:
    def open_() -> Any:
        return signed_in(User.objects.get(email="alice@example.com"))

    tokens = await database(open_)
    return tokens.access_token, lambda: database(change, tokens)


@pytest.mark.parametrize(
    "end",
    [
        lambda tokens: sessions.log_out(refresh_token=tokens.refresh_token, now=timezone.now()),
        lambda tokens: sessions.end_all(
            user=tokens.user, now=timezone.now(), reason=sessions.EndReason.PASSWORD_CHANGED
        ),
        lambda tokens: sessions.end_session(
            user=tokens.user,
            session_id=Session.objects.latest("created_at").pk,
            now=timezone.now(),
        ),
    ],
)
async def test_after_signing_out_here_access_ends_at_once(shop: Market, end: Any):
    token, sign_out = await _signed_out(end)
    assert (await shop.ready(token=token)).status == 200
    await sign_out()
    assert (await shop.get(token=token)).status == 401


async def test_after_signing_out_elsewhere_access_ends_within_a_second(
    shop: Market, monkeypatch: Any
):
    def end_elsewhere(_: Any) -> None:
        Session.objects.update(ended_at=timezone.now())

    token, sign_out = await _signed_out(end_elsewhere)
    assert recent_checks.SECONDS <= 1
    monkeypatch.setattr(recent_checks, "SECONDS", 0.1)
    assert (await shop.ready(token=token)).status == 200
    await sign_out()
    await asyncio.sleep(0.15)
    assert (await shop.get(token=token)).status == 401


def test_a_session_that_ends_while_it_is_checked_is_not_noted():
    checks, session_id, user_id = recent_checks.RecentChecks(), uuid4(), uuid4()
    check, live = (session_id, user_id), recent_checks.Live(user_id)
    began = checks.begin()
    checks.forget(user_id)
    checks.note(began, check, live)
    assert checks.find(check) is None
    checks.note(checks.begin(), check, live)
    assert checks.find(check) == live
    assert checks.find((session_id, uuid4())) is None


async def test_each_of_two_users_is_asked_for_a_session_of_their_own(shop: Market):
    def bob() -> Any:
        return signed_in(User.objects.create_user("bob@example.com"))

    tokens = await database(bob)
    for _ in range(2):
        assert (await shop.ready()).body == (await shop.ready(token=tokens.access_token)).body
    await database(sessions.log_out, refresh_token=tokens.refresh_token, now=timezone.now())
    assert (await shop.get(token=tokens.access_token)).status == 401
    assert (await shop.ready()).status == 200
    assert (await shop.not_ready(token="")).status == 401


async def test_an_expired_token_is_refused(shop: Market, settings: Any):
    def expired() -> str:
        user = User.objects.get(email="alice@example.com")
        at = timezone.now() - settings.ACCESS_TOKEN_LIFETIME + timedelta(seconds=0.5)
        return sessions.open_session(user=user, user_agent="", ip_address=None, now=at).access_token

    token = await database(expired)
    await asyncio.sleep(1)
    assert (await shop.not_ready(token=token)).status == 401
