"""Corporate actions, halts, scenarios and restarts, in any order, move no other instrument's price.

The market in which all that happens is compared with one model of the same seed, in which nothing
happens but the moves of scenarios: its quotes are those of the other to the last digit, but for the
symbols that the events are about.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from threading import Event
from typing import Any

import numpy as np
import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from exchange.corporate import splits
from exchange.market import closures
from exchange.market.rules import calendar
from exchange.market.rules.ticks import Tick
from exchange.models import (
    SIMULATOR,
    ActionKind,
    CorporateAction,
    Instrument,
    InstrumentStatus,
    Quote,
    Simulator,
)
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.simulator.model.market_model import MarketModel
from exchange.simulator.run import lease
from exchange.simulator.run.runner import Runner, continue_model
from exchange.simulator.sources.round_source import RoundSource
from exchange.simulator.sources.scenarios import RunningScenario, Scenario, Step
from exchange.tests.corporate.actions import announce
from exchange.tests.market import NOW, list_catalogue
from exchange.trading import halts

pytestmark = pytest.mark.django_db

SEED = 4
LISTED = {spec.symbol: spec.asset_class for spec in CATALOGUE}
STOCKS = ("AAPL", "MSFT", "TSLA")
FUNDS = ("SPY", "QQQ", "VTI", "VOO", "IWM")


@dataclass
class Broker:
    """A simulator that is started and stopped, beside a model without events."""

    at: datetime = NOW
    shares: dict[str, Fraction] = field(default_factory=dict)
    halted: dict[str, Decimal] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    """Symbols with an event of their own, whose rounding may differ."""

    def __post_init__(self) -> None:
        self.instruments = list_catalogue()
        prices = {quote.instrument.symbol: quote.price for quote in quotes().values()}
        self.undisturbed = MarketModel(seed=SEED, at=NOW, prices=prices)
        self.restart()

    def restart(self, *, pause: timedelta = timedelta(seconds=2), moves: Any = None) -> None:
        self.at += pause
        lease.release("me")
        simulator = lease.acquire("me", now=self.at)
        self.runner = Runner(
            RoundSource(
                continue_model(simulator, seed=SEED, now=self.at),
                listed=LISTED,
                scenario=scenario(moves) if moves else None,
            ),
            holder="me",
            interval=2,
            duration=None,
            clock=lambda: self.at,
            stop=Event(),
            report=lambda _: None,
            listed=LISTED,
        )

    def round(self) -> None:
        """One round a minute later, which carries out what is due; prices are compared."""
        self.at += timedelta(minutes=1)
        self.runner.make_round()
        expected = {tick.symbol: tick for tick in self.undisturbed.step(self.at).ticks}
        for symbol, quote in quotes().items():
            self._compare(symbol, quote, expected[symbol])

    def _compare(self, symbol: str, quote: Quote, tick: Tick) -> None:
        if symbol in self.halted:
            assert quote.price == self.halted[symbol]
        elif symbol in self.shares:
            whole = quote.price * self.shares[symbol].numerator / self.shares[symbol].denominator
            assert whole == pytest.approx(tick.price, rel=Decimal("0.002"), abs=Decimal("0.2"))
        else:
            shown = (quote.price, quote.bid, quote.ask)
            assert shown == (tick.price, tick.bid, tick.ask), symbol

    # What may happen

    def split(self, symbol: str, new: int, old: int) -> None:
        enter(self.instruments[symbol], self.at, kind=ActionKind.SPLIT, new=new, old=old)
        ratio = Fraction(new, old)
        self.shares[symbol] = self.shares.get(symbol, Fraction(1)) * ratio
        if symbol in self.halted:
            self.at += timedelta(minutes=1)
            self.runner._carry_out_actions(self.at)
            self.halted[symbol] = quotes()[symbol].price

    def dividend(self, symbol: str) -> None:
        enter(self.instruments[symbol], self.at, kind=ActionKind.DIVIDEND, amount=Decimal("0.50"))

    def halt(self, symbol: str) -> None:
        halts.set_status(symbol=symbol, status=InstrumentStatus.HALTED, now=self.at)
        self.halted[symbol] = quotes()[symbol].price

    def resume(self, symbol: str) -> None:
        halts.set_status(symbol=symbol, status=InstrumentStatus.ACTIVE, now=self.at)
        self.halted.pop(symbol, None)

    def scenario(self, symbol: str, move: float) -> None:
        """Funds follow their holdings, in the compared model too."""
        self.restart(moves={symbol: move})
        self.undisturbed.shift({symbol: move})


def quotes() -> dict[str, Quote]:
    return {quote.instrument.symbol: quote for quote in Quote.objects.select_related("instrument")}


def scenario(moves: dict[str, float]) -> RunningScenario:
    steps = tuple(
        Step(at=0, do="move", symbols=frozenset({symbol}), move=move)
        for symbol, move in moves.items()
    )
    return RunningScenario(Scenario("a title", "a summary", steps))


def enter(
    instrument: Instrument,
    at: datetime,
    *,
    kind: ActionKind,
    new: int | None = None,
    old: int | None = None,
    amount: Decimal | None = None,
) -> None:
    today = at.astimezone(calendar.NEW_YORK).date()
    while CorporateAction.objects.filter(
        instrument=instrument, kind=kind, payable_date=today
    ).exists():
        today -= timedelta(days=1)
    announce(instrument, kind, today, at=at, new_shares=new, old_shares=old, amount=amount)


@contextmanager
def nothing_stays() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


events = st.one_of(
    st.tuples(
        st.just("split"), st.sampled_from([*STOCKS, "SPY"]), st.sampled_from([2, 3, 10]), st.just(1)
    ),
    st.tuples(st.just("split"), st.sampled_from(STOCKS), st.just(1), st.sampled_from([2, 5])),
    st.tuples(st.just("dividend"), st.sampled_from([*STOCKS, "QQQ"])),
    st.tuples(st.sampled_from(["halt", "resume"]), st.sampled_from([*STOCKS, "VTI"])),
    st.tuples(
        st.just("scenario"),
        st.sampled_from([*STOCKS, "QQQ", "BTC-USD", "UST-10Y"]),
        st.floats(-0.2, 0.2),
    ),
    st.tuples(st.just("restart"), st.sampled_from([2, 300, 40_000, 200_000])),
    st.tuples(st.just("wait")),
)


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.generate],  # smaller examples would take minutes to find
)
@given(st.lists(events, min_size=4, max_size=10))
def test_nothing_that_happens_to_one_moves_the_price_of_another(happened: list[Any]) -> None:
    with nothing_stays():
        broker = Broker()
        broker.round()
        for what, *about in happened:
            if what == "restart":
                broker.restart(pause=timedelta(seconds=about[0]))
            elif what != "wait":
                getattr(broker, what)(*about)
            broker.round()


def test_a_restart_after_a_split_leaves_the_funds_where_they_are() -> None:
    """2:1 of MSFT, carried out while the simulator runs; then it is stopped and started."""
    broker = Broker()
    broker.round()
    broker.split("MSFT", 2, 1)
    broker.round()
    before = quotes()

    broker.restart()
    broker.round()

    after = quotes()
    for fund in FUNDS:
        assert after[fund].price == pytest.approx(before[fund].price, rel=Decimal("0.005"))
    assert after["MSFT"].price == pytest.approx(before["MSFT"].price, rel=Decimal("0.01"))


def test_a_split_while_no_simulator_runs_moves_nobody_else() -> None:
    """As when the command carries out the split, or a simulator is killed just after it."""
    broker = Broker()
    broker.round()
    broker.split("MSFT", 2, 1)
    broker.at += timedelta(minutes=1)
    broker.runner._carry_out_actions(broker.at)

    broker.restart()
    broker.round()


@pytest.mark.parametrize("state", [None, {"at": "x"}, "of the first format"])
def test_where_the_state_is_lost_all_go_on_from_their_quotes(state: Any) -> None:
    broker = Broker()
    broker.round()
    broker.split("MSFT", 2, 1)
    broker.round()
    if isinstance(state, str):
        state = {**Simulator.objects.get().state, "format": 1}  # type: ignore[dict-item]
    Simulator.objects.update(state=state)
    before = quotes()

    broker.restart()
    broker.runner.make_round()

    for symbol, quote in quotes().items():
        assert quote.price == pytest.approx(before[symbol].price, rel=Decimal("0.006")), symbol


def test_a_split_changes_what_a_price_counts_and_not_where_it_goes() -> None:
    old, new = MarketModel(seed=2, at=NOW), MarketModel(seed=2, at=NOW)
    new.set_split_ratios({"AAPL": Fraction(50), "SPY": Fraction(1, 4)})

    later = timedelta(days=40)
    first, second = old.path(NOW, later, 3), new.path(NOW, later, 3)

    factors = np.ones(len(CATALOGUE))
    factors[first.symbols.index("AAPL")] = 1 / 50
    factors[first.symbols.index("SPY")] = 4
    assert second.prices == pytest.approx(first.prices * factors)
    assert second.volumes == pytest.approx(first.volumes / factors)
    assert new.state() == old.state()


def test_a_split_and_its_opposite_leave_one_share() -> None:
    broker = Broker()
    broker.split("AAPL", 3, 2)
    broker.round()
    assert splits.cumulative_ratios() == {"AAPL": Fraction(3, 2)}
    broker.split("AAPL", 2, 3)
    broker.round()
    assert splits.cumulative_ratios() == {"AAPL": Fraction(1)}
    assert Simulator.objects.get(name=SIMULATOR).state is not None


@pytest.fixture(autouse=True)
def _no_closures() -> None:
    closures.forget()
