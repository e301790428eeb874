"""The simulator's loop: a round, a pause, a round, until it is told to stop."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Event
from typing import Any

from django.db import InterfaceError, OperationalError, connection

from exchange import engine
from exchange.market.ticks import Round, Tick
from exchange.models import Quote, Simulator
from exchange.simulator import lease
from exchange.simulator.model import MarketModel
from exchange.simulator.universe import CATALOGUE, InstrumentSpec

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]
LONGEST_PAUSE_AFTER_ERROR = 5.0


class ReplayEnded(Exception):
    """The file has no more bars."""


class ModelSource:
    """Rounds from the market model, for the symbols that are listed."""

    def __init__(self, model: MarketModel, replayed: Iterator[Tick] | None = None) -> None:
        self._model = model
        self._replayed = replayed

    def next(self, at: datetime) -> Round:
        """The round at `at`; a replayed symbol's tick comes from its file instead."""
        at = max(at, self._model.at + timedelta(microseconds=1))
        round_ = self._model.step(at)
        if self._replayed is None:
            return round_
        tick = next(self._replayed, None)
        if tick is None:
            raise ReplayEnded
        others = tuple(each for each in round_.ticks if each.symbol != tick.symbol)
        return Round(round_.at, (*others, tick))

    def state(self) -> dict[str, Any]:
        return self._model.state()


def continue_model(
    simulator: Simulator,
    *,
    seed: int,
    now: datetime,
    specs: Sequence[InstrumentSpec] = CATALOGUE,
) -> MarketModel:
    """The model as it was left, or as near as can be: the last prices are never left behind."""
    prices: dict[str, Decimal] = {}
    newest = now - timedelta(days=1)
    for quote in Quote.objects.select_related("instrument"):
        prices[quote.instrument.symbol] = quote.price
        newest = max(newest, quote.timestamp)
    at = min(newest, now)
    if simulator.state is not None and _fits(simulator.state, at):
        model = MarketModel(specs, seed=seed, at=at)
        try:
            model.restore(simulator.state)
        except ValueError as error:
            logger.warning("the stored state of the market is not usable: %s", error)
        else:
            return model
    return MarketModel(specs, seed=seed, at=at, prices=prices, tick=simulator.rounds)


def _fits(state: dict[str, Any], newest_quote_at: datetime) -> bool:
    """A state that is older than the quotes would take prices back."""
    try:
        return datetime.fromisoformat(state["at"]) >= newest_quote_at
    except (KeyError, TypeError, ValueError):
        return False


@dataclass(slots=True)
class Progress:
    """What a run has done so far."""

    rounds: int = 0
    quotes: int = 0
    orders_changed: int = 0
    last: Round | None = None


class Runner:
    """Runs rounds every `interval` seconds under a lease, for `duration` seconds or for ever.

    Clock, pause and report are arguments so that a test can run a day in a moment. `stop` ends the
    run after the round that is being made.
    """

    def __init__(
        self,
        source: ModelSource,
        *,
        holder: str,
        interval: float,
        duration: float | None,
        clock: Clock,
        stop: Event,
        report: Callable[[Progress], None],
    ) -> None:
        self._source = source
        self._holder = holder
        self._interval = interval
        self._duration = duration
        self._clock = clock
        self._stop = stop
        self._report = report
        self.progress = Progress()

    def run(self) -> Progress:
        """Make rounds until the end; LeaseLost when another simulator took over."""
        began = due = self._clock()
        pause_after_error = self._interval
        while not self._stop.is_set() and not self._is_over(began):
            try:
                self.make_round()
            except (OperationalError, InterfaceError) as error:
                logger.warning("the database does not answer (%s); trying again", error)
                connection.close()
                pause_after_error = min(pause_after_error * 2, LONGEST_PAUSE_AFTER_ERROR)
                self._stop.wait(pause_after_error)
                due = self._clock()
                continue
            except ReplayEnded:
                break
            pause_after_error = self._interval
            due += timedelta(seconds=self._interval)
            self._stop.wait(max((due - self._clock()).total_seconds(), 0))
        return self.progress

    def make_round(self) -> None:
        """One round: prices, fills, lease."""
        round_ = self._source.next(self._clock())
        lease.renew(self._holder, now=self._clock(), state=self._source.state())
        changed = engine.advance(round_)
        self.progress.rounds += 1
        self.progress.quotes += len(round_.ticks)
        self.progress.orders_changed += changed
        self.progress.last = round_
        self._report(self.progress)

    def _is_over(self, began: datetime) -> bool:
        if self._duration is None:
            return False
        return (self._clock() - began).total_seconds() >= self._duration
