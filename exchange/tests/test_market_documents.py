"""What is written without serializers says what they say, field by field."""

import json
from base64 import b64encode
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest
from django.db.models import Exists, F, OuterRef, Q, Sum
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.test import APIClient, APIRequestFactory

from authentication.models import User
from be.kernel.formats import plain, price_text, time_text
from exchange.api.market_data import BySymbol
from exchange.api.serializers import InstrumentSerializer, QuoteSerializer
from exchange.corporate import processing
from exchange.market import book, candle_pages, candles, instruments, quotes
from exchange.models import WORKING_STATUSES, Candle, Instrument, Interval, Order, Quote, Side
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.tests import market
from exchange.tests.corporate.actions import announce_split
from exchange.tests.market import NOW, make_bond, make_instrument, place
from exchange.tests.tied_orders import OCO, post

URL = "/api/exchange/api/v1/market-data/"
MINUTE = timedelta(minutes=1)
CLASSES = ["stock", "etf", "crypto", "bond"]
INCREMENTS = ["1", "0.5", "0.01", "0.0001", "0.00000001"]

# SQLite keeps fifteen digits.
prices = st.decimals("0.00000001", "9999999", places=8) | st.decimals("0.01", "9999", places=2)
bars = st.tuples(prices, prices, prices, prices, st.integers(0, 9 * 10**18))


def rendered(document: Any) -> bytes:
    """As DRF writes it."""
    return bytes(JSONRenderer().render(document))


def candle(instrument: Instrument, bar: candles.Bar) -> dict[str, str]:
    """What a candle is, in words of the domain."""
    increment = instrument.price_increment
    return {
        "time": time_text(bar.time),
        "open": price_text(bar.open, increment),
        "high": price_text(bar.high, increment),
        "low": price_text(bar.low, increment),
        "close": price_text(bar.close, increment),
        "volume": plain(instrument.asset.amount(bar.volume)),
    }


def assert_page(instrument: Instrument, limit: int = 500, **bounds: Any) -> None:
    """The page has the text that DRF would write of its candles, and knows what follows."""
    wanted = {"start": None, "end": None, **bounds}
    read = candles.read(instrument, Interval.ONE_MINUTE, limit=limit + 1, **wanted)
    shown = read[-limit:] if wanted["start"] is None else read[:limit]
    page = candle_pages.read(instrument, Interval.ONE_MINUTE, limit=limit, **wanted)
    documents = [candle(instrument, bar) for bar in shown]
    assert f"[{page.candles}]".encode() == rendered(documents)
    follows = wanted["start"] is not None and len(read) > limit
    assert page.following == (time_text(read[limit].time) if follows else None)


def store(instrument: Instrument, rows: list[Any]) -> None:
    candles.backfill(
        candles.Row(instrument.pk, "1m", NOW + number * MINUTE, *row)
        for number, row in enumerate(rows)
    )


@pytest.mark.django_db
@settings(max_examples=40, deadline=None)
@given(
    st.lists(bars, max_size=5),
    st.sampled_from(CLASSES),
    st.sampled_from(INCREMENTS),
    st.integers(0, 12),
    st.integers(1, 6),
)
def test_a_page_of_candles_is_written_as_their_documents_would_be(
    rows: list[Any], asset_class: str, increment: str, scale: int, limit: int
):
    Candle.objects.all().delete()
    Instrument.objects.all().delete()
    instrument = make_instrument(
        "ANY", asset_class, price_increment=Decimal(increment), scale=scale
    )
    store(instrument, rows)
    assert_page(instrument, limit)
    assert_page(instrument, limit, start=NOW)
    assert_page(instrument, limit, start=NOW + MINUTE, end=NOW + 4 * MINUTE)
    assert_page(instrument, limit, end=NOW + 2 * MINUTE)


def test_a_late_tick_and_a_split_are_in_the_next_answer(client: APIClient, aapl: Instrument):
    address = f"{URL}AAPL/?interval=1m&start=2026-03-02T14:00:00Z"
    for minute in range(3):
        price = f"19{minute}.00"
        market.advance(market.tick("AAPL", price, price, volume="3"), at=NOW + minute * MINUTE)
    first = client.get(address)
    market.advance(market.tick("AAPL", "195.50", "195.50", volume="2"), at=NOW + MINUTE / 2)
    late = client.get(address, headers={"If-None-Match": first["ETag"]})
    assert late.status_code == 200
    assert late.json()["candles"][0]["high"] == "195.50"
    assert late.json()["candles"][0]["volume"] == "5"
    announce_split(aapl, 2, 1, ex_date=NOW.date())
    assert len(processing.run(now=NOW + timedelta(hours=1))) == 1
    split = client.get(address, headers={"If-None-Match": late["ETag"]})
    assert split.status_code == 200
    assert split.json()["candles"][0]["high"] == "97.75"
    assert_page(Instrument.objects.get(), start=NOW)


def test_an_answer_of_candles_is_written_as_drf_would(client: APIClient, aapl: Instrument):
    store(aapl, [(Decimal(1), Decimal(2), Decimal("0.5"), Decimal("1.123"), 10)] * 3)
    addresses = [
        f"{URL}AAPL/?interval=1m",
        f"{URL}AAPL/?interval=1m&limit=2&start=2026-03-02T15:00:00Z",
    ]
    for address in (*addresses, f"{URL}AAPL/?interval=1h"):
        answer = client.get(address)
        assert answer.content == rendered(answer.json())
        assert list(answer.json()) == ["symbol", "interval", "candles", "next"]
        indented = client.get(address, headers={"Accept": "application/json; indent=2"})
        assert indented.json() == answer.json()
        assert indented.content.count(b"\n") > 4


@pytest.fixture
def many(db: None) -> list[str]:
    """Instruments of each class, of which some have no quote, and one has names to be found by."""
    quote = market.set_quote(make_instrument("AAPL", name="50%_off \\ Ärger"))
    Quote.objects.filter(pk=quote.pk).update(bid_taken=1_500_000)
    make_instrument("A-100")
    market.set_quote(make_instrument("BTC-USD", "crypto"))
    market.set_quote(make_bond(), "101.125", "101.250")
    make_bond("NOPE-2033")
    make_instrument("Z", "etf")
    return sorted(Instrument.objects.values_list("symbol", flat=True))


QUERIES = ["", "asset_class=bond", "asset_class=crypto", "search=a", "search=aapl", "search=%25_"]
QUERIES += [
    "search=%5C",
    "search=%27",
    "search=NONE",
    "asset_class=bond&search=nope",
    "search=%C3%A4",
]


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("size", [1, 2, 5, 6, 7])
def test_pages_of_instruments_are_those_of_the_usual_pagination(
    many: list[str], client: APIClient, query: str, size: int
):
    def page(address: str) -> Any:
        answer = client.get(address)
        params = dict(parse_qsl(urlsplit(address).query))
        usual, rows = BySymbol(), Instrument.objects.select_related("bond", "quote")
        if "asset_class" in params:
            rows = rows.filter(asset_class=params["asset_class"])
        if search := params.get("search"):
            rows = rows.filter(Q(symbol__icontains=search) | Q(name__icontains=search))
        asked = Request(APIRequestFactory().get(address))
        found = usual.paginate_queryset(rows, asked) or []
        expected = usual.get_paginated_response([defined(each) for each in found])
        assert answer.content == rendered(expected.data), address
        return answer.json()

    shown = page(f"{URL}?{query}&page_size={size}")
    while shown["next"]:
        shown = page(shown["next"])
    while shown["previous"]:
        shown = page(shown["previous"])
    page(f"{URL}?{query}&page_size={size}&cursor=cj0x")  # r=1: from the end
    page(f"{URL}?{query}&page_size={size}&cursor={b64encode(b'p=B').decode()}")


def defined(instrument: Instrument) -> Any:
    """An instrument of the ORM as its serializer shows it, with the document of its quote."""
    quote = getattr(instrument, "quote", None)
    document = None if quote is None else quotes.document(quote)
    if document is not None:
        of_bonds = {"yield_to_maturity", "accrued_interest"}
        fields = [*QuoteSerializer().fields]
        assert list(document) == [f for f in fields if instrument.is_bond or f not in of_bonds]
    return {**InstrumentSerializer(instrument).data, "quote": document}


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)


@pytest.mark.django_db
@settings(deadline=None)
@example(name="Ã\x7f\u2028\\\"'<", amounts=[Decimal("1.50"), Decimal("0E-8"), Decimal(1000)])
@given(
    name=texts,
    amounts=st.lists(st.decimals("0", "9999999", places=8), min_size=3, max_size=3),
)
def test_an_instruments_document_is_its_serializers(name: str, amounts: list[Decimal]):
    instrument = Instrument(
        id=uuid4(),
        symbol="ANY",
        name=name,
        asset_class="stock",
        price_increment=amounts[0],
        quantity_increment=amounts[1],
        min_quantity=amounts[2],
        scale=6,
        tradable=len(name) % 2 == 0,
    )
    document = instruments.document(instrument)
    serialized = InstrumentSerializer(instrument).data
    assert list(document.items()) == list({**serialized}.items())


@pytest.mark.django_db
def test_instruments_are_read_and_shown_as_the_orm_and_their_serializer_do(client: APIClient):
    market.list_catalogue(CATALOGUE)
    make_bond("BILL-2027", frequency=0, coupon_rate=Decimal(0))
    stored = Instrument.objects.select_related("bond").order_by("symbol")
    serialized = [*InstrumentSerializer(stored, many=True).data]
    assert serialized
    assert instruments.documents(instruments.all_of()) == serialized
    answer = client.get(f"{URL}supported_symbols/")
    assert answer.content == rendered({"results": serialized})
    bonds = client.get(f"{URL}supported_symbols/?asset_class=bond")
    assert bonds.json()["results"] == [row for row in serialized if row["bond"]]
    listed = client.get(f"{URL}?page_size=200").json()["results"]
    assert [{k: row[k] for k in row if k != "quote"} for row in listed] == serialized


@pytest.mark.django_db
def test_an_instrument_is_found_as_the_orm_finds_it():
    share, bond = make_instrument("MSFT"), make_bond()
    for stored in Instrument.objects.select_related("bond"):
        for name in (stored.symbol, stored.symbol.lower(), str(stored.pk), stored.pk.hex):
            found = instruments.find(name)
            assert vars_of(found) == vars_of(stored)
            assert getattr(found, "bond", None) == getattr(stored, "bond", None)
    assert vars_of(instruments.find(bond.symbol).bond) == vars_of(bond.bond)
    assert not hasattr(instruments.find(share.symbol), "bond")
    for name in ("NOPE", "", "\x00", str(NOW), "ms\u017ft", "0" * 32):
        with pytest.raises(instruments.UnknownSymbol):
            instruments.find(name)


def vars_of(row: Any) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def resting(instrument: Instrument, side: Side) -> dict[Decimal, int]:
    """Units of resting orders by price, as the ORM finds them."""
    better = Order.objects.filter(
        Q(limit_price__lt=OuterRef("limit_price"))
        | Q(limit_price=OuterRef("limit_price"), pk__lt=OuterRef("pk")),
        pair_id=OuterRef("pair_id"),
        status__in=WORKING_STATUSES,
        armed=False,
    )
    found = Order.objects.filter(
        Q(expires_at__isnull=True) | Q(expires_at__gt=NOW),
        instrument=instrument,
        side=side,
        status__in=WORKING_STATUSES,
        armed=False,
        limit_price__isnull=False,
    )
    if side == Side.SELL:
        found = found.exclude(Exists(better))
    levels = found.values_list("limit_price")
    return dict(levels.annotate(left=Sum(F("quantity") - F("filled_quantity"))))


def test_the_book_has_the_resting_orders_that_the_orm_finds(
    client: APIClient, alice: User, bob: User, aapl: Instrument
):
    other = make_instrument("MSFT")
    market.set_quote(other, "190.00", "190.02")
    market.give(bob, aapl.asset, "100")
    market.give(alice, aapl.asset, "100")
    for number in range(12):
        place(bob, "buy", f"0.{number + 1}", limit=f"18{number % 10}.{number:02}")
        place(bob, "sell", f"1.{number}", limit=f"20{number % 10}.{number:02}")
    place(bob, "buy", "3", limit="189.50", symbol="MSFT")
    for price in ("200.00", "200.00", "201.00"):
        post(client, {**OCO, "limit_price": price})
    gone = place(bob, "buy", "5", limit="189.99")
    Order.objects.filter(pk=gone.pk).update(expires_at=NOW)
    later = place(bob, "buy", "5", limit="189.98")
    Order.objects.filter(pk=later.pk).update(expires_at=NOW + MINUTE, filled_quantity=1_000_000)
    Order.objects.filter(limit_price=Decimal("169.00")).update(armed=False)  # both exits rest
    street = book.whole_book(aapl, aapl.quote, 50, NOW - timedelta(days=9999))
    assert sum(len(side) for side in street) > 20
    for depth in (1, 10, 50):
        for shown, side, meets in zip(
            book.whole_book(aapl, aapl.quote, depth, NOW),
            (Side.BUY, Side.SELL),
            (Side.SELL, Side.BUY),
            strict=True,
        ):
            units = resting(aapl, side)
            assert len(units) > 5
            for level in book.street_levels(aapl, aapl.quote, meets):
                units[level.price] = units.get(level.price, 0) + level.units
            best = sorted(units, reverse=side == Side.BUY)[:depth]
            assert [(level.price, level.units) for level in shown] == [
                (price, units[price]) for price in best
            ]
    answer = client.get(f"{URL}AAPL/book/?depth=50")
    assert answer.content == rendered(answer.json())


def test_without_a_quote_the_book_is_empty(client: APIClient):
    make_instrument("NEW")
    answer = client.get(f"{URL}NEW/book/")
    assert json.loads(answer.content) == {"symbol": "NEW", "sequence": 0, "bids": [], "asks": []}
