"""The simulated market is reproducible, and goes forward in time by steps of any length."""

import json
import math
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pytest

from exchange.market.rules import ticks
from exchange.simulator.model import timestamps, variance_clock
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.simulator.model.market_model import MarketModel
from exchange.simulator.model.return_factors import ReturnFactors
from exchange.tests.market_models import MINUTE, SECOND, SPECS, START, columns, market, walk

# Reproducible


def test_the_same_seed_gives_the_same_rounds():
    assert walk(market(), 5) == walk(market(), 5)


def test_another_seed_gives_another_market():
    first, second = walk(market(seed=1), 1)[0], walk(market(seed=2), 1)[0]

    assert first.ticks != second.ticks


def test_a_path_is_the_same_in_one_piece_in_two_and_step_by_step():
    steps = 1100  # more than is drawn at once
    whole, halves, stepped = market(), market(), market()

    path = whole.path(START, MINUTE, steps)
    pieces = [halves.path(START, MINUTE, 500), halves.path(START + 500 * MINUTE, MINUTE, 600)]
    rounds = walk(stepped, steps, MINUTE)

    assert np.array_equal(path.prices, np.concatenate([piece.prices for piece in pieces]))
    assert np.array_equal(path.volumes, np.concatenate([piece.volumes for piece in pieces]))
    assert whole.state() == halves.state() == stepped.state()
    assert [round_.at for round_ in rounds] == list(path.times)
    for column, symbol in enumerate(path.symbols):
        quoted = rounds[-1].ticks[column]
        assert quoted.symbol == symbol
        assert quoted.bid <= Decimal(path.prices[-1, column]) <= quoted.ask


def test_long_steps_are_reproducible_across_blocks_too():
    week = timedelta(days=7)
    path = market().path(START, week, 30)
    stepped = market()
    walk(stepped, 30, week)

    assert stepped.state()["levels"] == market_after(path).state()["levels"]


def market_after(path):
    model = market()
    model.path(START, path.times[1] - path.times[0], len(path.times))
    return model


def test_a_market_restored_from_its_state_continues_identically():
    original = market()
    walk(original, 20)
    state = json.loads(json.dumps(original.state()))

    restored = market(prices={"AAPL": Decimal("1.00")})
    restored.restore(state)

    assert restored.at == original.at
    assert restored.tick == original.tick == 20
    assert walk(restored, 20) == walk(original, 20)


def test_a_state_that_misses_a_new_instrument_restores_the_rest():
    original = market()
    walk(original, 3)
    state = original.state()
    del state["levels"]["price:TSLA"]

    restored = market()
    restored.restore(state)

    after = {tick.symbol: tick.price for tick in restored.step(restored.at + SECOND).ticks}
    expected = {tick.symbol: tick.price for tick in original.step(original.at + SECOND).ticks}
    assert after["AAPL"] == expected["AAPL"]
    assert after["TSLA"] == pytest.approx(SPECS["TSLA"].start_price, rel=Decimal("0.01"))


@pytest.mark.parametrize(
    "damage",
    [
        {"levels": {"price:AAPL": float("nan")}},
        {"levels": {"price:AAPL": 1e300}},
        {"levels": {"price:AAPL": -1e300}},
        {"volatility": {"market": [1.0, 2.0]}},
        {"tick": -1},
        {"tick": None},
        {"at": "yesterday"},
        {"at": "2026-11-20T15:00:00"},
        {"levels": None},
    ],
)
def test_a_damaged_state_is_refused_and_changes_nothing(damage):
    model = market()
    walk(model, 3)
    before = model.state()

    with pytest.raises(ValueError, match=r"\w"):
        model.restore({**before, **damage})

    assert model.state() == before


def test_a_restart_continues_from_the_last_prices():
    prices = {
        spec.symbol: ticks.on_grid(
            spec.start_price * Decimal("1.03"), spec.price_increment, ROUND_HALF_EVEN
        )
        for spec in CATALOGUE
        if spec.symbol != "UST-BILL"  # 3 % more would be above par
    }

    model = market(prices=prices, tick=1000)
    first = model.step(START + SECOND)

    assert model.tick == 1001
    for tick in first.ticks:
        if tick.symbol in prices:
            assert tick.price == pytest.approx(prices[tick.symbol], rel=Decimal("0.004"))
    # Chance goes on where it was, instead of repeating itself.
    assert first.ticks != market(prices=prices).step(START + SECOND).ticks


def test_a_symbols_path_does_not_depend_on_what_else_is_traded():
    few = [SPECS["IWM"], SPECS["AAPL"], SPECS["BTC-USD"]]

    alone = MarketModel(few, seed=1, at=START).path(START, MINUTE, 50)
    together = market().path(START, MINUTE, 50)

    assert alone.symbols == ("IWM", "AAPL", "BTC-USD")
    assert np.array_equal(alone.prices[:, 1:], columns(together, ["AAPL", "BTC-USD"]))
    assert alone.prices[:, 0] == pytest.approx(columns(together, ["IWM"])[:, 0])


# Time


@pytest.mark.parametrize("at", [START, START - SECOND])
def test_a_step_goes_forward_in_time_or_is_refused(at):
    model = market()
    before = model.state()

    with pytest.raises(ValueError, match="only go forward"):
        model.step(at)

    assert model.state() == before


def test_a_path_starts_no_earlier_than_the_market_and_has_steps():
    model = market()
    with pytest.raises(ValueError, match="already at"):
        model.path(START - SECOND, MINUTE, 10)
    with pytest.raises(ValueError, match="only go forward"):
        model.path(START, timedelta(0), 10)
    with pytest.raises(ValueError, match="at least one step"):
        model.path(START, MINUTE, 0)


def test_a_path_that_starts_later_first_goes_there():
    model = market()

    path = model.path(START + 5 * MINUTE, MINUTE, 3)

    assert path.times == tuple(START + n * MINUTE for n in (6, 7, 8))
    assert model.at == path.times[-1]
    assert path.prices.shape == path.volumes.shape == (3, len(CATALOGUE))


def test_a_moment_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        MarketModel(seed=1, at=datetime(2026, 11, 20, 15))  # noqa: DTZ001


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity"])
def test_a_price_to_continue_from_is_positive(price):
    with pytest.raises(ValueError, match="AAPL is not positive"):
        market(prices={"AAPL": Decimal(price)})


def test_a_minute_has_the_same_law_as_sixty_seconds():
    """Volatility and Brownian increments, composed exactly: covariances of both are equal."""
    sources = ReturnFactors(["market", "stock", "coin"], [-0.9, -0.3, 0.0])

    def law(seconds):
        """(decay of (W, parts), covariance of their innovations) for each source."""
        decay, mixing = sources.transition(seconds)
        mixing = mixing.copy()
        mixing[:, 0, :] *= math.sqrt(seconds)  # W itself rather than W over the square root
        return np.concatenate([[1.0], decay]), np.einsum("sij,skj->sik", mixing, mixing)

    decay, each = law(1)
    total = np.zeros_like(each)
    for _ in range(60):
        total = total * np.outer(decay, decay) + each

    whole_decay, whole = law(60)
    assert decay**60 == pytest.approx(whole_decay, rel=1e-9)
    assert total == pytest.approx(whole, rel=1e-6, abs=1e-9)


def test_a_minute_moves_prices_as_much_as_sixty_seconds():
    names = [spec for spec in CATALOGUE if spec.asset_class in {"stock", "crypto"}]
    minute = np.array(
        [timestamps.to_microseconds(START), timestamps.to_microseconds(START + MINUTE)]
    )
    time = variance_clock.elapsed(minute)
    years = [time.coins if spec.asset_class == "crypto" else time.stocks for spec in names]
    usual = np.array([spec.annual_volatility for spec in names]) * np.sqrt(years)[:, 0]
    start = np.log([float(spec.start_price) for spec in names])

    def moves(step, steps, first_tick):
        """In usual standard deviations of a minute, for 300 markets that start equally lively."""
        ends = [
            MarketModel(names, seed=seed, at=START, tick=first_tick).path(START, step, steps)
            for seed in range(300)
        ]
        return (np.log([path.prices[-1] for path in ends]) - start) / usual

    one, sixty = moves(MINUTE, 1, 0), moves(SECOND, 60, 1000)

    assert (one**2).mean() == pytest.approx((sixty**2).mean(), rel=0.15)
    assert (one**2).mean() == pytest.approx(1, rel=0.4)
    assert np.abs(one).mean() == pytest.approx(np.abs(sixty).mean(), rel=0.1)
    assert np.median(np.abs(one)) == pytest.approx(np.median(np.abs(sixty)), rel=0.1)
