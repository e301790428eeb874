"""The simulator's loop, and the command around it."""

from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from threading import Event

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from exchange import engine
from exchange.market import candles
from exchange.models import SIMULATOR, Instrument, Quote, Simulator
from exchange.simulator import lease, listing
from exchange.simulator.model import MarketModel
from exchange.simulator.runner import ModelSource, Runner, continue_model
from exchange.simulator.universe import CATALOGUE
from exchange.tests.market import NOW, set_quote

pytestmark = pytest.mark.django_db

SPECS = tuple(spec for spec in CATALOGUE if spec.symbol in ("AAPL", "BTC-USD"))


@pytest.fixture
def listed(db: None) -> dict[str, Instrument]:
    listing.list_instruments(SPECS, now=NOW)
    instruments = {row.symbol: row for row in Instrument.objects.all()}
    for spec in SPECS:
        price = spec.start_price
        set_quote(instruments[spec.symbol], f"{price}", f"{price + 1}", size="10")
    candles.record([candles.Trade(instruments["AAPL"].pk, NOW, Decimal(100), 1)])
    return instruments


class Clock:
    """Two seconds pass whenever somebody asks."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


class NoPause(Event):
    """An event that does not wait."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


def make_runner(duration: float | None = 20, stop: Event | None = None) -> Runner:
    lease.acquire("me", now=NOW)
    return Runner(
        ModelSource(MarketModel(SPECS, seed=1, at=NOW)),
        holder="me",
        interval=2,
        duration=duration,
        clock=Clock(),
        stop=stop or NoPause(),
        report=lambda _: None,
    )


def test_rounds_are_recorded_until_the_time_is_over(listed):
    done = make_runner().run()
    assert done.rounds > 3
    assert set(Quote.objects.values_list("sequence", flat=True)) == {done.rounds + 1}
    simulator = Simulator.objects.get(name=SIMULATOR)
    assert simulator.rounds == done.rounds
    assert simulator.state is not None
    assert simulator.state["tick"] == done.rounds


def test_stop_ends_it_after_the_round(listed):
    stop = NoPause()
    runner = make_runner(duration=None, stop=stop)
    runner._report = lambda progress: stop.set()
    assert runner.run().rounds == 1


def test_a_lost_lease_stops_it_before_it_writes(listed):
    runner = make_runner()
    Simulator.objects.update(holder="another")
    with pytest.raises(lease.LeaseLost):
        runner.run()
    assert set(Quote.objects.values_list("sequence", flat=True)) == {1}


def test_a_lost_database_is_waited_for(listed, monkeypatch):
    runner = make_runner()
    advance, failures = engine.advance, iter([True, True])

    def flaky(round_):
        if next(failures, False):
            raise OperationalError("gone for a moment")
        return advance(round_)

    monkeypatch.setattr("exchange.simulator.runner.engine.advance", flaky)
    monkeypatch.setattr("exchange.simulator.runner.connection.close", lambda: None)
    assert runner.run().rounds > 1


def test_a_restart_continues_where_the_state_ends(listed):
    make_runner().run()
    simulator = Simulator.objects.get()
    now = NOW + timedelta(minutes=1)
    model = continue_model(simulator, seed=1, now=now, specs=SPECS)
    assert model.tick == simulator.rounds
    assert simulator.state is not None
    assert model.at.isoformat() == simulator.state["at"]
    tick = model.step(now).ticks[0]
    last = Quote.objects.get(instrument__symbol=tick.symbol).price
    assert abs(tick.price / last - 1) < Decimal("0.02")


@pytest.mark.parametrize("state", [None, {}, {"at": "x"}, {"at": "2020-01-01T00:00:00+00:00"}])
def test_without_a_usable_state_it_continues_from_the_last_prices(listed, state):
    Quote.objects.update(price=Decimal("55.55"))
    simulator = Simulator(name=SIMULATOR, state=state, rounds=7)
    model = continue_model(simulator, seed=1, now=NOW + timedelta(seconds=2), specs=SPECS)
    prices = {tick.symbol: tick.price for tick in model.step(NOW + timedelta(seconds=3)).ticks}
    assert all(abs(price - Decimal("55.55")) < 1 for price in prices.values())


def test_the_command_runs_for_a_while_and_tells_what_it_did(db, settings):
    call_command("seed_market", days=8, minutes=1, stdout=StringIO())
    out = StringIO()
    call_command("run_exchange_simulator", duration=0.3, interval=0.1, seed=3, stdout=out)
    assert "26 instruments" in out.getvalue()
    assert "Stopped after" in out.getvalue()
    assert Simulator.objects.get().holder == ""


def test_a_second_simulator_says_so_and_exits(listed):
    lease.acquire("the first", now=datetime.now(NOW.tzinfo))
    with pytest.raises(CommandError, match="the first"):
        call_command("run_exchange_simulator", duration=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval": 0}, "interval"),
        ({"interval": float("nan")}, "interval"),
        ({"replay": Path("x.csv")}, "go together"),
        ({"replay": Path("x.csv"), "symbol": "NOPE"}, "no instrument NOPE"),
        ({"replay": Path("/nowhere.csv"), "symbol": "AAPL"}, "Can't replay"),
    ],
)
def test_options_that_make_no_sense_are_refused_with_a_reason(listed, options, message):
    with pytest.raises(CommandError, match=message):
        call_command("run_exchange_simulator", **options)


def test_an_empty_market_is_not_simulated(db):
    with pytest.raises(CommandError, match="seed_market"):
        call_command("run_exchange_simulator", duration=0.1)


def test_a_replay_drives_its_symbol_and_ends_with_the_file(db, tmp_path):
    call_command("seed_market", days=8, minutes=1, stdout=StringIO())
    file = tmp_path / "aapl.csv"
    file.write_text(
        "date,open,high,low,close,volume\n"
        "2000-01-03,104.87,112.50,101.69,111.94,4783900\n"
        "2000-01-04,108.25,110.62,101.19,102.50,4574800\n"
    )
    before = Quote.objects.get(instrument__symbol="AAPL").sequence
    out = StringIO()
    call_command("run_exchange_simulator", replay=file, symbol="AAPL", interval=0.01, stdout=out)
    quote = Quote.objects.get(instrument__symbol="AAPL")
    assert (quote.price, quote.sequence - before) == (Decimal("102.50"), 8)
    assert "Replaying 2 bars" in out.getvalue()
