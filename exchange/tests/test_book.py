"""The street's side of the book: ten levels that follow from the quote."""

import statistics
from decimal import Decimal
from math import log

import pytest

from exchange.market import book
from exchange.market.rules.levels import Level
from exchange.models import Instrument, Quote, Side
from exchange.tests.market import make_instrument, set_quote


@pytest.fixture
def quote(aapl: Instrument) -> Quote:
    return Quote.objects.select_related("instrument").get()


def levels(quote: Quote, sequence: int, side: Side) -> list[Level]:
    quote.sequence = sequence
    return list(book.street_levels(quote.instrument, quote, side))


def test_the_best_level_is_the_quote_and_the_others_follow_in_steps(quote: Quote):
    asks, bids = levels(quote, 7, Side.BUY), levels(quote, 7, Side.SELL)

    assert (asks[0].price, asks[0].units) == (quote.ask, quote.ask_size)
    assert (bids[0].price, bids[0].units) == (quote.bid, quote.bid_size)
    # 0.02 % of 190 dollars, on the grid
    assert [asks[n].price - quote.ask for n in (1, 9)] == [Decimal("0.03"), Decimal("0.27")]
    assert [bids[n].price - quote.bid for n in (1, 9)] == [Decimal("-0.03"), Decimal("-0.27")]


def test_everybody_who_looks_at_one_quote_sees_the_same_and_the_next_one_differs(quote: Quote):
    assert levels(quote, 7, Side.BUY) == levels(quote, 7, Side.BUY)
    assert levels(quote, 7, Side.BUY) != levels(quote, 8, Side.BUY)


def test_sizes_behind_the_best_are_log_normal_and_know_nothing_of_each_other(quote: Quote):
    sizes = [
        [log(level.units / quote.ask_size) for level in levels(quote, sequence, side)[1:]]
        for side in (Side.BUY, Side.SELL)
        for sequence in range(1, 2001)
    ]
    pooled = [size for row in sizes for size in row]
    assert statistics.mean(pooled) == pytest.approx(0, abs=0.02)
    assert statistics.stdev(pooled) == pytest.approx(0.6, abs=0.02)
    columns = list(zip(*sizes, strict=True))
    for one, other in ((0, 1), (0, 8), (3, 4)):
        assert abs(statistics.correlation(columns[one], columns[other])) < 0.1
    following = [size for row in sizes[1:] for size in row]
    assert abs(statistics.correlation(pooled[: len(following)], following)) < 0.1


@pytest.mark.django_db
def test_sizes_are_whole_multiples_and_prices_stay_positive():
    coin = make_instrument("DOT-USD", "crypto", quantity_increment=Decimal("0.1"))
    quote = set_quote(coin, "0.03", "0.04", size="0.1")
    for sequence in range(50):
        for side in (Side.BUY, Side.SELL):
            for level in levels(quote, sequence, side):
                assert level.price > 0
                assert level.units >= 10_000_000
                assert level.units % 10_000_000 == 0
