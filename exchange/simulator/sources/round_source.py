"""A source of rounds: the model, with a replay in its place and a scenario over it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from exchange.market import hours
from exchange.market.rules.ticks import Round, Tick
from exchange.simulator.model.market_model import MarketModel
from exchange.simulator.sources.replay import Replay
from exchange.simulator.sources.scenarios import Effects, RunningScenario

_INSTANT = timedelta(microseconds=1)
_MINUTE = timedelta(minutes=1)
# A fast run takes the model's clock centuries ahead, and Python's dates end soon after this year.
_LAST_YEAR = 9800
_NO_EFFECTS = Effects({}, {}, frozenset())


class RoundSource:
    """Rounds of prices, one at a time.

    The model's clock runs `speed` times as fast as the true one, with which `next` is called.
    Rounds have the true time, and its volume. The seconds of a scenario are true ones too, counted
    from the first round. `listed` has the asset class of each symbol that trades.

    Rounds are `interval` seconds apart. If more than that and more than a minute has passed, the
    simulator was not running. Prices then move through this pause at the usual speed, without
    volume.
    """

    def __init__(
        self,
        model: MarketModel,
        *,
        listed: Mapping[str, str],
        speed: float = 1.0,
        interval: float = 1.0,
        replay: Replay | None = None,
        scenario: RunningScenario | None = None,
    ) -> None:
        self._model = model
        self._listed = listed
        self._multipliers: Mapping[str, float] = {}
        self._speed = speed
        self._longest = max(timedelta(seconds=interval), _MINUTE)
        self._replay = replay
        self.scenario = scenario
        self._last = model.at
        self._began: datetime | None = None

    def seconds(self, at: datetime) -> float:
        """Seconds since the scenario began, which is at the first call."""
        if self._began is None:
            self._began = at
        return (at - self._began).total_seconds()

    def next(self, at: datetime) -> Round:
        """The round at `at`: ticks of all symbols that trade then and that no scenario silences.

        Replayed symbols have their ticks from the replay.
        """
        at = max(at, self._last + _INSTANT)
        effects = self._effects(at)
        if effects.factors != self._multipliers:
            self._model.set_volatility_multipliers(effects.factors)
            self._multipliers = effects.factors
        if effects.moves:
            self._model.shift(effects.moves)
        elapsed = at - self._last
        running = min(elapsed, self._longest)
        later = max(running * self._speed + (elapsed - running), _INSTANT)
        if self._model.at.year > _LAST_YEAR:
            self._model.set_prices({}, at=at)
        self._last = at
        moved = self._model.step(self._model.at + later, traded=running / later)
        ticks = self._with_replayed(moved.ticks)
        shown = (
            tick
            for tick in ticks
            if tick.symbol in self._listed
            and tick.symbol not in effects.silent
            and hours.is_open(self._listed[tick.symbol], at)
        )
        return Round(at, tuple(shown))

    def _effects(self, at: datetime) -> Effects:
        if self.scenario is None:
            return _NO_EFFECTS
        return self.scenario.advance(self.seconds(at))

    def _with_replayed(self, ticks: Sequence[Tick]) -> Sequence[Tick]:
        """Replace the ticks of replayed symbols. The model goes on from the replayed prices."""
        if self._replay is None or self._replay.is_over:
            return ticks
        replayed = {tick.symbol for tick in ticks if self._replay.is_replaying(tick.symbol)}
        frame = self._replay.next()
        self._model.set_prices({tick.symbol: tick.price for tick in frame})
        return [*(tick for tick in ticks if tick.symbol not in replayed), *frame]

    @property
    def replay_is_over(self) -> bool:
        return self._replay is None or self._replay.is_over

    def set_split_ratios(self, ratios: Mapping[str, Fraction]) -> None:
        """Express prices in the shares that splits have made: see the model and the replay."""
        self._model.set_split_ratios(ratios)
        if self._replay is not None:
            self._replay.set_split_ratios(ratios)

    def state(self) -> dict[str, Any]:
        """What the model needs to continue."""
        return self._model.state()
