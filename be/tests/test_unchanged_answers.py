"""A 304 without Django is Django's own, and is given only while the document is what it was."""
# ruff: noqa: F811 - fixtures that are imported

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from authentication import sessions
from authentication.models import User
from authentication.tests.api_client import signed_in
from banking.rules.assets import USD
from be.kernel.formats import time_text
from be.serving import unchanged_answers
from be.tests.test_http import Answer, Client
from be.tests.test_ready_answers import CountingHandler, Market, shop, unquoted  # noqa: F401 - fixtures
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
    """The ETag of the document; a request with it has been answered by a 304 of Django's."""
    await shop.is_current()
    tag = (await ask(shop, url))["etag"]
    assert await asked(shop, url, if_none_match=tag) == (304, True)
    assert await asked(shop, url, if_none_match=tag) == (304, False)
    return tag


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
        first = await asked(past, url, if_none_match=tag, **headers)
        assert first == (304, bool(headers))
        mine = await ask(past, url, if_none_match=tag, x_request_id="same", **headers)
        fresh = CountingHandler()
        theirs = await ask(past, url, fresh, if_none_match=tag, x_request_id="same", **headers)
        fresh.close()
        assert (mine.status, mine.body, mine.ended) == (304, b"", True)
        assert (mine.headers, theirs.status) == (theirs.headers, 304)


async def test_a_round_changes_what_depends_on_it(past: Market):
    apple, other, page = GROWING, f"{URL}MSFT/?interval=1m", ended()
    tags = {url: await known(past, url) for url in (apple, other, page, SYMBOLS, LIST)}
    await past.round(AAPL="200.00")
    assert await asked(past, apple, if_none_match=tags[apple]) == (200, True)
    assert await asked(past, LIST, if_none_match=tags[LIST]) == (200, True)
    for url in (other, page, SYMBOLS):
        assert await asked(past, url, if_none_match=tags[url]) == (304, False), url


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
async def test_changes_without_a_round_are_seen_at_the_next_check(
    past: Market, change: Callable[[], None], url: Any
):
    url = url() if callable(url) else url
    tag = await known(past, url)
    await database(change)
    await past.is_current()
    assert await asked(past, url, if_none_match=tag) == (200, True)


async def test_sizes_that_were_taken_are_seen_in_the_list_at_the_next_check(past: Market):
    def buy() -> None:
        alice = User.objects.get(email="alice@example.com")
        market.give(alice, USD, "10000")
        market.place(alice, quantity="4", now=timezone.now())

    tag = await known(past, LIST)
    await database(buy)
    await past.is_current()
    assert await asked(past, LIST, if_none_match=tag) == (200, True)


async def test_what_was_read_while_something_changed_is_not_kept(past: Market, monkeypatch: Any):
    await past.is_current()
    tag = (await ask(past, GROWING))["etag"]
    ready = past.handler._ready
    since = ready.moment(scope_of(past, GROWING, tag))
    assert since is not None
    await past.round(AAPL="200.00")  # before the answer of the old document is learned
    monkeypatch.setattr(ready, "moment", lambda _: since)
    tag = (await ask(past, GROWING))["etag"]
    assert await asked(past, GROWING, if_none_match=tag) == (304, True)
    assert await asked(past, GROWING, if_none_match=tag) == (304, True)


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


async def test_while_the_hub_is_not_sure_django_is_asked(past: Market):
    tag = await known(past, SYMBOLS)
    past.hub._prices.open_gap()
    assert await asked(past, SYMBOLS, if_none_match=tag) == (304, True)


async def test_each_of_two_users_needs_a_session(past: Market):
    def bob() -> Any:
        return signed_in(User.objects.create_user("bob@example.com"))

    tag, tokens = await known(past, SYMBOLS), await database(bob)
    bobs = {"authorization": f"Bearer {tokens.access_token}", "if_none_match": tag}
    for _ in range(2):
        assert await asked(past, SYMBOLS, **bobs) == (304, False)
        assert await asked(past, SYMBOLS, if_none_match=tag) == (304, False)
    await database(sessions.log_out, refresh_token=tokens.refresh_token, now=timezone.now())
    assert await asked(past, SYMBOLS, **bobs) == (401, True)
    assert await asked(past, SYMBOLS, if_none_match=tag) == (304, False)
    assert await asked(past, SYMBOLS, if_none_match=tag, authorization="") == (401, True)


async def test_only_so_many_are_kept(past: Market, monkeypatch: Any):
    monkeypatch.setattr(unchanged_answers, "MAX_ANSWERS", 2)
    tag = await known(past, SYMBOLS)
    for url in (GROWING, ended()):
        await known(past, url)
    assert len(past.handler._ready._unchanged._given) == 2
    assert await asked(past, SYMBOLS, if_none_match=tag) == (304, True)
    long = f"{tag}, {'x' * unchanged_answers.LONGEST}"
    for _ in range(2):
        assert await asked(past, SYMBOLS, if_none_match=long) == (304, True)
