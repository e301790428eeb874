"""The simulator's loop, and the command around it."""

from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone
from rich.console import Console

from exchange import engine
from exchange.corporate import processing
from exchange.market import candles, closures
from exchange.models import (
    SIMULATOR,
    ActionKind,
    CorporateAction,
    Instrument,
    Quote,
    Simulator,
)
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.simulator.model.market_model import MarketModel
from exchange.simulator.run import lease, live_view
from exchange.simulator.run.runner import Progress, Runner, continue_model
from exchange.simulator.sources.round_source import RoundSource
from exchange.tests import market, scenes
from exchange.tests.corporate.actions import announce_dividend, announce_split
from exchange.tests.market import NOW

pytestmark = pytest.mark.django_db

LISTED = {"AAPL": "stock", "BTC-USD": "crypto"}
SPECS = tuple(spec for spec in CATALOGUE if spec.symbol in ("AAPL", "BTC-USD"))


@pytest.fixture
def listed(db: None) -> dict[str, Instrument]:
    instruments = market.list_catalogue(SPECS, size="10")
    candles.record([candles.Trade(instruments["AAPL"].pk, NOW, Decimal(100), 1)])
    return instruments


class Clock:
    """A clock that advances two seconds with each call."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


class NoPause(Event):
    """An event that does not wait."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


def make_runner(
    duration: float | None = 20, stop: Event | None = None, clock: Clock | None = None
) -> Runner:
    lease.acquire("me", now=NOW)
    return Runner(
        RoundSource(MarketModel(SPECS, seed=1, at=NOW), listed=LISTED),
        holder="me",
        interval=2,
        duration=duration,
        clock=clock or Clock(),
        stop=stop or NoPause(),
        report=lambda _: None,
        listed=LISTED,
    )


def enter_split() -> CorporateAction:
    return announce_split(Instrument.objects.get(symbol="AAPL"), 4, 1, ex_date=NOW.date())


def test_after_a_split_the_model_goes_on_in_new_shares(listed):
    clock = Clock()
    runner = make_runner(clock=clock)
    runner.make_round()
    before = Quote.objects.get(pk=listed["AAPL"].pk).price
    action = enter_split()
    clock.at += timedelta(minutes=1)

    runner.make_round()

    action.refresh_from_db()
    assert action.carried_out_at is not None
    after = Quote.objects.get(pk=listed["AAPL"].pk).price
    assert after == pytest.approx(before / 4, rel=Decimal("0.02"))
    runner.make_round()
    assert Quote.objects.get(pk=listed["AAPL"].pk).price == pytest.approx(
        after, rel=Decimal("0.02")
    )


def test_a_split_is_followed_also_when_what_comes_after_it_is_interrupted(listed, monkeypatch):
    """The database fails between the split and a dividend."""
    clock = Clock()
    runner = make_runner(clock=clock)
    runner.make_round()
    before = Quote.objects.get(pk=listed["AAPL"].pk).price
    enter_split()
    later = NOW + timedelta(seconds=1)
    dividend = announce_dividend(listed["AAPL"], "1", ex_date=NOW.date(), at=later)
    clock.at += timedelta(minutes=1)
    pay = processing._PROCESSORS[ActionKind.DIVIDEND]

    def fail_once(*_: Any, **__: Any) -> int:
        monkeypatch.setitem(processing._PROCESSORS, ActionKind.DIVIDEND, pay)
        raise OperationalError("gone")

    monkeypatch.setitem(processing._PROCESSORS, ActionKind.DIVIDEND, fail_once)
    with pytest.raises(OperationalError):
        runner.make_round()

    runner.make_round()

    after = Quote.objects.get(pk=listed["AAPL"].pk).price
    assert after == pytest.approx(before / 4, rel=Decimal("0.02"))
    dividend.refresh_from_db()
    assert dividend.carried_out_at is not None


def test_a_split_is_no_large_move(listed, monkeypatch):
    sent: list[Any] = []
    monkeypatch.setattr("exchange.streaming.publish.alert", sent.append)
    clock = Clock()
    runner = make_runner(clock=clock)
    runner.make_round()
    enter_split()
    clock.at += timedelta(minutes=1)

    runner.make_round()
    runner.make_round()

    assert Quote.objects.get(pk=listed["AAPL"].pk).price < SPECS[0].start_price / 2
    assert sent == []


def test_no_simulator_begins_while_the_command_carries_out_splits(listed, monkeypatch):
    enter_split()
    refused = []

    def run(**arguments: Any) -> list[processing.Processed]:
        with pytest.raises(lease.LeaseTaken) as refusal:
            lease.acquire("me", now=arguments["now"])
        refused.append(refusal)
        return []

    monkeypatch.setattr("exchange.corporate.processing.run", run)

    call_command("run_corporate_actions")

    assert len(refused) == 1
    lease.acquire("me", now=NOW)


def test_the_command_leaves_splits_to_a_simulator_that_is_running(listed, capsys):
    action = enter_split()
    now = timezone.now()
    lease.acquire("me", now=now)

    call_command("run_corporate_actions")

    action.refresh_from_db()
    assert action.carried_out_at is None
    assert "Splits are left to the simulator" in capsys.readouterr().out
    lease.release("me")
    call_command("run_corporate_actions")
    action.refresh_from_db()
    assert action.carried_out_at is not None


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

    monkeypatch.setattr("exchange.simulator.run.runner.engine.advance", flaky)
    monkeypatch.setattr("exchange.simulator.run.runner.connection.close", lambda: None)
    assert runner.run().rounds > 1


def test_a_round_whose_success_the_database_could_not_tell_counts_once(listed, monkeypatch):
    runner = make_runner()
    advance, failures = engine.advance, iter([True])

    def taken_without_a_word(round_):
        changed = advance(round_)
        if next(failures, False):
            raise OperationalError("gone at the commit")
        return changed

    monkeypatch.setattr("exchange.simulator.run.runner.engine.advance", taken_without_a_word)
    with pytest.raises(OperationalError):
        runner.make_round()
    runner.make_round()
    runner.make_round()

    assert Simulator.objects.get().rounds == 2
    assert set(Quote.objects.values_list("sequence", flat=True)) == {3}  # it began with 1


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


@pytest.mark.parametrize("state", [None, {}, {"format": 2, "at": "x"}, {"at": "2020-01-01T00:00"}])
def test_without_a_usable_state_it_continues_from_the_last_prices(listed, state):
    Quote.objects.update(price=Decimal("55.55"))
    simulator = Simulator(name=SIMULATOR, state=state, rounds=7)
    model = continue_model(simulator, seed=1, now=NOW + timedelta(seconds=2), specs=SPECS)
    prices = {tick.symbol: tick.price for tick in model.step(NOW + timedelta(seconds=3)).ticks}
    assert all(abs(price - Decimal("55.55")) < 1 for price in prices.values())


def test_the_command_runs_for_a_while_and_tells_what_it_did(db, settings):
    scenes.seed_market()
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
        ({"duration": -1}, "duration"),
        ({"speed": 0}, "speed"),
        ({"speed": float("inf")}, "speed"),
        ({"seed": -1}, "seed"),
        ({"symbol": "AAPL"}, "go with --replay"),
        ({"stop_after_replay": True}, "go with --replay"),
        ({"rescale": True}, "go with --replay"),
        ({"replay": [Path("x.csv")], "symbol": "NOPE"}, "no instrument NOPE"),
        ({"replay": [Path("/nowhere.csv")], "symbol": "AAPL"}, "Can't replay"),
        ({"replay": [Path("/")], "symbol": "AAPL"}, "Can't replay"),
        ({"scenario": "nonsense"}, "there is no 'nonsense': name crypto-weekend"),
        ({"scenario": "/nowhere.toml"}, "Can't play"),
    ],
)
def test_options_that_make_no_sense_are_refused_with_a_reason(listed, options, message):
    with pytest.raises(CommandError, match=message):
        call_command("run_exchange_simulator", **options)


@pytest.fixture
def seeded(db: None) -> None:
    scenes.seed_market()


def run(**options: Any) -> str:
    """Run the command; returns its output."""
    out = StringIO()
    call_command("run_exchange_simulator", stdout=out, stderr=out, interval=0.01, **options)
    return out.getvalue()


BARS = (
    "date,open,high,low,close,volume\n"
    "2000-01-03,104.87,112.50,101.69,111.94,4783900\n"
    "2000-01-04,108.25,110.62,101.19,102.50,4574800\n"
)


@pytest.mark.usefixtures("seeded")
def test_a_replay_drives_its_symbol_and_can_end_with_the_file(tmp_path: Path):
    file = tmp_path / "aapl.csv"
    file.write_text(BARS)
    before = Quote.objects.get(instrument__symbol="AAPL").sequence
    said = run(replay=[file], stop_after_replay=True)
    quote = Quote.objects.get(instrument__symbol="AAPL")
    assert (quote.price, quote.sequence - before) == (Decimal("102.50"), 8)
    assert "Replaying 2 rows of AAPL, 2000-01-03 to 2000-01-04." in said


@pytest.mark.usefixtures("seeded")
def test_bad_rows_of_a_replay_are_named_and_refused_or_skipped(tmp_path: Path):
    file = tmp_path / "aapl.csv"
    file.write_text(BARS + "2000-01-04,1,1,1,1,1\n2000-01-05,NaN,1,1,1,1\n")
    before = Quote.objects.get(instrument__symbol="AAPL").sequence
    with pytest.raises(CommandError, match=r"line 4: a second row .*; line 5: prices must"):
        run(replay=[file])
    assert Quote.objects.get(instrument__symbol="AAPL").sequence == before
    assert Simulator.objects.get().holder == ""

    said = run(replay=[file], bad_rows="skip", stop_after_replay=True)
    assert "aapl.csv, line 4: a second row of 2000-01-04 (the first: line 3)" in said
    assert "aapl.csv, line 5: prices must be positive numbers" in said
    assert Quote.objects.get(instrument__symbol="AAPL").price == Decimal("102.50")


@pytest.mark.usefixtures("seeded")
def test_a_rescaled_replay_begins_where_the_market_is_and_leaves_no_trace_of_its_own_prices(
    tmp_path: Path,
):
    file = tmp_path / "aapl.csv"
    file.write_text(BARS)
    before = Quote.objects.get(instrument__symbol="AAPL")
    run(replay=[file], rescale=True, stop_after_replay=True)
    after = Quote.objects.get(instrument__symbol="AAPL")
    # It closes at 102.50 after having opened at 104.87.
    assert after.price / before.price == pytest.approx(
        Decimal("102.50") / Decimal("104.87"), rel=Decimal("0.0001")
    )
    assert after.low == min(
        before.low,
        (before.price * Decimal("101.19") / Decimal("104.87")).quantize(Decimal("0.01")),
    )


@pytest.mark.usefixtures("listed")
def test_a_replay_is_refused_while_the_market_keeps_hours(settings: Any, tmp_path: Path):
    settings.EXCHANGE_MARKET_HOURS = True
    (tmp_path / "AAPL.csv").write_text(BARS)
    with pytest.raises(CommandError, match="always open"):
        run(replay=[tmp_path / "AAPL.csv"])


def test_a_round_the_database_did_not_take_is_offered_again(listed, monkeypatch):
    runner = make_runner()
    advance, failures, offered = engine.advance, iter([True]), []

    def flaky(round_):
        offered.append(round_)
        if next(failures, False):
            raise OperationalError("gone for a moment")
        return advance(round_)

    monkeypatch.setattr("exchange.simulator.run.runner.engine.advance", flaky)
    monkeypatch.setattr("exchange.simulator.run.runner.connection.close", lambda: None)
    runner.run()
    assert offered[0] is offered[1]
    assert offered[1] is not offered[2]


# Speed


def test_speed_lets_the_model_run_ahead_of_the_clock():
    model = MarketModel(SPECS, seed=1, at=NOW)
    source = RoundSource(model, listed=LISTED, speed=60)

    rounds = [source.next(NOW + timedelta(seconds=number)) for number in (1, 2, 3)]

    assert [round_.at for round_ in rounds] == [
        NOW + timedelta(seconds=number) for number in (1, 2, 3)
    ]
    assert model.at == NOW + timedelta(minutes=3)


def test_after_a_fast_run_the_market_goes_on_from_its_prices_at_the_usual_pace(listed):
    model = MarketModel(SPECS, seed=1, at=NOW)
    source = RoundSource(model, listed=LISTED, speed=5000)
    for number in range(1, 20):
        engine.advance(source.next(NOW + timedelta(seconds=number)))
    Simulator.objects.update_or_create(name=SIMULATOR, defaults={"state": source.state()})
    now = NOW + timedelta(seconds=21)

    again = continue_model(Simulator.objects.get(), seed=1, now=now, specs=SPECS)

    assert again.at <= now
    assert again.state()["volatility"] == model.state()["volatility"]
    last = {quote.instrument.symbol: quote.price for quote in Quote.objects.all()}
    for tick in again.step(now + timedelta(seconds=1)).ticks:
        assert tick.price == pytest.approx(last[tick.symbol], rel=Decimal("0.005"))


# Hours


def test_with_real_hours_only_coins_have_quotes_at_night(listed, settings):
    settings.EXCHANGE_MARKET_HOURS = True
    closures.forget()
    source = RoundSource(MarketModel(SPECS, seed=1, at=NOW), listed=LISTED)
    quoted = [
        {tick.symbol for tick in source.next(at).ticks}
        for at in (NOW + timedelta(hours=1), NOW + timedelta(hours=6), NOW + timedelta(hours=24))
    ]
    assert quoted == [{"AAPL", "BTC-USD"}, {"BTC-USD"}, {"AAPL", "BTC-USD"}]


# What it shows


def test_lines_come_now_and_then(monkeypatch):
    clock = iter([0.0, 10.0, 31.0, 32.0])
    monkeypatch.setattr("exchange.simulator.run.live_view.monotonic", lambda: next(clock))
    written: list[str] = []
    view = live_view.Lines(written.append)
    for rounds in (1, 2, 3):
        view.show(Progress(rounds=rounds, prices={"AAPL": Decimal("190.02")}))
    assert written == ["2 rounds, 0 quotes, 0 orders changed  AAPL 190.02"]


def test_a_terminal_shows_rates_prices_and_fills(listed, alice):
    order = market.place(alice, "buy", "2")
    assert order.status == "filled"
    screen = StringIO()
    console = Console(file=screen, force_terminal=True, width=120, height=60)
    view = live_view.Screen(console, began=NOW, title="A title")
    with view.open():
        view.show(Progress(rounds=7, quotes=14, prices={"AAPL": Decimal("190.02")}))
    shown = screen.getvalue()
    for part in ("A title", "rounds/s", "7 rounds, 14 quotes", "1 fills", "190.02", "buy"):
        assert part in shown
