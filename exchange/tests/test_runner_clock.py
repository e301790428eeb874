"""The simulator's clock: fast runs, machines that sleep, clocks that are set."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from exchange import engine
from exchange.models import Candle, Quote
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.simulator.model.market_model import MarketModel
from exchange.simulator.run import lease
from exchange.simulator.run.runner import Runner
from exchange.simulator.sources.round_source import RoundSource
from exchange.tests.market import NOW, list_catalogue

SECOND = timedelta(seconds=1)
LISTED = {spec.symbol: spec.asset_class for spec in CATALOGUE}
SPECS = tuple(spec for spec in CATALOGUE if spec.symbol in ("AAPL", "BTC-USD"))
OPENING = datetime(2026, 3, 2, 14, 29, 59, tzinfo=UTC)


@pytest.fixture
def catalogue(transactional_db: None) -> None:
    list_catalogue(at=OPENING)


# Speed


@pytest.mark.parametrize(
    ("speed", "interval", "rounds"),
    [(3600, 1, 30), (100_000, 0.01, 30), (100_000, 1, 130), (100_000, 600, 1)],
)
@pytest.mark.usefixtures("catalogue")
def test_any_speed_goes_with_any_interval_and_its_volumes_are_the_clocks(speed, interval, rounds):
    """With volume by the model's clock, a fast market would overflow 64 bits within two minutes."""
    model = MarketModel(seed=1, at=OPENING)
    source = RoundSource(model, listed=LISTED, speed=speed, interval=interval)
    step = timedelta(seconds=interval)

    for number in range(1, rounds + 1):
        made = source.next(OPENING + number * step)
        assert made.at == OPENING + number * step
        if number % 10 == 1:
            engine.advance(made)

    assert model.at == OPENING + rounds * step * speed
    part = step / timedelta(days=1)
    for tick in made.ticks:
        (spec,) = (spec for spec in CATALOGUE if spec.symbol == tick.symbol)
        assert 0 <= tick.volume <= 1000 * spec.daily_volume * part + 1000
    assert Candle.objects.filter(volume__gt=0).exists()


def test_a_pause_before_a_fast_run_is_not_made_faster():
    """Otherwise a pause of ten years would become a million years."""
    model = MarketModel(SPECS, seed=1, at=OPENING)
    source = RoundSource(model, listed=LISTED, speed=100_000)
    later = OPENING + timedelta(days=30)

    source.next(later)

    assert later < model.at < later + timedelta(days=70)


def test_a_market_that_ran_to_the_end_of_the_calendar_goes_on_from_today():
    model = MarketModel(SPECS, seed=1, at=datetime(9801, 1, 1, tzinfo=UTC))
    model.step(datetime(9801, 1, 1, 1, tzinfo=UTC))
    source = RoundSource(model, listed=LISTED, speed=100_000)
    source._last = OPENING
    before = {tick.symbol: tick.price for tick in model.step(model.at + SECOND).ticks}

    made = source.next(OPENING + SECOND / 1000)

    assert model.at < OPENING + timedelta(minutes=2)
    for tick in made.ticks:
        assert float(tick.price) == pytest.approx(float(before[tick.symbol]), rel=0.05)


# A round after a pause


@pytest.mark.parametrize("pause", [timedelta(hours=10), timedelta(days=150), timedelta(days=3652)])
@pytest.mark.usefixtures("catalogue")
def test_the_round_after_a_pause_has_a_minutes_volume(pause):
    """Nobody traded while the exchange was down, and the volume of years would overflow 64 bits."""
    at = OPENING + pause
    made = RoundSource(MarketModel(seed=3, at=OPENING), listed=LISTED).next(at)

    engine.advance(made)

    assert set(Quote.objects.values_list("timestamp", flat=True)) == {at}
    for tick in made.ticks:
        (spec,) = (spec for spec in CATALOGUE if spec.symbol == tick.symbol)
        assert float(tick.volume) < spec.daily_volume / 20 + 1


# A machine that sleeps


class Waits(Event):
    """Records the waits, and ends the run after some of them."""

    def __init__(self, most: int, passes: Callable[[float], None]) -> None:
        super().__init__()
        self._most, self._passes = most, passes
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0.0)
        self._passes(max(timeout or 0.0, 0.0))
        if len(self.seconds) >= self._most:
            self.set()
        return self.is_set()


@pytest.mark.django_db
@pytest.mark.parametrize("jump", [timedelta(hours=8), -timedelta(hours=8)])
def test_rounds_that_were_slept_through_are_not_made_up_for_and_no_clock_is_waited_for(jump):
    """After a laptop wakes or a clock is set back, rounds come at the usual interval."""
    list_catalogue(SPECS)
    at = NOW

    def passes(seconds: float) -> None:
        nonlocal at
        at += timedelta(seconds=seconds)
        if len(stop.seconds) == 3:
            at += jump

    stop = Waits(8, passes)
    lease.acquire("me", now=at)
    runner = Runner(
        RoundSource(MarketModel(SPECS, seed=1, at=NOW - SECOND), listed=LISTED, interval=2),
        holder="me",
        interval=2,
        duration=None,
        clock=lambda: at,
        stop=stop,
        report=lambda _: None,
        listed=LISTED,
    )

    assert runner.run().rounds == 8

    assert all(0 <= seconds <= 2 for seconds in stop.seconds)
    assert stop.seconds.count(2) >= 7
