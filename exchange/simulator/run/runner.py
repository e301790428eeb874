"""The simulator's loop: a round, a pause, a round, until it is stopped."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from threading import Event

from django.db import InterfaceError, OperationalError, connection

from exchange import engine
from exchange.corporate import processing, splits
from exchange.market.rules.ticks import Round
from exchange.models import (
    SIMULATOR,
    Instrument,
    InstrumentStatus,
    Quote,
    Simulator,
)
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.simulator.model.market_model import MarketModel
from exchange.simulator.model.specs import InstrumentSpec
from exchange.simulator.run import alerts, lease
from exchange.simulator.sources.round_source import RoundSource
from exchange.streaming import publish
from exchange.trading import halts

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]
LONGEST_PAUSE_AFTER_ERROR = 5.0
_STATUS = {"halt": InstrumentStatus.HALTED, "resume": InstrumentStatus.ACTIVE}


def continue_model(
    simulator: Simulator,
    *,
    seed: int,
    now: datetime,
    specs: Sequence[InstrumentSpec] = CATALOGUE,
) -> MarketModel:
    """The model as the last run left it, at prices that are never older than the last quotes.

    Its volatility continues from the stored state. So do its prices and its clock, unless quotes
    are newer or a fast run has taken the clock ahead; then the model continues from the quotes.
    """
    quotes = list(Quote.objects.select_related("instrument"))
    prices = {quote.instrument.symbol: quote.price for quote in quotes}
    newest = max((quote.timestamp for quote in quotes), default=now - timedelta(days=1))
    at = min(newest, now)
    model = MarketModel(
        specs,
        seed=seed,
        at=at,
        prices=prices,
        tick=simulator.rounds,
        split_ratios=splits.cumulative_ratios(),
    )
    if simulator.state is None:
        return model
    try:
        model.restore(simulator.state)
    except ValueError as error:
        logger.warning("the stored state of the market is not usable: %s", error)
        return model
    if not at <= model.at <= now:
        model.set_prices(prices, at=at)
    return model


@dataclass(slots=True)
class Progress:
    """What a run has done so far."""

    rounds: int = 0
    quotes: int = 0
    orders_changed: int = 0
    last: Round | None = None
    prices: dict[str, Decimal] = field(default_factory=dict)
    """The last price of each symbol."""

    def remember(self, round_: Round) -> None:
        self.last = round_
        self.prices.update({tick.symbol: tick.price for tick in round_.ticks})


class Runner:
    """Makes a round every `interval` seconds under a lease, for `duration` seconds or for ever.

    Clock, pause and report are arguments, so that a test can run a day in a moment. `stop` ends the
    run after the current round; `stop_after_replay` ends it after the last replayed row.
    `listed` has the asset class of each symbol.
    """

    def __init__(
        self,
        source: RoundSource,
        *,
        holder: str,
        interval: float,
        duration: float | None,
        clock: Clock,
        stop: Event,
        report: Callable[[Progress], None],
        listed: Mapping[str, str],
        stop_after_replay: bool = False,
    ) -> None:
        self._source = source
        self._holder = holder
        self._interval = interval
        self._duration = duration
        self._clock = clock
        self._stop = stop
        self._report = report
        self._pending: Round | None = None
        self._minute: datetime | None = None
        self._split_ratios: dict[str, Fraction] = {}
        self._moves = alerts.LargeMoves(listed)
        self._stop_after_replay = stop_after_replay
        self.progress = Progress()

    def run(self) -> Progress:
        """Make rounds until the end; LeaseLost when another simulator took over."""
        began = due = self._clock()
        try:
            self._run_rounds(began, due)
        finally:
            self._end_halts()
        return self.progress

    def _run_rounds(self, began: datetime, due: datetime) -> None:
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
            pause_after_error = self._interval
            due = self._next_due(due)
            self._stop.wait((due - self._clock()).total_seconds())

    def _next_due(self, due: datetime) -> datetime:
        """An interval later. Rounds missed while the machine slept are not made up for.

        If the clock was set back, the next round does not wait for the old time.
        """
        now, interval = self._clock(), timedelta(seconds=self._interval)
        return min(max(due + interval, now), now + interval)

    def make_round(self) -> None:
        """One round: the steps of a scenario, corporate actions, prices, fills, alerts."""
        now = self._clock()
        self._carry_out_scenario(now)
        self._carry_out_actions(now)
        # A round that the database refused is tried again, since it may hold rows of a replay. Its
        # number keeps it from counting twice, if the database took it but the answer was lost.
        self._pending = round_ = self._pending or self._numbered(self._source.next(now))
        lease.renew(self._holder, now=self._clock(), state=self._source.state())
        changed = engine.advance(round_)
        self._pending = None
        for alert in self._moves.of(round_, _halted()):
            publish.alert(alert)
        self.progress.rounds += 1
        self.progress.quotes += len(round_.ticks)
        self.progress.orders_changed += changed
        self.progress.remember(round_)
        self._report(self.progress)

    def _numbered(self, round_: Round) -> Round:
        rounds = Simulator.objects.values_list("rounds", flat=True).get(name=SIMULATOR)
        return replace(round_, sequence=rounds + 1)

    def _carry_out_actions(self, now: datetime) -> None:
        """Once a minute: coupons, dividends and splits that are due."""
        minute = now.replace(second=0, microsecond=0)
        if minute == self._minute or self._pending is not None:
            return
        processing.run(now=now)
        self._follow_splits()
        self._minute = minute

    def _follow_splits(self) -> None:
        """Express prices in today's shares."""
        ratios = splits.cumulative_ratios()
        if ratios != self._split_ratios:
            self._source.set_split_ratios(ratios)
            self._moves.forget(symbol for symbol, _ in ratios.items() ^ self._split_ratios.items())
            self._split_ratios = ratios

    def _carry_out_scenario(self, now: datetime) -> None:
        """Carry out the scenario's halts, resumptions and alerts that are due."""
        scenario = self._source.scenario
        if scenario is None:
            return
        while (step := scenario.due(self._source.seconds(now))) is not None:
            if step.do == "alert":
                publish.alert(alerts.of_step(step, now))
            else:
                _set_status(step.symbols, _STATUS[step.do], now)
            scenario.done(step)

    def _end_halts(self) -> None:
        """Resume what a scenario has halted, if the run ends before the scenario."""
        scenario = self._source.scenario
        if scenario is not None and scenario.halted:
            _set_status(scenario.halted, InstrumentStatus.ACTIVE, self._clock())

    def _is_over(self, began: datetime) -> bool:
        if self._stop_after_replay and self._source.replay_is_over:
            return True
        if self._duration is None:
            return False
        return (self._clock() - began).total_seconds() >= self._duration


def _halted() -> set[str]:
    halted = Instrument.objects.filter(status=InstrumentStatus.HALTED)
    return set(halted.values_list("symbol", flat=True))


def _set_status(symbols: Iterable[str], status: InstrumentStatus, now: datetime) -> None:
    for symbol in sorted(symbols):
        halts.set_status(symbol=symbol, status=status, now=now)
