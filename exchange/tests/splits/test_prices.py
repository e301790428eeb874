"""Quote, candles and executions after a split."""

from decimal import Decimal

import pytest

from exchange.corporate import processing
from exchange.market import book, candles, quotes
from exchange.models import (
    SIMULATOR,
    Candle,
    Execution,
    Interval,
    Quote,
    Simulator,
)
from exchange.streaming import publish
from exchange.tests.market import (
    NOW,
    make_instrument,
    place,
    set_quote,
)
from exchange.tests.splits.cast import LATER, enter_split, gtc, shares, split

pytestmark = pytest.mark.django_db


def test_a_split_to_a_price_at_which_nobody_could_order_is_not_carried_out(aapl, alice, caplog):
    place(alice, "buy", "2")
    enter_split(aapl, 1, 100_000)

    assert processing.run(now=LATER) == []

    assert "above 10000000" in caplog.text
    assert Quote.objects.get().price == Decimal("199.98")
    assert shares(alice, aapl) == (2, 0)


def test_below_a_dollar_the_grid_is_finer(alice):
    cheap = make_instrument()
    set_quote(cheap, "1.50", "1.51", size="1000")
    candles.record([candles.Trade(cheap.pk, NOW, Decimal("1.51"), 1_000_000)])
    order = gtc(alice, "buy", "1", "1.49")

    split(cheap, 4, 1)

    quote = Quote.objects.get()
    order.refresh_from_db()
    assert (quote.bid, quote.ask) == (Decimal("0.375"), Decimal("0.3775"))
    assert order.limit_price == Decimal("0.3725")
    assert set(Candle.objects.values_list("close", flat=True)) == {Decimal("0.3775")}


def test_what_would_be_worth_less_than_an_increment_keeps_a_price():
    aapl = make_instrument()
    set_quote(aapl, "1.00", "1.01", size="1")
    candles.record([candles.Trade(aapl.pk, NOW, Decimal("1.01"), 7)])

    split(aapl, 10**6, 1)

    quote = Quote.objects.get()
    assert quote.bid == quote.ask == quote.price == Decimal("0.0001")
    candle = Candle.objects.filter(interval=Interval.ONE_DAY).get()
    assert (candle.low, candle.close) == (Decimal("0.00000101"), Decimal("0.00000101"))


@pytest.mark.parametrize(("new", "old", "volume"), [(10_001, 10_000, 10**15), (3, 2, 7)])
def test_volumes_of_candles_are_exact_however_large(aapl, new, old, volume):
    candles.record([candles.Trade(aapl.pk, NOW, Decimal("200.01"), volume)])

    split(aapl, new, old)

    assert set(Candle.objects.values_list("volume", flat=True)) == {volume * new // old}


def test_what_was_taken_from_the_street_stays_taken(alice):
    scarce = make_instrument()
    set_quote(scarce, "199.98", "200.00", size="3")
    place(alice, "buy", "2")
    left = next(book.street_levels(scarce, Quote.objects.get(), "buy")).units

    split(scarce, 2, 1)

    quote = Quote.objects.get()
    assert (quote.ask_size, quote.ask_taken) == (6_000_000, 4_000_000)
    assert next(book.street_levels(scarce, quote, "buy")).units == 2 * left


def test_candles_are_shown_in_new_shares_as_exactly_as_prices_are_stored(aapl):
    candles.record([candles.Trade(aapl.pk, NOW, Decimal("200.00"), 3_000_000)])
    Simulator.objects.create(name="default", state={"at": "whenever"})

    split(aapl, 3, 1)

    for candle in Candle.objects.filter(interval=Interval.ONE_DAY):
        assert (candle.close, candle.volume) == (Decimal("66.66666667"), 9_000_000)
    # The model counts in the shares of its catalogue: its state stays as it is.
    assert Simulator.objects.get().state == {"at": "whenever"}


def test_executions_stay_as_they_happened(aapl, alice):
    place(alice, "buy", "2")

    split(aapl, 2, 1)

    fill = Execution.objects.get()
    assert (fill.quantity, fill.price) == (2_000_000, 200)


def test_the_quote_of_new_shares_is_another_quote_and_is_published(
    aapl, monkeypatch, django_capture_on_commit_callbacks
):
    published = []
    monkeypatch.setattr(publish, "quotes", lambda **message: published.append(message))
    Simulator.objects.update_or_create(name=SIMULATOR, defaults={"rounds": 7})
    before = Quote.objects.get().sequence

    with django_capture_on_commit_callbacks(execute=True):
        split(aapl, 2, 1)

    assert published == [{"sequence": 7, "documents": [quotes.document(quotes.current()[0])]}]
    assert Quote.objects.get().sequence == before + 1
