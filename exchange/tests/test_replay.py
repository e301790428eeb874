"""Real prices from a file."""

import csv
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from bokeh_sampledata import stocks

from authentication.models import User
from exchange import engine
from exchange.market.ticks import Round
from exchange.models import Candle, Instrument, TimeInForce
from exchange.simulator import replay
from exchange.tests import market
from exchange.tests.market import balance, place

HEADER = "Date,Open,High,Low,Close,Volume\n"
GOOD = "2020-01-02,10.00,11.00,9.50,10.50,1000\n"


def write(path: Path, text: str) -> Path:
    file = path / "bars.csv"
    file.write_text(text)
    return file


@pytest.fixture
def real_bars(tmp_path: Path) -> Path:
    """The first two hundred days of AAPL of the year 2000, as they were."""
    file = tmp_path / "AAPL.csv"
    real: dict[str, list[object]] = dict(stocks.AAPL)  # type: ignore[arg-type]
    names = ("date", "open", "high", "low", "close", "volume")
    columns = [real[name][:200] for name in names]
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(names)
        writer.writerows(zip(*columns, strict=True))
    return file


def test_columns_are_found_by_name(tmp_path: Path):
    text = "volume,Close,low,HIGH,open,extra,date\n1000,10.50,9.50,11.00,10.00,x,2020-01-02\n"
    (bar,) = replay.read_bars(write(tmp_path, text))
    assert bar.prices() == (Decimal(10), Decimal("9.5"), Decimal(11), Decimal("10.5"))
    assert bar.volume == 1000


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("2020-01-03,NaN,11,9,10,1", "positive"),
        ("2020-01-03,-10,11,9,10,1", "positive"),
        ("2020-01-03,10,11,9,x,1", "not a bar"),
        ("2020-01-03,10,11", "not a bar"),
        ("sometime,10,11,9,10,1", "not a bar"),
        ("2020-01-03,10,9,11,10,1", "contradict"),
        ("2020-01-03,10,11,9,10,-1", "contradict"),
        ("2020-01-02,10,11,9,10,1", "does not come after"),
        ("2020-01-01,10,11,9,10,1", "does not come after"),
    ],
)
def test_a_bad_row_is_named_by_its_line_and_nothing_is_replayed(
    tmp_path: Path, row: str, what: str
):
    with pytest.raises(replay.BadReplayFile, match=f"line 3: .*{what}"):
        replay.read_bars(write(tmp_path, HEADER + GOOD + row + "\n"))


@pytest.mark.parametrize("text", ["", HEADER, "date,open\n2020-01-02,1\n"])
def test_a_file_without_bars_is_refused(tmp_path: Path, text: str):
    with pytest.raises(replay.BadReplayFile):
        replay.read_bars(write(tmp_path, text))


def play(file: Path, instrument: Instrument) -> Iterator[tuple[replay.Bar, list[Decimal]]]:
    """Advance the market through the file; yields each bar after it was played."""
    bars = replay.read_bars(file)
    ticks = replay.ticks(instrument, bars)
    at = market.NOW
    for bar in bars:
        prices = []
        for _ in range(replay.TICKS_PER_BAR):
            at += timedelta(seconds=1)
            tick = next(ticks)
            engine.advance(Round(at, (tick,)))
            prices.append(tick.price)
        yield bar, prices
    assert next(ticks, None) is None


@pytest.mark.usefixtures("books_must_agree")
def test_trading_on_real_prices_fills_where_the_file_says(
    alice: User, aapl: Instrument, real_bars: Path
):
    """Limit orders fill on the first day whose range reaches them, at that day's prices."""
    bars = replay.read_bars(real_bars)
    lows = [bar.low for bar in bars]
    limit = sorted(lows)[len(lows) // 3].quantize(Decimal("0.01"))
    # The ask is a cent above the bar's price, so the low must be a cent below the limit.
    expected_day = next(bar.date for bar in bars if bar.low.quantize(Decimal("0.01")) < limit)
    order = place(
        alice, "buy", "10", limit=str(limit), time_in_force=TimeInForce.GTC, now=market.NOW
    )
    filled_on = None
    for bar, prices in play(real_bars, aapl):
        assert (min(prices), max(prices)) == (
            bar.low.quantize(Decimal("0.01")),
            bar.high.quantize(Decimal("0.01")),
        )
        order.refresh_from_db()
        if filled_on is None and order.status == "filled":
            filled_on = bar
    assert filled_on is not None
    assert filled_on.date == expected_day
    fill = order.executions.get()
    assert filled_on.low <= fill.price <= limit
    assert balance(alice)[0] == 10_000 - (fill.price * 10)
    day = Candle.objects.get(interval="1d")
    assert (day.high, day.low) == (
        max(bar.high for bar in bars).quantize(Decimal("0.01")),
        min(lows).quantize(Decimal("0.01")),
    )
