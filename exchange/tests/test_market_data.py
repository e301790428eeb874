"""market-data/: instruments, prices, candles, statistics, the book."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from rest_framework.test import APIClient

from authentication.models import User
from exchange.market import candles
from exchange.models import Instrument
from exchange.tests import market
from exchange.tests.market import make_bond, make_instrument, place, set_quote

URL = "/api/exchange/api/v1/market-data/"


def add_candles(
    instrument: Instrument,
    interval: str,
    closes: list[str],
    step: timedelta,
    end: datetime = market.NOW,
) -> None:
    """Candles that end now, each opening where the one before closed, a dollar of range."""
    start = end - step * len(closes)
    rows = []
    for number, close in enumerate(closes):
        price = Decimal(close)
        before = Decimal(closes[max(number - 1, 0)])
        rows.append(
            candles.Row(
                instrument.pk,
                interval,
                start + step * number,
                before,
                max(before, price) + 1,
                min(before, price) - 1,
                price,
                1_000_000 * (number + 1),
            )
        )
    candles.backfill(rows)


def test_supported_symbols_tell_the_rules(client: APIClient, aapl: Instrument):
    make_bond()
    rows = {row["symbol"]: row for row in client.get(f"{URL}supported_symbols/").json()["results"]}
    assert rows["AAPL"] == {
        "id": str(aapl.pk),
        "symbol": "AAPL",
        "name": "AAPL",
        "asset_class": "stock",
        "currency": "USD",
        "price_increment": "0.01",
        "quantity_increment": "0.000001",
        "min_quantity": "0.000001",
        "tradable": True,
        "status": "active",
        "bond": None,
    }
    assert rows["ACME-2033"]["bond"] == {
        "coupon_rate": "0.06",
        "maturity_date": "2033-11-15",
        "frequency": 2,
        "day_count": "30/360",
        "face_value": "1000",
    }
    only = client.get(f"{URL}supported_symbols/", {"asset_class": "bond"}).json()["results"]
    assert [row["symbol"] for row in only] == ["ACME-2033"]
    assert client.get(f"{URL}supported_symbols/", {"asset_class": "fx"}).status_code == 400


def test_current_prices(client: APIClient, aapl: Instrument):
    set_quote(make_instrument("MSFT"), "400.00", "400.50")
    both = client.get(f"{URL}current_prices/", {"symbols": "MSFT,AAPL"}).json()["results"]
    assert [row["symbol"] for row in both] == ["AAPL", "MSFT"]
    market.advance(market.tick("AAPL", "191.90", "191.92", volume="3"))
    (quote,) = client.get(f"{URL}current_prices/", {"symbols": "AAPL"}).json()["results"]
    assert quote == {
        "symbol": "AAPL",
        "price": "191.90",
        "bid": "191.90",
        "ask": "191.92",
        "bid_size": "1000",
        "ask_size": "1000",
        "previous_close": "190.00",
        "change": "1.90",
        "change_percent": "1.0000",
        "open": "190.00",
        "high": "191.90",
        "low": "190.00",
        "volume": "3",
        "timestamp": "2026-03-02T15:00:02.000000Z",
        "sequence": 2,
    }


def test_an_unknown_symbol_is_named(client: APIClient, aapl: Instrument):
    answer = client.get(f"{URL}current_prices/", {"symbols": "AAPL,NOPE"})
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_symbol")
    assert "NOPE" in answer.json()["detail"]
    assert "AAPL" not in answer.json()["detail"]


def test_a_bonds_quote_has_yield_and_accrued_interest(client: APIClient):
    set_quote(make_bond(), "100.000", "100.010")
    (quote,) = client.get(f"{URL}current_prices/").json()["results"]
    assert quote["accrued_interest"] == "1.8"
    assert Decimal(quote["yield_to_maturity"]) == pytest.approx(
        Decimal("0.06"), abs=Decimal("1e-4")
    )


def test_the_list_pages_by_symbol_and_searches(client: APIClient, aapl: Instrument):
    for symbol in ("ZZZ", "MSFT", "BBB"):
        make_instrument(symbol)
    first = client.get(f"{URL}?page_size=3").json()
    assert [row["symbol"] for row in first["results"]] == ["AAPL", "BBB", "MSFT"]
    assert first["results"][0]["quote"]["price"] == "190.00"
    assert first["results"][1]["quote"] is None
    rest = client.get(first["next"]).json()
    assert [row["symbol"] for row in rest["results"]] == ["ZZZ"]
    found = client.get(f"{URL}?search=msf").json()["results"]
    assert [row["symbol"] for row in found] == ["MSFT"]
    assert client.get(URL, {"asset_class": "crypto"}).json()["results"] == []


def test_candles_ascend_and_continue(client: APIClient, aapl: Instrument):
    add_candles(aapl, "1h", ["10", "11", "12", "13", "14"], timedelta(hours=1))
    newest = client.get(f"{URL}AAPL/", {"interval": "1h", "limit": "2"}).json()
    assert [row["close"] for row in newest["candles"]] == ["13.00", "14.00"]
    assert newest["next"] is None
    start = "2026-03-02T10:00:00Z"
    page = client.get(f"{URL}{aapl.pk}/", {"interval": "1h", "limit": "2", "start": start}).json()
    seen = page["candles"]
    while page["next"]:
        page = client.get(page["next"]).json()
        seen += page["candles"]
    assert [row["close"] for row in seen] == ["10.00", "11.00", "12.00", "13.00", "14.00"]
    assert seen[0] == {
        "time": "2026-03-02T10:00:00.000000Z",
        "open": "10.00",
        "high": "11.00",
        "low": "9.00",
        "close": "10.00",
        "volume": "1",
    }
    before = client.get(f"{URL}AAPL/", {"interval": "1h", "end": "2026-03-02T12:00:00Z"}).json()
    assert [row["close"] for row in before["candles"]] == ["10.00", "11.00"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"interval": "2m"}, "interval"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"start": "yesterday"}, "start"),
        ({"start": "2026-03-02T12:00:00Z", "end": "2026-03-02T11:00:00Z"}, "end"),
    ],
)
def test_a_senseless_candle_query_is_a_400(
    client: APIClient, aapl: Instrument, query: dict[str, str], field: str
):
    answer = client.get(f"{URL}AAPL/", query)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize("path", ["NOPE/", "NOPE/book/", "00000000-0000-0000-0000-000000000000/"])
def test_an_unknown_instrument_is_a_404(client: APIClient, aapl: Instrument, path: str):
    answer = client.get(f"{URL}{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_statistics_from_candles(client: APIClient, aapl: Instrument):
    saturday = datetime(2026, 2, 28, tzinfo=UTC)
    add_candles(aapl, "1d", ["100", "110", "99", "105"], timedelta(days=1), saturday)
    figures = client.get(f"{URL}statistics/", {"symbol": "AAPL", "period": "30d"}).json()
    assert (figures["open"], figures["close"]) == ("100.00", "105.00")
    assert (figures["high"], figures["low"]) == ("111.00", "98.00")
    assert (figures["change"], figures["change_percent"]) == ("5.00", "5.0000")
    assert (figures["volume"], figures["average_volume"]) == ("10", "2.5")
    # From the high of 111 on the second day to the low of 98 on the third.
    assert figures["max_drawdown"] == "11.7117"
    # Standard deviation of ln(1.1), ln(0.9), ln(105/99), times the root of 252.
    assert Decimal(figures["volatility"]) == pytest.approx(Decimal("1.6970"), abs=Decimal("0.001"))
    assert (figures["high_52w"], figures["low_52w"]) == ("111.00", "98.00")


def test_statistics_without_candles_are_null(client: APIClient, aapl: Instrument):
    figures = client.get(f"{URL}statistics/", {"symbol": "AAPL"}).json()
    assert figures["period"] == "1d"
    assert figures["close"] is None
    assert figures["high_52w"] is None


def test_the_book_shows_the_street_and_customers(client: APIClient, bob: User, aapl: Instrument):
    place(bob, "buy", "7", limit="190.01")
    place(bob, "buy", "2", limit="190.00")
    book = client.get(f"{URL}AAPL/book/", {"depth": 3}).json()
    assert book["bids"][:2] == [["190.01", "7"], ["190.00", "1002"]]
    assert book["asks"][0] == ["190.02", "1000"]
    assert len(book["bids"]) == len(book["asks"]) == 3
    assert Decimal(book["bids"][2][0]) < Decimal("190.00")


def test_the_book_and_the_quote_show_what_was_taken(client: APIClient, bob: User, aapl: Instrument):
    aapl.quote.ask_size = 10_000_000
    aapl.quote.save()
    place(bob, "buy", "4")
    assert client.get(f"{URL}AAPL/book/").json()["asks"][0] == ["190.02", "6"]
    (quote,) = client.get(f"{URL}current_prices/").json()["results"]
    assert (quote["ask"], quote["ask_size"]) == ("190.02", "6")
    place(bob, "buy", "6")
    (quote,) = client.get(f"{URL}current_prices/").json()["results"]
    assert Decimal(quote["ask"]) > Decimal("190.02")


def test_market_data_needs_a_token(aapl: Instrument):
    assert APIClient().get(f"{URL}current_prices/").status_code == 401


@pytest.mark.parametrize(
    "query",
    [
        "interval=2m",
        "interval=",
        "limit=0",
        "limit=-1",
        "limit=1001",
        "limit=1e3",
        "limit=%D9%A1%D9%A2x",
        "limit=" + "9" * 400,
        "start=yesterday",
        "start=2026-13-01T00:00:00Z",
        "end=NaN",
        "start=2026-03-02T00:00:00Z&end=2026-03-02T00:00:00Z",
        "start=2026-03-02T00:00:00Z&end=2026-03-01T00:00:00Z",
        "start=0001-01-01T00:00:00%2B14:00",
        "end=9999-12-31T23:59:59-12:00",
        "start=%00",
    ],
)
def test_odd_questions_about_candles_are_refused(client: APIClient, aapl: Instrument, query: str):
    answer = client.get(f"{URL}AAPL/?{query}")
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"], query


@pytest.mark.parametrize("query", ["start=0001-01-01T00:00:00Z", "end=9999-12-31T23:59:59Z"])
def test_the_ends_of_time_are_no_error(client: APIClient, aapl: Instrument, query: str):
    add_candles(aapl, "1d", ["10", "11"], timedelta(days=1))
    assert len(client.get(f"{URL}AAPL/?{query}").json()["candles"]) == 2


def test_the_last_page_of_candles_says_so_also_when_it_is_full(client: APIClient, aapl: Instrument):
    add_candles(aapl, "1h", ["10", "11", "12", "13"], timedelta(hours=1))
    query = {"interval": "1h", "limit": "2", "start": "2026-03-02T11:00:00Z"}
    first = client.get(f"{URL}AAPL/", query)
    last = client.get(first.json()["next"])
    assert last.json()["next"] is None
    assert len(last.json()["candles"]) == 2
    assert first["Cache-Control"] == "private, max-age=60"
    assert last["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("path", "what_changes_it"),
    [
        ("", "price"),
        ("AAPL/?interval=1m", "price"),
        ("statistics/?symbol=AAPL", "price"),
        ("supported_symbols/", "status"),
    ],
)
def test_what_has_not_changed_is_not_sent_again(
    client: APIClient, aapl: Instrument, path: str, what_changes_it: str
):
    market.advance(market.tick("AAPL", "191.00", "191.02", volume="3"))
    first = client.get(f"{URL}{path}")
    assert first["Cache-Control"] == "private, no-cache"
    with time_machine.travel(market.NOW + timedelta(seconds=3), tick=False):
        again = client.get(f"{URL}{path}", headers={"If-None-Match": first["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again["ETag"] == first["ETag"]
        other = client.get(f"{URL}{path}", headers={"If-None-Match": 'W/"another"'})
        assert other.status_code == 200
        if what_changes_it == "price":
            market.advance(
                market.tick("AAPL", "192.00", "192.02", volume="3"),
                at=market.NOW + timedelta(seconds=4),
            )
        else:
            Instrument.objects.update(status="halted")
        changed = client.get(f"{URL}{path}", headers={"If-None-Match": first["ETag"]})
    assert changed.status_code == 200
    assert changed["ETag"] != first["ETag"]
    assert changed.json() != first.json()


def test_a_304_needs_a_token_too(client: APIClient, aapl: Instrument):
    tag = client.get(URL)["ETag"]
    assert APIClient().get(URL, headers={"If-None-Match": tag}).status_code == 401
