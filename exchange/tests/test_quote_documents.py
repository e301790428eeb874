"""Quotes that are read by fixed SQL, and their documents, field by field."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from be.kernel.formats import plain, price_text, time_text
from exchange.market import instruments, quotes
from exchange.market.book import street_levels
from exchange.market.rules import bonds, calendar
from exchange.models import Instrument, Quote, Side
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.tests import market
from exchange.tests.market import make_bond, make_instrument, set_quote

pytestmark = pytest.mark.django_db


def document(quote: Quote) -> dict[str, Any]:
    """What a quote is, in words of the domain, each figure computed anew."""
    instrument, increment = quote.instrument, quote.instrument.price_increment
    asset = instrument.asset
    bid = next(street_levels(instrument, quote, Side.SELL))
    ask = next(street_levels(instrument, quote, Side.BUY))
    change = quote.price - quote.previous_close
    answer = {
        "symbol": instrument.symbol,
        "price": price_text(quote.price, increment),
        "bid": price_text(bid.price, increment),
        "ask": price_text(ask.price, increment),
        "bid_size": plain(asset.amount(bid.units)),
        "ask_size": plain(asset.amount(ask.units)),
        "previous_close": price_text(quote.previous_close, increment),
        "change": price_text(change, increment),
        "change_percent": f"{change / quote.previous_close * 100:.4f}",
        "open": price_text(quote.open, increment),
        "high": price_text(quote.high, increment),
        "low": price_text(quote.low, increment),
        "volume": plain(asset.amount(quote.volume)),
        "timestamp": time_text(quote.timestamp),
        "sequence": quote.sequence,
    }
    return answer | figures(quote) if instrument.is_bond else answer


def figures(quote: Quote) -> dict[str, Any]:
    bond, settlement = quote.instrument.bond, calendar.settlement_date(quote.timestamp)
    terms = bonds.BondTerms(
        coupon_rate=bond.coupon_rate,
        issue_date=bond.issue_date,
        maturity_date=bond.maturity_date,
        frequency=bond.frequency,
        day_count="ActAct" if bond.day_count == "ActAct" else "30/360",
        face_value=bond.face_value,
    )
    accrued = bonds.accrued_interest(terms, settlement=settlement).quantize(Decimal("1e-8"))
    try:
        rate = bonds.yield_from_price(terms, settlement=settlement, clean_price=quote.price)
    except ValueError:
        return {"yield_to_maturity": None, "accrued_interest": plain(accrued)}
    return {"yield_to_maturity": f"{rate:.6f}", "accrued_interest": plain(accrued)}


prices = st.decimals("0.01", "9999", places=8) | st.decimals("50", "150", places=3)


@settings(max_examples=60, deadline=None)
@given(
    asset_class=st.sampled_from(["stock", "crypto", "bond"]),
    increment=st.sampled_from(["1", "0.01", "0.001", "0.00000001"]),
    numbers=st.lists(prices, min_size=7, max_size=7),
    units=st.lists(st.integers(1, 10**15), min_size=3, max_size=3),
    taken=st.sampled_from([0, 0.3, 1.0]),
    at=st.datetimes(datetime(2026, 1, 1), datetime(2034, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    terms=st.sampled_from([(2, "30/360"), (1, "ActAct"), (4, "ActAct"), (0, "ActAct")]),
)
def test_a_quote_says_what_its_figures_are(
    asset_class: str,
    increment: str,
    numbers: list[Decimal],
    units: list[int],
    taken: float,
    at: datetime,
    terms: tuple[int, str],
):
    Instrument.objects.all().delete()
    if asset_class == "bond":
        frequency, day_count = terms
        rate = Decimal("0.0425") if frequency else Decimal(0)
        instrument = make_bond(frequency=frequency, coupon_rate=rate, day_count=day_count)
    else:
        instrument = make_instrument("ANY", asset_class, price_increment=Decimal(increment))
    set_quote(instrument)
    price, bid, ask, previous_close, opened, high, low = numbers
    Quote.objects.update(
        price=price,
        bid=bid,
        ask=ask,
        previous_close=previous_close,
        open=opened,
        high=high,
        low=low,
        bid_size=units[0],
        ask_size=units[1],
        ask_taken=int(units[1] * taken),
        volume=units[2],
        timestamp=at,
    )
    (quote,) = quotes.current()
    stored = Quote.objects.select_related("instrument", "instrument__bond").get()
    for found in (quote, stored):
        assert list(quotes.document(found).items()) == list(document(stored).items())


def test_all_quotes_or_some_are_read_by_one_statement_in_the_order_of_symbols(
    django_assert_num_queries: DjangoAssertNumQueries,
):
    market.list_catalogue(CATALOGUE)
    stored = Quote.objects.select_related("instrument").order_by("instrument__symbol")
    symbols = [quote.instrument.symbol for quote in stored]
    with django_assert_num_queries(1):
        documents = [quotes.document(quote) for quote in quotes.current()]
    assert [document["symbol"] for document in documents] == symbols
    assert any("yield_to_maturity" in document for document in documents)
    some = quotes.current(["btc-usd", "AAPL", "AAPL"])
    assert [quote.instrument.symbol for quote in some] == ["AAPL", "BTC-USD"]
    for unknown in ([], ["NOPE", "AAPL", "ALSO"]):
        if not unknown:
            assert quotes.current(unknown) == []
            continue
        with pytest.raises(instruments.UnknownSymbol, match="There is no ALSO, NOPE"):
            quotes.current(unknown)


def test_a_bond_whose_terms_change_is_not_shown_with_the_old_ones():
    instrument = make_bond()
    set_quote(instrument, "99.000", "99.500")
    before = quotes.document(quotes.current()[0])
    instrument.bond.maturity_date = date(2029, 11, 15)
    instrument.bond.save()
    after = quotes.document(quotes.current()[0])
    assert after["yield_to_maturity"] != before["yield_to_maturity"]
    assert after == document(Quote.objects.get())
