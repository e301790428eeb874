"""The forms of numbers, times and symbols that sources write; other forms are refused."""

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exchange.market.rules.calendar import NEW_YORK
from exchange.models import Instrument
from exchange.simulator.sources import replay
from exchange.simulator.sources.replay.rules import cells, symbols
from exchange.simulator.sources.replay.rules.cells import TimeReader
from exchange.simulator.sources.replay.rules.refusals import Ambiguous, BadReplayFile, Unreadable

HALF_PAST_NINE = datetime(2026, 1, 13, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("270", "270"),
        ("$1,234.50", "1234.50"),
        (" 37,838,100 ", "37838100"),
        ("1.5e3", "1500"),
        ("-1", "-1"),
    ],
)
def test_numbers(text: str, value: str):
    assert cells.number(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "x", "1,5", "12,34", "1,2345.6", "0x10", "1 000", "--1"])
def test_what_is_no_number(text: str):
    with pytest.raises(Unreadable):
        cells.number(text)


def test_a_comma_between_semicolons_is_a_decimal_comma_which_is_refused():
    with pytest.raises(Unreadable, match="decimals are written with a point"):
        cells.number("1,234", thousands=False)


@pytest.mark.parametrize(
    ("text", "value"),
    [("37.84M", "37840000"), ("1.5K", "1500"), ("2B", "2000000000"), ("N/A", None), ("", None)],
)
def test_volumes(text: str, value: str | None):
    assert cells.volume(text) == (None if value is None else Decimal(value))


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-13T09:30:00Z",
        "2026-01-13 04:30:00-05:00",
        "2026-01-13 09:30",
        "2026-01-13 09:30:00 UTC",
        "2026.01.13 09:30:00",
        "2026/1/13 9:30",
        "20260113093000",
        "202601130930",
        "20260113 093000",
        "13.01.2026 09:30:00.000",
        "1/13/2026 9:30",
        "01/13/2026 09:30:00 AM",
        "13-01-2026 09:30",
        "1768296600",
        "1768296600.0",
        "1.7682966e9",
        "1768296600000",
        "1768296600000000",
        "1768296600000000000",
    ],
)
def test_times(text: str):
    reader = TimeReader(day_first=cells.day_first([text]))
    assert reader.read(text).at == HALF_PAST_NINE


@pytest.mark.parametrize(
    ("day", "clock"),
    [
        ("2026-01-13", "09:30"),
        ("20260113", "93000"),
        ("01/13/2026", "9:30 AM"),
        ("13.1.2026", "930"),
    ],
)
def test_a_day_and_its_clock(day: str, clock: str):
    assert TimeReader(day_first=cells.day_first([day])).read(day, clock).at == HALF_PAST_NINE


@pytest.mark.parametrize("text", ["Jan 13, 2026", "January 13, 2026", "13-Jan-2026", "13 Jan 2026"])
def test_days_in_words(text: str):
    assert TimeReader().read(text).at == datetime(2026, 1, 13, tzinfo=UTC)


def test_decimals_of_a_second_are_kept():
    assert TimeReader().read("1768296600.1234").at.microsecond == 123400
    assert TimeReader().read("1768296600123456789").at.microsecond == 123456


@pytest.mark.parametrize(
    "text",
    ["", "0", "17", "12345", "sometime", "13.1.26", "2026-13-01", "1e30", "NaN", "9999-01-01"],
)
def test_what_is_no_time(text: str):
    """Row numbers are no times: they would be the first seconds of 1970."""
    with pytest.raises(Unreadable, match="--date-format"):
        TimeReader().read(text)


def test_a_day_that_could_be_a_month_is_asked_about_unless_another_row_tells():
    with pytest.raises(Ambiguous, match="--date-format %d/%m/%Y or --date-format %m/%d/%Y"):
        TimeReader().read("4/1/2015")
    months_first = TimeReader(day_first=cells.day_first(["4/1/2015", "4/13/2015"]))
    assert months_first.read("4/1/2015").at == datetime(2015, 4, 1, tzinfo=UTC)
    days_first = TimeReader(day_first=cells.day_first(["4/1/2015", "13/1/2015"]))
    assert days_first.read("4/1/2015").at == datetime(2015, 1, 4, tzinfo=UTC)


def test_a_format_that_is_given_is_the_only_one():
    reader = TimeReader("%d.%m.%y %H:%M %z")
    assert reader.read("13.01.26 04:30 -0500").at == HALF_PAST_NINE
    with pytest.raises(Unreadable):
        reader.read("2026-01-13")


def test_the_day_is_that_of_the_market_or_as_written():
    late = "2026-01-14 01:00:00"
    assert TimeReader().read(late).day.day == 14
    at = datetime(2026, 1, 14, 1, tzinfo=UTC)
    assert TimeReader().read(f"{late}Z").day == at.astimezone(NEW_YORK).date()
    assert TimeReader().read(str(int(at.timestamp()))).day.day == 13


LISTED = ("AAPL", "BRK.B", "BTC-USD", "ETH-USD")


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("aapl", "AAPL"),
        ("AAPL.US", "AAPL"),
        ("NASDAQ:AAPL", "AAPL"),
        ("BRK-B", "BRK.B"),
        ("BTC/USD", "BTC-USD"),
        ("btcusd", "BTC-USD"),
        ("X:BTCUSD", "BTC-USD"),
        ("XBTUSD", "BTC-USD"),
        ("BTCUSDT", None),
        ("BTC", None),
        ("AAP", None),
        ("", None),
    ],
)
def test_symbols_as_sources_spell_them(text: str, symbol: str | None):
    assert symbols.find(text, LISTED) == symbol


def test_prices_in_tethers_are_played_only_for_who_asks():
    assert symbols.is_of("BTC/USDT", "BTC-USD")
    assert not symbols.is_of("ETH/USDT", "BTC-USD")
    assert not symbols.is_of("AAL", "AAPL")


@given(st.text(max_size=30))
def test_no_cell_is_worse_than_unreadable(text: str):
    for reader in (TimeReader(), TimeReader(day_first=True), TimeReader("%Y-%m-%d")):
        with suppress(Unreadable):
            reader.read(text)
    with suppress(Unreadable):
        cells.volume(text)


NUMBERS = st.one_of(
    st.decimals(allow_nan=True, allow_infinity=True).map(str),
    st.sampled_from(
        ["1e999999", "-1e-999999", "9" * 400, "1e30M", "1e999999M", "sNaN", "0", "", "1,5"]
    ),
    st.integers(-10, 10**30).map(str),
)


@given(st.lists(st.lists(NUMBERS, min_size=7, max_size=7), min_size=1, max_size=5), st.booleans())
@example([["1768262400", "NaN", "1", "1", "1", "1", "1"]], False)
def test_no_file_of_numbers_is_worse_than_bad(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], has_header: bool
):
    file = tmp_path_factory.mktemp("fuzz", numbered=True) / "BTC-USD.csv"
    header = ["time", "open", "high", "low", "close", "volume", "turnover"]
    lines = [header, *rows] if has_header else rows
    write(file, lines)
    coin = Instrument(symbol="BTC-USD", asset_class="crypto", scale=8)
    for columns in (None, "time,open,high,low,close,volume", "time,_,_,_,price,_,turnover"):
        with suppress(BadReplayFile):
            replay.read(file, {"BTC-USD": coin}, symbol=None, form=replay.FileFormat(columns))


def write(file: Path, lines: list[list[str]]) -> None:
    file.write_text("\n".join(";".join(line) for line in lines))
