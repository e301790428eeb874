"""Quotes of the simulated market: on the grid, with spreads and sizes as the catalogue says."""

from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

import numpy as np
import pytest

from exchange.market.rules import ticks
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.tests.market_models import SECOND, SPECS, START, market, walk


def test_quotes_are_on_the_grid_with_the_last_trade_at_one_side():
    rounds = walk(market(seed=3), 200)

    sides = set()
    for tick in (tick for round_ in rounds for tick in round_.ticks):
        spec = SPECS[tick.symbol]
        increment = ticks.increment_at(tick.bid, spec.price_increment, spec.asset_class)
        assert 0 < tick.bid < tick.ask
        assert tick.price in {tick.bid, tick.ask}
        assert tick.bid % increment == tick.ask % increment == 0
        for size in (tick.bid_size, tick.ask_size):
            assert size > 0
            assert size % spec.quantity_increment == 0
        assert tick.volume >= 0
        assert tick.volume % spec.quantity_increment == 0
        sides.add(tick.price == tick.bid)
    assert sides == {True, False}


def test_a_rounds_moment_is_utc_and_it_quotes_every_instrument_once():
    round_ = market().step(START + SECOND)

    assert round_.at == START + SECOND
    assert round_.at.utcoffset() == timedelta(0)
    assert [tick.symbol for tick in round_.ticks] == [spec.symbol for spec in CATALOGUE]


def test_displayed_sizes_are_around_the_usual_one():
    rounds = walk(market(seed=7), 300)

    for column, spec in enumerate(CATALOGUE):
        shown = [float(round_.ticks[column].bid_size) for round_ in rounds]
        assert np.median(shown) == pytest.approx(float(spec.display_size), rel=0.25)


def test_spreads_are_about_as_wide_as_the_catalogue_says():
    rounds = walk(market(seed=8), 300)

    for symbol in ("DOT-USD", "UST-30Y", "T-2034", "CCL-2033"):
        column, spec = list(SPECS).index(symbol), SPECS[symbol]
        quotes = [round_.ticks[column] for round_ in rounds]
        width = np.mean([float((tick.ask - tick.bid) / tick.bid) for tick in quotes])
        # Within the range of the volatility that widens it.
        assert 0.3 < width / (spec.spread_bps * 1e-4) < 3


def test_stocks_below_a_dollar_are_quoted_in_hundredths_of_a_cent():
    model = market(prices={"AAPL": Decimal("0.53"), "SOL-USD": Decimal("0.53")})

    quoted = {tick.symbol: tick for tick in model.step(START + SECOND).ticks}

    assert quoted["AAPL"].ask - quoted["AAPL"].bid == Decimal("0.0001")
    assert quoted["SOL-USD"].ask - quoted["SOL-USD"].bid == Decimal("0.01")


def test_bids_stay_positive_when_a_price_is_below_its_increment():
    model = market(prices={"DOT-USD": Decimal("0.0002")})

    quoted = {tick.symbol: tick for tick in model.step(START + SECOND).ticks}["DOT-USD"]

    assert (quoted.bid, quoted.ask) == (Decimal("0.001"), Decimal("0.002"))


@pytest.mark.parametrize(
    ("price", "increment", "rounding", "expected"),
    [
        (Decimal("191.237"), "0.01", ROUND_FLOOR, "191.23"),
        (Decimal("191.237"), "0.01", ROUND_CEILING, "191.24"),
        (Decimal("191.2"), "0.01", ROUND_CEILING, "191.20"),
        (99.66, "0.00390625", ROUND_FLOOR, "99.65625000"),
        (0.1, "0.1", ROUND_CEILING, "0.2"),  # this float is a little more than a tenth
        (1234567.0, "1000", ROUND_HALF_EVEN, "1235000"),
    ],
)
def test_a_price_on_the_grid_is_a_whole_number_of_increments(price, increment, rounding, expected):
    assert str(ticks.on_grid(price, Decimal(increment), rounding)) == expected


@pytest.mark.parametrize(
    ("price", "asset_class", "expected"),
    [
        ("1.00", "stock", "0.01"),
        ("0.9999", "stock", "0.0001"),
        ("0.5", "etf", "0.0001"),
        ("0.5", "crypto", "0.01"),
        ("0.5", "bond", "0.01"),
    ],
)
def test_only_stocks_and_etfs_have_a_finer_grid_below_a_dollar(price, asset_class, expected):
    increment = ticks.increment_at(Decimal(price), Decimal("0.01"), asset_class)

    assert increment == Decimal(expected)
