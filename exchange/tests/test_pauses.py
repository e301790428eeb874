"""The market after a pause of any length, begun at any time: it has the law of its seconds."""

import math
import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from exchange.market.rules import calendar, holidays
from exchange.simulator.model import return_factors, timestamps, transitions, variance_clock
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.simulator.model.market_model import MarketModel

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
MONTH, TEN_YEARS = timedelta(days=30), timedelta(days=3652)
NAMES = [spec for spec in CATALOGUE if spec.bond is None and not spec.basket]
# A Monday in the hour in which New York opens.
OPENING = datetime(2026, 3, 2, 14, 7, 3, tzinfo=UTC)


# Jumps


@pytest.mark.parametrize("expected", [1e-3, 0.57, 3.0])
def test_the_number_of_jumps_in_a_step_is_poissons(expected):
    rng = np.random.default_rng(1)
    shape = (400_000, 1)
    years = np.full(shape, expected / return_factors.JUMPS_PER_YEAR)

    jumps = return_factors.shocks(np.zeros(shape), years, lambda number: rng.random(shape))

    # A step without a jump has the compensation alone, which is the only value that is frequent.
    none = np.unique(jumps.round(12), return_counts=True)[1].max() / len(jumps)
    assert none == pytest.approx(math.exp(-expected), abs=4 * math.sqrt(expected / len(jumps)))
    deviation = math.sqrt(0.12 * years[0, 0])
    assert jumps.mean() == pytest.approx(0, abs=5 * deviation / math.sqrt(len(jumps)))
    assert jumps.var() == pytest.approx(deviation**2, rel=0.1)


def test_jumps_of_a_long_step_are_those_of_its_short_ones():
    rng = np.random.default_rng(2)
    many, parts = 40_000, 20

    def jumps(shape, expected):
        years = np.full(shape, expected / return_factors.JUMPS_PER_YEAR)
        return return_factors.shocks(np.zeros(shape), years, lambda number: rng.random(shape))

    whole, pieces = jumps((many, 1), 2.0)[:, 0], jumps((many, parts), 2.0 / parts).sum(axis=1)

    assert distance(whole, pieces) < 2 * math.sqrt(2 / many)


def distance(first, second):
    """The largest difference of two samples' distributions (Kolmogorov and Smirnov).

    Values that differ by rounding alone count as one, as there are many equal ones.
    """
    first, second = np.sort(first.round(10)), np.sort(second.round(10))
    at = np.concatenate([first, second])
    shares = [np.searchsorted(each, at, side="right") / len(each) for each in (first, second)]
    return np.abs(shares[0] - shares[1]).max()


# Parts


def test_steps_are_cut_at_the_quarters_and_at_their_ends_and_nowhere_else():
    quarter = transitions.QUARTER
    edges, ends = transitions.cut(quarter - 7, quarter + 3, 3)
    assert edges.tolist() == [
        quarter - 7,
        quarter,
        2 * quarter - 4,
        2 * quarter,
        3 * quarter - 1,
        3 * quarter,
        4 * quarter,
        4 * quarter + 2,
    ]
    assert ends.tolist() == [False, True, False, True, False, False, True]
    assert transitions.cut(quarter, quarter, 2)[1].tolist() == [True, True]


def test_a_long_step_has_the_law_of_the_minutes_in_it():
    """Over an hour around New York's opening, from a market that is more volatile than usual."""
    names, count = NAMES, 800
    model = MarketModel(names, seed=1, at=OPENING)
    state = model.state()
    lively = {name: [2.0, *rest[1:]] for name, rest in state["volatility"].items()}
    state = {**state, "volatility": lively, "felt": dict.fromkeys(state["felt"], 2.5)}
    start = np.log([float(spec.start_price) for spec in names])
    length = 75

    def moves(step, steps, first_tick):
        ends = []
        for number in range(count):
            model.restore({**state, "tick": first_tick + 1_000 * number})
            ends.append(model.path(model.at, step, steps).prices[-1])
        return np.log(ends) - start

    whole = moves(length * MINUTE, 1, 0)
    pieces = moves(3 * MINUTE, length // 3, 10_000_000)

    edges = np.array(
        [timestamps.to_microseconds(OPENING + part * length * MINUTE) for part in (0, 1)]
    )
    time = variance_clock.elapsed(edges)
    years = np.array([(time.coins if is_coin(each) else time.stocks)[0] for each in names])
    usual = np.array([spec.annual_volatility for spec in names]) * np.sqrt(years)
    for sample in (whole / usual, pieces / usual):
        assert np.abs(sample.mean(axis=0)).max() < 5 * sample.std() / math.sqrt(count)
    assert whole.std(axis=0) / pieces.std(axis=0) == pytest.approx(1, rel=0.25)
    assert (whole.std(axis=0) / pieces.std(axis=0)).mean() == pytest.approx(1, rel=0.06)
    assert tail(whole) == pytest.approx(tail(pieces), rel=0.15)
    for column, spec in enumerate(names):
        apart = distance(whole[:, column], pieces[:, column])
        assert apart < 2 * math.sqrt(2 / count), spec.symbol


def is_coin(spec):
    return spec.asset_class == "crypto"


def tail(moves):
    """The fourth moment over the squared second one, with the largest moves capped."""
    sizes = np.abs(moves / moves.std(axis=0))
    sizes = np.minimum(sizes, 4)
    return (sizes**4).mean() / (sizes**2).mean() ** 2


def test_what_is_left_of_a_quarter_is_as_lively_as_it_began():
    """A pause within a quarter of an hour has the same volatility as the seconds before it."""
    model = MarketModel(NAMES, seed=3, at=OPENING)
    model.step(OPENING + SECOND)
    felt = model.state()["felt"]

    model.step(OPENING + 5 * MINUTE)
    assert model.state()["felt"] == felt
    model.step(OPENING + 9 * MINUTE)
    assert model.state()["felt"] != felt


def test_a_long_step_is_the_same_in_whatever_blocks_it_is_drawn(monkeypatch):
    def after(block):
        monkeypatch.setattr("exchange.simulator.model.market_model._BLOCK", block)
        model = MarketModel(seed=5, at=OPENING)
        model.step(OPENING + 20 * DAY + SECOND)
        return model.state()

    assert after(1024) == after(97) == after(1)


# A thousand pauses


def lengths(rng, count):
    """From a second to a month, evenly in the logarithm; some up to ten years."""
    ranges = [(MONTH, TEN_YEARS)] * 8 + [(SECOND, MONTH)] * (count - 8)
    for shortest, longest in ranges:
        yield shortest * (longest / shortest) ** rng.random()


def beginning(rng):
    """Any moment; or near an opening or a close, on a half day, or when clocks change."""
    year = rng.randrange(2005, 2045)
    anywhere = datetime(year, 1, 1, tzinfo=UTC) + rng.random() * 365 * DAY
    kind = rng.randrange(4)
    if kind == 0:
        return anywhere
    if kind == 1:
        session = calendar.current_or_next_session(anywhere)
        return rng.choice([session.opens_at, session.closes_at]) - rng.random() * 2 * 60 * MINUTE
    if kind == 2:
        day = rng.choice(sorted(holidays.early_closes_of_exchange(year)))
        return datetime(year, day.month, day.day, tzinfo=UTC) + rng.random() * DAY
    month, week = rng.choice([(3, 1), (11, 0)])
    sunday = next(
        day
        for number in range(7)
        if (day := datetime(year, month, 1 + 7 * week + number, tzinfo=UTC)).weekday() == 6
    )
    return sunday - rng.random() * DAY


def test_a_thousand_pauses_from_a_second_to_ten_years_begun_anywhere():
    rng = random.Random(12)
    model = MarketModel(seed=12, at=datetime(2005, 1, 1, tzinfo=UTC))
    volatility = np.array([spec.annual_volatility for spec in NAMES])
    columns = [model.symbols.index(spec.symbol) for spec in NAMES]
    sizes = []
    for length in lengths(rng, 1_000):
        start = beginning(rng)
        model.set_prices({}, at=start)
        before = model.path(start, SECOND / 1000, 1).prices[0, columns]
        start = model.at

        path = model.path(start, length, 1)

        assert model.at == start + length
        assert np.isfinite(path.prices).all()
        assert (path.prices > 0).all()
        assert np.isfinite(path.volumes).all()
        edges = np.array([timestamps.to_microseconds(start), timestamps.to_microseconds(model.at)])
        time = variance_clock.elapsed(edges)
        years = np.array([(time.coins if is_coin(each) else time.stocks)[0] for each in NAMES])
        if length < MONTH:
            moved = np.log(path.prices[0, columns] / before)
            sizes.append(moved / (volatility * np.sqrt(np.maximum(years, 1e-15))))
    moves = np.array(sizes)
    spread = np.sqrt((moves**2).mean(axis=0))
    assert np.abs(moves.mean(axis=0) / spread).max() < 5 / math.sqrt(len(moves))
    assert np.median(spread) == pytest.approx(1, rel=0.25)
    starts = np.log([float(spec.start_price) for spec in NAMES])
    assert np.abs(np.log(path.prices[0, columns]) - starts).max() < math.log(100)
