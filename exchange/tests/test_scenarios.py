"""Scenarios: what their files may say, and what they do to the market."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from exchange.market.rules.ticks import Round
from exchange.models import Instrument, Quote
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.simulator.model.market_model import MarketModel
from exchange.simulator.run import alerts, lease
from exchange.simulator.run.runner import Runner
from exchange.simulator.sources import scenarios
from exchange.simulator.sources.round_source import RoundSource
from exchange.simulator.sources.scenarios import BadScenario, RunningScenario, Scenario, Step
from exchange.streaming import publish
from exchange.streaming.rules import protocol
from exchange.tests.market import NOW, list_catalogue, tick

LISTED = {spec.symbol: spec.asset_class for spec in CATALOGUE}
STOCKS = frozenset(symbol for symbol, kind in LISTED.items() if kind == "stock")


def read(folder: Path, text: str) -> Scenario:
    file = folder / "own.toml"
    file.write_text(text)
    return scenarios.read(file, LISTED)


HEAD = 'title = "Mine"\nsummary = "It moves."\n'
MOVE = '[[steps]]\nat = 1\ndo = "move"\nsymbols = ["stock"]\npercent = 10\nover = 10\n'


# Files


@pytest.mark.parametrize("name", scenarios.names())
def test_the_scenarios_of_the_project_can_be_played(name: str):
    scenario = scenarios.read(scenarios.find(name), LISTED)
    assert scenario.length <= 300
    assert scenario.summary.endswith(".")


def test_the_promised_scenarios_are_there():
    assert scenarios.names() == [
        "crypto-weekend",
        "feed-outage",
        "flash-crash",
        "gap-at-the-open",
        "halt-and-reopen",
        "rally",
        "volatility-spike",
    ]


def test_a_scenario_of_ones_own_is_a_file(tmp_path: Path):
    scenario = read(tmp_path, HEAD + MOVE)
    (step,) = scenario.steps
    assert (step.symbols, step.at, step.over, scenario.length) == (STOCKS, 1, 10, 11)
    assert scenarios.find(str(tmp_path / "own.toml")) == tmp_path / "own.toml"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("not toml", "not TOML"),
        (HEAD, "the file: steps is missing"),
        (HEAD + "steps = 3", "at least one"),
        (HEAD + "steps = []", "at least one"),
        (HEAD + "colour = 1\n" + MOVE, "colour has no meaning"),
        ('title = ""\nsummary = "x"\n' + MOVE, "title is a text"),
        (HEAD + MOVE.replace('"move"', '"jump"'), "step 1: do is one of move"),
        (HEAD + MOVE.replace('do = "move"\n', ""), "step 1: do is one of move"),
        (HEAD + MOVE.replace("at = 1\n", ""), "step 1: at is missing"),
        (HEAD + MOVE.replace("at = 1\n", "at = true\n"), "step 1: at is a number"),
        (HEAD + MOVE.replace("at = 1\n", "at = -1\n"), "step 1: at is a number"),
        (HEAD + MOVE.replace("= 10\n", "= nan\n", 1), "step 1: percent is a number"),
        (HEAD + MOVE.replace("percent = 10", "percent = -100"), "step 1: percent is a number"),
        (HEAD + MOVE.replace("percent", "factor"), "step 1: factor has no meaning"),
        (HEAD + MOVE.replace('["stock"]', '["NOPE"]'), "step 1: there is no NOPE"),
        (HEAD + MOVE.replace('["stock"]', "[1]"), "step 1: symbols is a list"),
        (HEAD + MOVE.replace('["stock"]', "[]"), "step 1: symbols is a list"),
        (HEAD + MOVE + '[[steps]]\nat = 1\ndo = "halt"\n', "step 2: symbols is missing"),
        (
            HEAD
            + '[[steps]]\nat = 1\ndo = "alert"\ntitle = "x"\nmessage = "y"\nseverity = "mild"\n',
            "step 1: severity is one of low",
        ),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_with_a_reason(tmp_path: Path, text: str, what: str):
    with pytest.raises(BadScenario, match=what):
        read(tmp_path, text)


def test_a_binary_file_is_no_scenario(tmp_path: Path):
    (tmp_path / "own.toml").write_bytes(bytes(range(256)))
    with pytest.raises(BadScenario, match="not TOML"):
        scenarios.read(tmp_path / "own.toml", LISTED)


# Time


def running(*steps: Step) -> RunningScenario:
    return RunningScenario(Scenario("A", "B.", steps))


AAPL = frozenset({"AAPL"})


@pytest.mark.parametrize("pace", [0.1, 1.0, 3.0, 7.0, 100.0])
def test_a_move_is_the_same_whatever_the_pace_of_rounds(pace: float):
    playing = running(
        Step(2, "move", AAPL, over=10, move=-0.5),
        Step(5, "move", AAPL, move=0.2),
        Step(0, "move", AAPL, move=0.1),
    )
    total, second = playing.advance(0).moves.get("AAPL", 0.0), 0.0
    while second < 20:
        second += pace
        total += playing.advance(second).moves.get("AAPL", 0.0)
    assert total == pytest.approx(-0.2)
    assert playing.is_over


def test_volatility_and_silence_last_from_their_beginning_to_their_end():
    playing = running(
        Step(1, "volatility", AAPL, over=2, factor=3),
        Step(2, "volatility", AAPL, over=2, factor=2),
        Step(2, "silence", AAPL, over=1),
    )
    found = [playing.advance(second) for second in (0.5, 1.0, 2.0, 3.0, 4.0)]
    assert [each.factors.get("AAPL", 1) for each in found] == [1, 3, 6, 2, 1]
    assert [bool(each.silent) for each in found] == [False, False, True, False, False]


def test_events_are_due_in_their_order_until_they_are_done():
    halt, resume = Step(1, "halt", AAPL), Step(2, "resume", AAPL)
    playing = running(resume, halt)
    assert playing.due(0.9) is None
    assert playing.due(5) is halt
    assert playing.due(5) is halt
    playing.done(halt)
    assert playing.halted == AAPL
    assert playing.due(5) is resume
    playing.done(resume)
    assert playing.due(5) is None
    assert playing.halted == frozenset()


# The market


def source_of(*steps: Step, seed: int = 1) -> RoundSource:
    return RoundSource(MarketModel(seed=seed, at=NOW), listed=LISTED, scenario=running(*steps))


def prices(source: RoundSource, second: float) -> dict[str, Decimal]:
    round_ = source.next(NOW + timedelta(seconds=second))
    return {tick.symbol: tick.price for tick in round_.ticks}


def test_moves_arrive_in_prices_and_funds_follow_what_they_hold():
    source = source_of(Step(1, "move", frozenset(STOCKS), over=10, move=-0.2))
    before, after = prices(source, 0.5), prices(source, 12)
    for symbol in STOCKS:
        assert float(after[symbol] / before[symbol]) == pytest.approx(0.8187, rel=0.02)
    # 28 % of SPY are the seven stocks.
    assert float(after["SPY"] / before["SPY"]) == pytest.approx(1 - 0.28 * 0.18, abs=0.01)
    assert float(after["BTC-USD"] / before["BTC-USD"]) == pytest.approx(1, abs=0.01)


def test_everything_can_be_moved_at_once():
    source = source_of(Step(1, "move", frozenset(LISTED), move=-0.05))
    before, after = prices(source, 0.5), prices(source, 2)
    for symbol in set(LISTED) - {"UST-BILL"}:
        assert float(after[symbol] / before[symbol]) == pytest.approx(0.951, abs=0.01), symbol


def test_volatility_makes_moves_and_spreads_larger():
    def measure(*steps: Step) -> tuple[float, float]:
        source, moves, spreads = source_of(*steps), 0.0, 0.0
        last = None
        for second in range(1, 200):
            quotes = {
                tick.symbol: tick for tick in source.next(NOW + timedelta(seconds=second)).ticks
            }
            coin = quotes["DOT-USD"]
            spreads += float(coin.ask - coin.bid)
            moves += abs(float(quotes["TSLA"].bid - last)) if last else 0.0
            last = quotes["TSLA"].bid
        return moves, spreads

    calm = measure(Step(0, "alert", frozenset(LISTED)))
    lively = measure(Step(0, "volatility", frozenset(LISTED), over=300, factor=5))
    assert lively[0] / calm[0] > 3
    assert lively[1] / calm[1] > 2


def test_silence_leaves_symbols_out_of_the_rounds():
    source = source_of(Step(1, "silence", frozenset({"AAPL", "SPY"}), over=5))
    assert {"AAPL", "SPY"} <= set(prices(source, 0.5))
    assert set(LISTED) - set(prices(source, 2)) == {"AAPL", "SPY"}
    assert {"AAPL", "SPY"} <= set(prices(source, 7))


class NoPause(Event):
    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


@pytest.fixture
def perform(
    db: None, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> Callable[..., list[dict[str, Any]]]:
    """Play a scenario in simulated seconds; returns the alerts that were published."""
    list_catalogue(size="10000")
    published: list[dict[str, Any]] = []
    monkeypatch.setattr(publish, "alert", published.append)
    monkeypatch.setattr(publish, "quotes", lambda **_: None)

    def play(scenario: Scenario, seconds: int, each: Callable[[int], None]) -> Any:
        clock = iter(range(10_000_000))
        lease.acquire("me", now=NOW)
        runner = Runner(
            RoundSource(
                MarketModel(seed=1, at=NOW), listed=LISTED, scenario=RunningScenario(scenario)
            ),
            holder="me",
            interval=1,
            duration=seconds,
            # The clock is read three times in each round and once before the first.
            clock=lambda: NOW + timedelta(seconds=next(clock) / 4),
            stop=NoPause(),
            report=lambda progress: each(progress.rounds),
            listed=LISTED,
        )
        with django_capture_on_commit_callbacks(execute=True):
            runner.run()
        for alert in published:
            protocol.read_alert(alert)
        return published

    return play


def test_a_halt_stops_quotes_tells_everybody_and_ends_with_a_gap(perform: Any):
    seen: list[tuple[str, Decimal]] = []

    def look(_: int) -> None:
        quote = Quote.objects.select_related("instrument").get(instrument__symbol="TSLA")
        seen.append((quote.instrument.status, quote.price))

    published = perform(
        scenarios.read(scenarios.find("halt-and-reopen"), LISTED), seconds=70, each=look
    )

    titles = [alert["title"] for alert in published if alert["symbol"] == "TSLA"]
    assert "TSLA halted" in titles
    assert "TSLA trades again" in titles
    resumed = titles.index("TSLA trades again")
    assert any(title.startswith("TSLA up") for title in titles)  # a large move
    assert titles.index("TSLA halted") == resumed - 1
    halted = [price for status, price in seen if status == "halted"]
    assert len(set(halted)) == 1
    index = next(number for number, (status, _) in enumerate(seen) if status == "halted")
    reopened = next(price for status, price in seen[index:] if status == "active")
    assert float(reopened / halted[0]) == pytest.approx(1.04, abs=0.02)


def test_a_scenario_that_is_cut_short_leaves_nothing_halted(perform: Any):
    scenario = Scenario("A", "B.", (Step(1, "halt", AAPL), Step(500, "resume", AAPL)))
    published = perform(scenario, seconds=10, each=lambda _: None)
    assert Instrument.objects.get(symbol="AAPL").status == "active"
    assert [alert["title"] for alert in published] == ["AAPL halted", "AAPL trades again"]


def test_an_alert_of_the_whole_market_names_no_symbol(perform: Any):
    scenario = Scenario(
        "A",
        "B.",
        (
            Step(1, "alert", frozenset(LISTED), title="One", message="M", severity="high"),
            Step(2, "alert", AAPL, title="Two", message="M"),
        ),
    )
    published = perform(scenario, seconds=5, each=lambda _: None)
    assert [(alert["symbol"], alert["title"], alert["severity"]) for alert in published] == [
        ("MARKET", "One", "high"),
        ("AAPL", "Two", "medium"),
    ]


# Large moves


def test_a_large_move_is_told_once_and_a_small_or_slow_one_is_not():
    watch = alerts.LargeMoves({"AAPL": "stock", "SPY": "etf"})

    def at(minute: float, **bids: str) -> list[str]:
        ticks = tuple(tick(symbol, bid, f"{float(bid) + 1:.2f}") for symbol, bid in bids.items())
        moment = NOW + timedelta(minutes=minute)
        return [alert["title"] for alert in watch.of(Round(moment, ticks))]

    assert at(0, AAPL="100.00", SPY="100.00") == []
    assert at(1, AAPL="104.00", SPY="97.50") == []
    assert at(2, AAPL="105.00", SPY="96.90") == ["AAPL up 5.0 %", "SPY down 3.1 %"]
    assert at(3, AAPL="106.00", SPY="96.90") == []
    assert at(9, AAPL="111.00", SPY="94.50") == []  # the window has moved on
    assert at(10, AAPL="99.00") == ["AAPL down 10.8 %"]


def test_a_move_during_a_halt_is_told_when_trade_goes_on():
    watch = alerts.LargeMoves({"AAPL": "stock"})

    def at(second: int, bid: str, *halted: str) -> list[str]:
        moment = NOW + timedelta(seconds=second)
        found = watch.of(Round(moment, (tick("AAPL", bid, f"{bid}1"),)), halted)
        return [alert["title"] for alert in found]

    assert at(0, "100.00") == []
    assert at(1, "110.00", "AAPL") == []
    assert at(2, "110.00") == ["AAPL up 10.0 %"]
