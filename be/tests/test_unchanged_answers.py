"""An answer without Django is Django's own, and is given only while the document is what it was."""
# ruff: noqa: F811 - fixtures that are imported

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from authentication import sessions
from authentication.models import User
from authentication.tests.api_client import signed_in
from banking.rules.assets import USD
from be.kernel.formats import time_text
from be.serving import unchanged_answers
from be.tests.test_http import Answer, Client
from be.tests.test_ready_answers import CountingHandler, Market, shop, unquoted  # noqa: F401 - fixtures
from exchange.api.unchanged import DependsOn
from exchange.market import candles, quotes, retention, revisions
from exchange.models import Instrument, InstrumentStatus, Interval, Quote
from exchange.seeding import listing
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.tests import market
from exchange.tests.hub.conftest import hub, layer  # noqa: F401 - fixtures
from exchange.tests.hub.readers import database
from exchange.tests.splits.cast import split
from exchange.trading import halts

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/exchange/api/v1/market-data/"
SYMBOLS, LIST, GROWING = f"{URL}supported_symbols/", f"{URL}?page_size=2", f"{URL}AAPL/?interval=1m"
STATISTICS = f"{URL}statistics/?symbol=AAPL"


def ended() -> str:
    """A page of minutes that had ended before the round of the fixture."""
    return f"{URL}AAPL/?interval=1m&end={time_text(timezone.now() - timedelta(minutes=2))}"


async def ask(shop: Market, url: str, handler: Any = None, **headers: str) -> Answer:
    path, _, query = url.partition("?")
    own = {"authorization": f"Bearer {shop.token}", **headers}
    client = shop.client if handler is None else Client(handler)
    return await client.get(path, query=query.encode(), **own)


async def asked(shop: Market, url: str, **headers: str) -> tuple[int, bool]:
    """The status, and whether Django was asked."""
    before = shop.handler.asked
    answer = await ask(shop, url, **headers)
    return answer.status, shop.handler.asked > before


async def known(shop: Market, url: str) -> str:
    """The ETag of the document, which Django has given once, and a 304 of it."""
    await shop.is_current()
    tag = (await ask(shop, url))["etag"]
    assert await asked(shop, url) == (200, False)
    assert await asked(shop, url, if_none_match=tag) == (304, True)
    assert await asked(shop, url, if_none_match=tag) == (304, False)
    return tag


async def is_new(shop: Market, url: str, tag: str) -> bool:
    """Whether Django has to give the document anew, and to whoever has the one of before."""
    conditional, plain = await asked(shop, url, if_none_match=tag), await asked(shop, url)
    assert (conditional, plain) in (((200, True), (200, True)), ((304, False), (200, False)))
    return plain == (200, True)


@pytest.fixture
async def past(shop: Market) -> Market:
    """Candles of AAPL from five minutes ago, and of two years ago."""

    def store() -> None:
        aapl, one = Instrument.objects.get(symbol="AAPL"), 1
        now = candles.start_of(timezone.now(), Interval.ONE_MINUTE)
        for at in (now - timedelta(minutes=5), now - timedelta(days=700)):
            price = quotes.current(["AAPL"])[0].price
            row = candles.Row(aapl.pk, "1m", at, price, price, price, price, one)
            candles.backfill([row])
        revisions.count()

    await database(store)
    return shop


@pytest.mark.parametrize("headers", [{}, {"origin": "https://shop.example"}])
async def test_it_is_djangos_to_the_byte(past: Market, headers: dict[str, str]):
    for url in (SYMBOLS, LIST, GROWING, ended()):
        tag = await known(past, url)
        for status, condition in ((200, {}), (304, {"if_none_match": tag})):
            words = {**condition, **headers}
            assert await asked(past, url, **words) == (status, bool(headers))
            assert await asked(past, url, **words) == (status, False)
            mine = await ask(past, url, x_request_id="same", **words)
            fresh = CountingHandler()
            theirs = await ask(past, url, fresh, x_request_id="same", **words)
            fresh.close()
            assert (mine.status, mine.body, mine.ended) == (status, theirs.body, True)
            assert (mine.headers, theirs.status) == (theirs.headers, status)
            assert bool(mine.body) == (status == 200)


async def test_a_round_changes_what_depends_on_it(past: Market):
    apple, other, page = GROWING, f"{URL}MSFT/?interval=1m", ended()
    tags = {url: await known(past, url) for url in (apple, other, page, SYMBOLS, LIST)}
    await past.round(AAPL="200.00")
    for url, tag in tags.items():
        assert await is_new(past, url, tag) == (url in (apple, LIST)), url
    assert (await ask(past, LIST)).json()["results"][0]["quote"]["bid"] == "200.00"


def _split() -> None:
    split(Instrument.objects.get(symbol="AAPL"), 2, 1)


def _halt() -> None:
    halts.set_status(symbol="AAPL", status=InstrumentStatus.HALTED, now=timezone.now())


def _take_off() -> None:
    halts.set_tradable(symbol="AAPL", tradable=False, today=timezone.now().date())


def _late_tick() -> None:
    Quote.objects.filter(instrument__symbol="AAPL").update(timestamp=timezone.now())
    at = timezone.now() - timedelta(minutes=5)
    market.advance(market.tick("AAPL", "500.00", "500.00"), at=at)


def _list_more() -> None:
    assert listing.list_instruments(CATALOGUE, now=timezone.now())
    revisions.count()  # as exchange/seeding/seeding.py does in the end


def _prune() -> None:
    assert retention.prune(now=timezone.now(), at_most=10)


@pytest.mark.parametrize(
    ("change", "url"),
    [
        (_split, ended),
        (_split, GROWING),
        (_halt, SYMBOLS),
        (_halt, LIST),
        (_take_off, SYMBOLS),
        (lambda: halts.rename(symbol="AAPL", name="Pear"), SYMBOLS),
        (_late_tick, ended),
        (_prune, ended),
        (_list_more, SYMBOLS),
    ],
)
@pytest.mark.parametrize("is_elsewhere", [False, True])
async def test_changes_without_a_round_are_seen_at_once_or_at_the_next_check(
    past: Market, monkeypatch: Any, change: Callable[[], None], url: Any, is_elsewhere: bool
):
    url = url() if callable(url) else url
    tag = await known(past, url)
    if is_elsewhere:
        monkeypatch.setattr(revisions, "_note", lambda: None)
    await database(change)
    if is_elsewhere:
        await past.is_current()
    assert await is_new(past, url, tag)


async def test_a_change_that_is_taken_back_is_none(past: Market):
    def try_to_halt() -> None:
        with transaction.atomic():
            _halt()
            transaction.set_rollback(True)

    tag = await known(past, SYMBOLS)
    await database(try_to_halt)
    assert not await is_new(past, SYMBOLS, tag)


async def test_sizes_that_were_taken_are_seen_in_the_list_at_the_next_check(past: Market):
    def buy() -> None:
        alice = User.objects.get(email="alice@example.com")
        market.give(alice, USD, "10000")
        market.place(alice, quantity="4", now=timezone.now())

    tag = await known(past, LIST)
    await database(buy)
    await past.is_current()
    assert await is_new(past, LIST, tag)


async def test_what_was_read_while_something_changed_is_not_kept(past: Market, monkeypatch: Any):
    await past.is_current()
    tag = (await ask(past, GROWING))["etag"]
    ready = past.handler._ready
    since = ready.moment(scope_of(past, GROWING, tag))
    assert since is not None
    await past.round(AAPL="200.00")  # before the answer of the old document is learned
    monkeypatch.setattr(ready, "moment", lambda _: since)
    tag = (await ask(past, GROWING))["etag"]
    for _ in range(2):
        assert await asked(past, GROWING, if_none_match=tag) == (304, True)
        assert await asked(past, GROWING) == (200, True)


def scope_of(shop: Market, url: str, tag: str) -> dict[str, Any]:
    path, _, query = url.partition("?")
    headers = [(b"if-none-match", tag.encode())]
    return {"path": path, "query_string": query.encode(), "method": "GET", "headers": headers}


@pytest.mark.parametrize(
    "more", [{"accept": "text/csv"}, {"if_match": "nothing"}, {"host": "evil"}]
)
async def test_other_words_are_djangos(past: Market, more: dict[str, str]):
    tag = await known(past, SYMBOLS)
    _, was_asked = await asked(past, SYMBOLS, if_none_match=tag, **more)
    assert was_asked
    assert await asked(past, SYMBOLS, if_none_match="W/made-up") == (200, True)
    assert await asked(past, SYMBOLS + "?asset_class=bond", if_none_match=tag) == (200, True)


async def test_statistics_depend_on_the_time_and_are_djangos(past: Market):
    tag = (await ask(past, STATISTICS))["etag"]
    for _ in range(2):
        assert await asked(past, STATISTICS, if_none_match=tag) == (304, True)
        assert await asked(past, STATISTICS) == (200, True)


async def test_the_book_depends_on_every_order_and_is_djangos(past: Market):
    await past.is_current()
    for _ in range(2):
        assert await asked(past, f"{URL}AAPL/book/") == (200, True)


async def test_while_the_hub_is_not_sure_django_is_asked(past: Market):
    tag = await known(past, SYMBOLS)
    past.hub._prices.open_gap()
    assert await asked(past, SYMBOLS, if_none_match=tag) == (304, True)
    assert await asked(past, SYMBOLS) == (200, True)


async def test_each_of_two_users_needs_a_session(past: Market):
    def bob() -> Any:
        return signed_in(User.objects.create_user("bob@example.com"))

    tag, tokens = await known(past, SYMBOLS), await database(bob)
    bobs = {"authorization": f"Bearer {tokens.access_token}", "if_none_match": tag}
    own = {"authorization": bobs["authorization"]}
    for _ in range(2):
        assert await asked(past, SYMBOLS, **bobs) == (304, False)
        assert await asked(past, SYMBOLS, if_none_match=tag) == (304, False)
        assert await asked(past, SYMBOLS, **own) == (200, False)
        assert await asked(past, SYMBOLS) == (200, False)
    await database(sessions.log_out, refresh_token=tokens.refresh_token, now=timezone.now())
    assert await asked(past, SYMBOLS, **bobs) == (401, True)
    assert await asked(past, SYMBOLS, **own) == (401, True)
    assert await asked(past, SYMBOLS, if_none_match=tag) == (304, False)
    assert await asked(past, SYMBOLS, if_none_match=tag, authorization="") == (401, True)


async def test_only_so_many_are_kept(past: Market, monkeypatch: Any):
    monkeypatch.setattr(unchanged_answers, "MAX_ANSWERS", 3)
    tag = await known(past, SYMBOLS)
    for url in (GROWING, ended()):
        await known(past, url)
    assert len(past.handler._ready._unchanged._given) == 3
    assert await asked(past, SYMBOLS, if_none_match=tag) == (304, True)
    long = f"{tag}, {'x' * unchanged_answers.LONGEST}"
    for _ in range(2):
        assert await asked(past, SYMBOLS, if_none_match=long) == (304, True)


async def test_only_so_many_bytes_are_kept(past: Market, monkeypatch: Any):
    kept = past.handler._ready._unchanged
    await known(past, SYMBOLS)
    size = len((await ask(past, SYMBOLS)).body)
    monkeypatch.setattr(unchanged_answers, "MAX_BYTES", size + 10)
    await known(past, GROWING)  # pushes the other out
    held = [len(given.answer.body) for given in kept._given.values()]
    assert kept._bytes == sum(held) <= size + 10
    assert await asked(past, SYMBOLS) == (200, True)
    monkeypatch.setattr(unchanged_answers, "LONGEST_BODY", size - 1)
    await past.round(AAPL="200.00")
    before = dict(kept._given)
    for _ in range(2):
        assert await asked(past, SYMBOLS, origin="https://shop.example") == (200, True)
    assert kept._given == before


@pytest.mark.parametrize("name", [b"Set-Cookie", b"Content-Encoding"])
async def test_what_is_one_clients_is_not_kept(past: Market, name: bytes):
    await past.is_current()
    scope, ready = scope_of(past, SYMBOLS, ""), past.handler._ready
    for headers, is_kept in ([(name, b"x")], False), ([], True):
        answer, since = unchanged_answers.Answer(200, headers, b"{}"), ready.moment(scope)
        ready.learn(scope, answer, depends_on=DependsOn(), since=since)
        assert bool(ready._unchanged._given) == is_kept


# What each of two users may ask for, and what is kept of it.
PUBLIC = [lambda: SYMBOLS, lambda: LIST, lambda: GROWING, ended, lambda: f"{URL}current_prices/"]
PRIVATE = [
    "/api/auth/me/",
    "/api/exchange/api/v1/orders/",
    "/api/exchange/api/v1/executions/",
    "/api/banking/statement/",
    "/api/portfolio/holdings/",
]


async def test_two_users_in_turn_meet_nothing_of_each_others(past: Market):
    def bob() -> str:
        bob = User.objects.create_user("bob@example.com")
        market.give(bob, USD, "1")
        return signed_in(bob).access_token

    bobs = {"authorization": f"Bearer {await database(bob)}"}
    await past.is_current()
    for url in [each() for each in PUBLIC]:
        first = await ask(past, url)
        for who in (bobs, {}) * 2:
            assert await asked(past, url, **who) == (200, False), url
            assert (await ask(past, url, **who)).body == first.body, url
    for url in PRIVATE:
        hers, his = (await ask(past, url)).body, (await ask(past, url, **bobs)).body
        for who, body in (({}, hers), (bobs, his)) * 2:
            assert await asked(past, url, **who) == (200, True), url
            assert (await ask(past, url, **who)).body == body, url
    assert b"bob@example.com" in (await ask(past, PRIVATE[0], **bobs)).body
    assert b"bob@example.com" not in (await ask(past, PRIVATE[0])).body
