"""Where rounds come from: the model, replays in its place, a scenario over it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from exchange.market import hours
from exchange.market.rules.ticks import Round, Tick
from exchange.simulator.model.market_model import MarketModel
from exchange.simulator.sources.replay import Replay
from exchange.simulator.sources.scenarios import Influence, Performance

_INSTANT = timedelta(microseconds=1)
_MINUTE = timedelta(minutes=1)
# Of the model's clock, which a fast run takes centuries ahead; the calendar ends soon after.
_LAST_YEAR = 9800
_CALM = Influence({}, {}, frozenset())


class Source:
    """Rounds of prices, one at a time.

    The model's clock runs `speed` times as fast as the one that `next` is called with; rounds are
    stamped with the latter, and volumes are of its time. A scenario's seconds are its too, and
    begin with the first round. `listed` has the asset class of each symbol that trades.

    Rounds are `interval` seconds apart. What is longer than that, and than a minute, is a pause:
    nobody was there. Prices have moved on through it, at the usual speed, and nothing has traded.
    """

    def __init__(
        self,
        model: MarketModel,
        *,
        listed: Mapping[str, str],
        speed: float = 1.0,
        interval: float = 1.0,
        replay: Replay | None = None,
        performance: Performance | None = None,
    ) -> None:
        self._model = model
        self._listed = listed
        self._factors: Mapping[str, float] = {}
        self._speed = speed
        self._longest = max(timedelta(seconds=interval), _MINUTE)
        self._replay = replay
        self.performance = performance
        self._last = model.at
        self._began: datetime | None = None

    def seconds(self, at: datetime) -> float:
        """Of the scenario, which has begun with the first call."""
        if self._began is None:
            self._began = at
        return (at - self._began).total_seconds()

    def next(self, at: datetime) -> Round:
        """The round at `at`: of what trades then, is not silent, and is not left to a replay."""
        at = max(at, self._last + _INSTANT)
        influence = self._influence(at)
        if influence.factors != self._factors:
            self._model.agitate(influence.factors)
            self._factors = influence.factors
        if influence.moves:
            self._model.shift(influence.moves)
        elapsed = at - self._last
        running = min(elapsed, self._longest)
        later = max(running * self._speed + (elapsed - running), _INSTANT)
        if self._model.at.year > _LAST_YEAR:
            self._model.adopt({}, at=at)
        self._last = at
        moved = self._model.step(self._model.at + later, traded=running / later)
        ticks = self._with_replayed(moved.ticks)
        shown = (
            tick
            for tick in ticks
            if tick.symbol in self._listed
            and tick.symbol not in influence.silent
            and hours.is_open(self._listed[tick.symbol], at)
        )
        return Round(at, tuple(shown))

    def _influence(self, at: datetime) -> Influence:
        if self.performance is None:
            return _CALM
        return self.performance.advance(self.seconds(at))

    def _with_replayed(self, ticks: Sequence[Tick]) -> Sequence[Tick]:
        """Ticks of replayed symbols in the place of the model's, which goes on from them."""
        if self._replay is None or self._replay.is_over:
            return ticks
        driven = {tick.symbol for tick in ticks if self._replay.is_driven(tick.symbol)}
        frame = self._replay.next()
        self._model.adopt({tick.symbol: tick.price for tick in frame})
        return [*(tick for tick in ticks if tick.symbol not in driven), *frame]

    @property
    def replay_is_over(self) -> bool:
        return self._replay is None or self._replay.is_over

    def count_in(self, shares: Mapping[str, Fraction]) -> None:
        """Tell prices in the shares that splits have made out of one: see model and replay."""
        self._model.count_in(shares)
        if self._replay is not None:
            self._replay.count_in(shares)

    def state(self) -> dict[str, Any]:
        """What the model needs to go on."""
        return self._model.state()
