"""How the volume of a replayed file sets the displayed size; no volume may stop the rounds."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from authentication.models import User
from exchange import engine
from exchange.market import candles
from exchange.market.rules.ticks import Round, Tick
from exchange.models import Candle, Instrument, Quote
from exchange.simulator.sources import replay
from exchange.simulator.sources.replay import Recording, Replay
from exchange.tests import market, scenes
from exchange.tests.market import NOW, place

pytestmark = pytest.mark.django_db

YAHOO = "Date,Open,High,Low,Close,Adj Close,Volume\n"
BAR = "91000,92000,90000,91500"


@pytest.fixture
def listed(db: None) -> dict[str, Instrument]:
    found = {
        "AAPL": market.make_instrument("AAPL"),
        "BTC-USD": market.make_instrument("BTC-USD", "crypto"),
        "ADA-USD": market.make_instrument("ADA-USD", "crypto"),
        "BOND": market.make_bond("BOND"),
    }
    for instrument in found.values():
        market.set_quote(instrument, "100.00", "100.01")
    return found


@pytest.fixture
def read(tmp_path: Path, listed: dict[str, Instrument]) -> Any:
    def read_text(text: str, symbol: str) -> Recording:
        file = tmp_path / "bars.csv"
        file.write_text(text)
        return replay.read(file, listed, symbol=symbol)

    return read_text


def ticks(recording: Recording, listed: dict[str, Instrument]) -> Iterator[Tick]:
    player = Replay([recording], listed)
    while not player.is_over:
        yield from player.next()


def play(recording: Recording, listed: dict[str, Instrument]) -> None:
    for number, tick in enumerate(ticks(recording, listed), start=1):
        engine.advance(Round(NOW + timedelta(seconds=number), (tick,)))


@pytest.mark.parametrize(
    ("symbol", "text", "shown"),
    [
        ("AAPL", "date,open,high,low,close\n2026-01-13,250,250,250,250\n", "200"),
        ("AAPL", "date,open,high,low,close,volume\n2026-01-13,250,250,250,250,0\n", "200"),
        ("AAPL", "date,open,high,low,close,volume\n2026-01-13,250,250,250,250,\n", "200"),
        ("AAPL", "date,open,high,low,close,volume\n2026-01-13,250,250,250,250,N/A\n", "200"),
        ("BTC-USD", "date,price\n2026-01-13,100000\n", "0.5"),
        ("BOND", "date,price\n2026-01-13,100\n", "50000"),
        # A fraction of a bar's volume; all of a trade's.
        ("AAPL", "date,open,high,low,close,volume\n2026-01-13,250,250,250,250,9000\n", "45"),
        ("AAPL", "date,price,volume\n2026-01-13,250,100\n", "100"),
    ],
)
def test_what_is_offered_follows_from_the_volume_or_is_as_usual(
    read: Any, listed: dict[str, Instrument], symbol: str, text: str, shown: str
):
    for tick in ticks(read(text, symbol), listed):
        assert tick.ask_size == tick.bid_size == Decimal(shown)


@pytest.mark.usefixtures("books_must_agree")
def test_a_file_without_volume_can_be_traded_on(
    read: Any, listed: dict[str, Instrument], alice: User
):
    recording = read("date,open,high,low,close\n2026-01-13,250,251,249,250\n", "AAPL")
    play(recording, listed)
    order = place(alice, "buy", "30", now=NOW + timedelta(seconds=4))
    assert (order.status, order.executions.get().price) == ("filled", Decimal("250.01"))
    assert recording.notes == ("it has no volume: as much is offered as is usual",)


def test_the_dollars_of_yahoo_s_coins_are_played_in_coins(read: Any, listed: dict[str, Instrument]):
    """Five such rows would take a day's volume beyond the database's integers."""
    days = "".join(f"2026-01-{day:02},{BAR},{BAR[-5:]},35125000000\n" for day in range(1, 31))
    recording = read(YAHOO + days, "BTC-USD")
    assert recording.problems == ()
    (coins,) = {row.volume for row in recording.rows}
    assert coins is not None
    assert round(coins) == 383_880
    assert recording.notes == (
        "a file of Yahoo, whose volume of coins is in dollars: it is played in coins",
    )
    play(recording, listed)
    quote = Quote.objects.get(instrument=listed["BTC-USD"])
    assert round(listed["BTC-USD"].asset.amount(quote.volume)) == round(30 * coins)


def test_yfinance_s_order_of_columns_says_that_it_is_yahoo_s(read: Any):
    text = "Date,Close,High,Low,Open,Volume\n2026-01-13,91500,92000,90000,91000,35125000000\n"
    assert round(read(text, "BTC-USD").rows[0].volume) == 383_880


def test_shares_of_yahoo_are_shares(read: Any):
    (row,) = read(YAHOO + "2026-01-13,270,273,269,272,271,37838100\n", "AAPL").rows
    assert row.volume == 37838100


def test_the_most_that_a_bar_may_have_trades_in_every_round_of_a_day(
    read: Any, listed: dict[str, Instrument]
):
    """A day's volume stops at the highest integer of the database, and the market goes on."""
    header = "time,open,high,low,close,volume\n"
    days = "".join(f"2026-01-{day:02},0.5,0.5,0.5,0.5,10000000000\n" for day in range(1, 15))
    play(read(header + days, "ADA-USD"), listed)
    quote = Quote.objects.get(instrument=listed["ADA-USD"])
    assert quote.volume == candles.MOST_VOLUME
    day = Candle.objects.get(instrument=listed["ADA-USD"], interval="1d")
    assert day.volume == candles.MOST_VOLUME


# Time


def minutes(*numbers: int) -> str:
    return "".join(f"{1768262400 + 60 * number},1,1,1,1,1\n" for number in numbers)


def test_a_coin_s_missing_minute_is_no_gap_but_hours_are(read: Any):
    head = "time,open,high,low,close,volume\n"
    assert read(head + minutes(0, 1, 2, 4, 5, 6, 30, 31), "BTC-USD").problems == ()
    (problem,) = read(head + minutes(0, 1, 2, 3, 100), "BTC-USD").problems
    assert "(a gap)" in problem


def test_nights_of_a_file_in_new_york_s_time_are_no_gaps(read: Any):
    """FirstRate writes no zone: taken for UTC, its evening would be the day before."""
    clocks = [f"{hour:02}:{minute:02}" for hour in range(4, 20) for minute in (0, 30)]
    lines = [f"2026-01-{day} {clock}:00,1,1,1,1,1\n" for day in (13, 14, 15) for clock in clocks]
    assert read("".join(lines), "AAPL").problems == ()


def test_a_file_that_runs_backwards_is_played_from_its_end_and_says_so(read: Any):
    recording = read("date,price\n2026-01-15,3\n2026-01-14,2\n2026-01-13,1\n", "AAPL")
    assert [str(row.prices[0]) for row in recording.rows] == ["1", "2", "3"]
    assert recording.notes[0] == "newest first: it is played from its end"


def test_what_is_mostly_bad_is_not_skipped_but_refused(read: Any):
    """After a date far ahead all other rows would be too old: only one row would be played."""
    rows = [f"{day},1\n" for day in ("2026-01-13", "2062-01-14", "2026-01-15", "2026-01-16")]
    recording = read("date,price\n" + "".join([*rows, "2026-01-17,1\n"]), "AAPL")
    with pytest.raises(replay.BadReplayFile, match="3 of its rows are left out and 2 are not"):
        replay.refuse_problems(recording, skip=True)
    recording = read("date,price\n" + "".join([rows[0], "x,1\n", *rows[2:]]), "AAPL")
    replay.refuse_problems(recording, skip=True)


def test_trades_of_one_moment_are_all_played_in_their_order(
    read: Any, listed: dict[str, Instrument]
):
    text = "time,price,size\n" + "".join(f"1768262400123,{price},1\n" for price in (3, 1, 2))
    prices = [str(tick.price) for tick in ticks(read(text, "AAPL"), listed)]
    assert prices == ["3.00", "1.00", "2.00"]


def test_a_row_that_is_data_in_spite_of_its_looks_can_be_said_to_be_one(
    tmp_path: Path, listed: dict[str, Instrument]
):
    """A first row with words is taken for a header, unless --no-header is given."""
    file = tmp_path / "AAPL.csv"
    file.write_text("Jan 13 2026,270,first\nJan 14 2026,271,second\n")
    form = replay.FileFormat("time,price,_", "%b %d %Y", has_header=False)
    assert len(replay.read(file, listed, symbol=None, form=form).rows) == 2
    form = replay.FileFormat("time,price,_", "%b %d %Y")
    assert len(replay.read(file, listed, symbol=None, form=form).rows) == 1


def test_the_command_takes_the_options(tmp_path: Path):
    scenes.seed_market()
    file = tmp_path / "mine.csv"
    file.write_text("13.1.26;x;270\n14.1.26;x;271\n")
    out = StringIO()
    call_command(
        "run_exchange_simulator",
        *("--replay", str(file), "--symbol", "aapl", "--columns", "time,_,price"),
        *("--date-format", "%d.%m.%y", "--no-header", "--stop-after-replay", "--plain"),
        interval=0.001,
        stdout=out,
    )
    assert "Replaying 2 rows of AAPL, 2026-01-13 to 2026-01-14." in out.getvalue()
    assert "mine.csv: it has no volume: as much is offered as is usual." in out.getvalue()
