"""The simulated market: reproducible, on the grid, and statistically like a market."""

import json
import math
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

import numpy as np
import pytest

from exchange.market.rules import bonds, calendar, ticks
from exchange.simulator.model import market_model, transitions, variance_clock
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.simulator.model.market_model import MarketModel
from exchange.simulator.model.return_factors import ReturnFactors

START = datetime(2026, 11, 20, 15, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
SPECS = {spec.symbol: spec for spec in CATALOGUE}
STOCKS = [spec.symbol for spec in CATALOGUE if spec.asset_class == "stock"]


def market(seed=1, **changed):
    return MarketModel(seed=seed, at=START, **changed)


def walk(model, steps, step=SECOND):
    return [model.step(model.at + step) for _ in range(steps)]


def microseconds(at):
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def columns(path, symbols):
    return path.prices[:, [path.symbols.index(symbol) for symbol in symbols]]


@pytest.fixture(scope="module")
def months():
    """150 days in steps of five minutes."""
    return market(seed=11).path(START, 5 * MINUTE, 150 * 288)


@pytest.fixture(scope="module")
def years():
    """Twelve years in steps of a day."""
    return market(seed=5).path(START, timedelta(days=1), 365 * 12)


def log_returns(prices):
    return np.diff(np.log(prices), axis=0)


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
    minute = np.array([microseconds(START), microseconds(START + MINUTE)])
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


# Like a market


def test_prices_stay_finite_and_positive_for_a_hundred_years(monkeypatch):
    # With a volatility that is read once an hour, which is as good for this and takes less time.
    monkeypatch.setattr(transitions, "QUARTER", 4 * transitions.QUARTER)
    path = market(seed=4).path(START, timedelta(days=14), 26 * 100)

    assert path.times[-1] - START > timedelta(days=36_000)
    assert np.isfinite(path.prices).all()
    assert np.isfinite(path.volumes).all()
    assert (path.volumes >= 0).all()
    starts = np.array([float(spec.start_price) for spec in CATALOGUE])
    assert (path.prices > starts / 100).all()
    assert (path.prices < starts * 100).all()


def test_funds_of_the_same_companies_move_together(years):
    returns = log_returns(columns(years, ["SPY", "QQQ", "VTI", "VOO", "IWM"]))
    correlation = np.corrcoef(returns.T)[0]

    assert 0.81 < correlation[1] < 0.97
    assert correlation[2] > 0.98
    assert correlation[3] > 0.99
    assert 0.6 < correlation[4] < 0.9


def test_returns_have_fat_tails(months):
    returns = log_returns(columns(months, STOCKS))
    excess = (returns**4).mean(axis=0) / (returns**2).mean(axis=0) ** 2 - 3

    assert np.median(excess) > 4
    assert excess.min() > 1


def test_volatility_clusters_while_returns_do_not_repeat(months):
    def autocorrelation(series, lag):
        centred = series - series.mean(axis=0)
        return (centred[:-lag] * centred[lag:]).mean(axis=0) / (centred**2).mean(axis=0)

    returns = log_returns(columns(months, STOCKS))

    assert (autocorrelation(np.abs(returns), 1) > 0.05).all()
    assert (autocorrelation(np.abs(returns), 30) > 0.02).all()
    assert (np.abs(autocorrelation(returns, 1)) < 0.05).all()


def test_realised_volatility_is_that_of_the_catalogue(years):
    returns = log_returns(years.prices)

    for column, spec in enumerate(CATALOGUE):
        if spec.bond is None:
            realised = returns[:, column].std() * math.sqrt(365.25)
            assert realised == pytest.approx(spec.annual_volatility, rel=0.25), spec.symbol


def test_stocks_become_livelier_after_they_fall_and_coins_do_not(years):
    def leverage(symbol):
        """Correlation of a day's return with the variance of the ten days after it."""
        returns = log_returns(columns(years, [symbol]))[:, 0]
        after = np.convolve(returns**2, np.ones(10), mode="valid")[1:]
        return np.corrcoef(returns[: len(after)], after)[0, 1]

    assert np.mean([leverage(fund) for fund in ("SPY", "VTI", "IWM")]) < -0.08
    assert abs(leverage("ADA-USD")) < 0.05


def test_volume_grows_with_time_and_with_the_size_of_the_move(months):
    by_second = [market(seed=seed).path(START, SECOND, 600) for seed in range(20)]
    by_minute = [market(seed=seed).path(START, MINUTE, 10) for seed in range(20)]
    in_seconds, in_minutes = (
        np.sum([path.volumes.sum(axis=0) for path in paths], axis=0)
        for paths in (by_second, by_minute)
    )
    assert in_minutes / in_seconds == pytest.approx(1, rel=0.3)
    assert (in_minutes / in_seconds).mean() == pytest.approx(1, rel=0.1)

    moves = np.abs(log_returns(columns(months, STOCKS)))
    traded = months.volumes[1:, [months.symbols.index(symbol) for symbol in STOCKS]]
    for column in range(len(STOCKS)):
        assert 0.1 < np.corrcoef(moves[:, column], traded[:, column])[0, 1] < 0.8


# Quotes


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
    assert str(market_model.on_grid(price, Decimal(increment), rounding)) == expected


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


# Bonds


def nelson_siegel(years):
    """The usual curve: level 5.15 %, slope -1.5 %, curvature -1.95 %, decay 0.25 a year."""
    x = 0.25 * years
    slope = (1 - math.exp(-x)) / x
    return 0.0515 - 0.0150 * slope - 0.0195 * (slope - math.exp(-x))


@pytest.mark.parametrize(
    "at", [START, START + timedelta(days=100), datetime(2028, 5, 2, 12, tzinfo=UTC)]
)
def test_bonds_start_at_the_price_of_their_yield_on_the_usual_curve(at):
    model = MarketModel(seed=1, at=at)
    settlement = calendar.settlement_date(at)

    path = model.path(at, timedelta(microseconds=1), 1)

    for spec in CATALOGUE:
        if spec.bond is not None and spec.bond.maturity_date > settlement:
            price = columns(path, [spec.symbol])[0, 0]
            found = bonds.yield_from_price(spec.bond, settlement=settlement, clean_price=price)
            years = (spec.bond.maturity_date - settlement).days / 365.25
            expected = nelson_siegel(years) + spec.bond.credit_spread_bps / 10_000
            assert found == pytest.approx(expected, abs=1e-6), spec.symbol


def test_a_bond_that_has_matured_stays_at_par_and_no_longer_trades():
    model = MarketModel(seed=1, at=datetime(2027, 8, 10, 12, tzinfo=UTC))
    bill = list(SPECS).index("UST-BILL")

    path = model.path(model.at, timedelta(hours=12), 8)

    settled = [calendar.settlement_date(at) >= date(2027, 8, 12) for at in path.times]
    assert settled == sorted(settled)
    assert {True, False} == set(settled)
    for row, matured in enumerate(settled):
        assert (path.prices[row, bill] == 100) == matured
        assert (path.volumes[row, bill] == 0) == matured
    assert model.step(model.at + SECOND).ticks[bill].volume == 0


def test_longer_bonds_move_more_and_risky_spreads_widen_when_stocks_fall():
    path = market(seed=9).path(START, timedelta(days=1), 300)
    returns = log_returns(columns(path, ["UST-BILL", "UST-2Y", "UST-5Y", "UST-10Y", "UST-30Y"]))
    spread = log_returns(columns(path, ["CCL-2033"]))[:, 0]
    # What is left of the corporate bond's move after that of Treasuries of like duration.
    design = np.column_stack([returns[:, 2], returns[:, 3]])
    rest = spread - design @ np.linalg.lstsq(design, spread, rcond=None)[0]

    assert (np.diff(returns.std(axis=0)) > 0).all()
    assert np.corrcoef(rest, log_returns(columns(path, ["SPY"]))[:, 0])[0, 1] > 0.2
