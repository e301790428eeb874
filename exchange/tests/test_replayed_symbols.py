"""The symbol of a file: another company's rows are never played, and far prices give a warning."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from exchange.models import Instrument, Quote
from exchange.simulator.sources import replay
from exchange.simulator.sources.replay.rules import symbols
from exchange.tests import market, scenes

pytestmark = pytest.mark.django_db

HEADER = "Date,Open,High,Low,Close,Volume"
BAR = "15.1,15.3,15,15.2,21000000"


@pytest.fixture
def listed(db: None) -> dict[str, Instrument]:
    return {
        "AAPL": market.make_instrument("AAPL"),
        "BTC-USD": market.make_instrument("BTC-USD", "crypto"),
    }


@pytest.fixture
def read(tmp_path: Path, listed: dict[str, Instrument]) -> Any:
    def read_rows(
        column: str, *values: str, name: str = "AAPL.csv", **said: Any
    ) -> replay.Recording:
        rows = [f"2026-01-{day},{BAR},{value}" for day, value in enumerate(values, start=12)]
        (tmp_path / name).write_text("\n".join([f"{HEADER},{column}", *rows]))
        recording = replay.read(
            tmp_path / name, listed, symbol=said.pop("symbol", None), form=replay.FileFormat(**said)
        )
        replay.refuse_problems(recording)
        return recording

    return read_rows


SYMBOL_COLUMNS = ["Code", "Stock", "act_symbol", "Sym", "s", "Company", "<TICKER>", "Name"]


@pytest.mark.parametrize("column", SYMBOL_COLUMNS)
def test_a_column_of_symbols_is_known_by_many_names(read: Any, column: str):
    with pytest.raises(replay.BadReplayFile, match="there is no instrument AAL; --symbol says"):
        read(column, "AAL", "AAL")
    with pytest.raises(replay.BadReplayFile, match="there is no row of AAPL: it has AAL"):
        read(column, "AAL", "AAL", symbol="AAPL")
    recording = read(column, "AAL", "AAPL", "aapl.us", symbol="AAPL")
    assert [row.line for row in recording.rows] == [3, 4]


@pytest.mark.parametrize("values", [("AAL", "AAL"), ("AAPL", "AAL"), ("aal", "BRK.B"), ("AAL", "")])
def test_other_symbols_in_a_column_that_is_not_known_are_refused(
    read: Any, values: tuple[str, ...]
):
    with pytest.raises(replay.BadReplayFile) as refusal:
        read("Papier", *values)
    assert "but the file is named after AAPL" in str(refusal.value)
    for option in ("--symbol AAPL", "--columns"):
        assert option in str(refusal.value)
    # Both options resolve it.
    assert read("Papier", *values, symbol="AAPL").symbols() == ["AAPL"]
    with pytest.raises(replay.BadReplayFile, match="there is no instrument"):
        read("Papier", *values, columns="time,open,high,low,close,volume,symbol")
    assert read("Papier", *values, columns="time,open,high,low,close,volume,_").rows


@pytest.mark.parametrize(
    ("column", "value", "name"),
    [
        ("Papier", "AAPL", "AAPL.csv"),
        ("Papier", "aapl.us", "AAPL.csv"),
        ("Coin", "BTC", "BTC-USD.csv"),
        ("Coin", "XBT/USD", "BTC-USD.csv"),
        ("Currency", "USD", "AAPL.csv"),
        ("Exchange", "NASDAQ", "AAPL.csv"),
        ("Maker", "True", "AAPL.csv"),
        ("Remark", "the day after", "AAPL.csv"),
        ("Count", "5124", "AAPL.csv"),
        ("Papier", "", "AAPL.csv"),
    ],
)
def test_other_columns_that_are_not_known_are_left_alone(
    read: Any, column: str, value: str, name: str
):
    assert len(read(column, value, value, name=name).rows) == 2


def test_tethers_in_a_column_that_is_not_known_are_another_market(read: Any):
    with pytest.raises(replay.BadReplayFile, match="has BTCUSDT, but"):
        read("Coin", "BTCUSDT", "BTCUSDT", name="BTC-USD.csv")


@pytest.mark.parametrize(
    "text", ["AAL", "BRK.B", "BTC-USD", "UST-10Y", "X:BTCUSD", "aapl.us", "btcusdt"]
)
def test_symbols_look_like_symbols(text: str):
    assert symbols.looks_like_one(text)


@pytest.mark.parametrize("text", ["", "True", "Mon", "12", "1.5", "buy", "American Airlines", "D1"])
def test_other_words_do_not(text: str):
    assert not symbols.looks_like_one(text)


# Prices that are far from the market's


def play(file: Path, price: str, **options: Any) -> str:
    """Play the file to its end; returns the warnings."""
    file.write_text(f"time,price\n2026-01-12,{price}\n")
    noted = StringIO()
    call_command(
        "run_exchange_simulator",
        replay=[file],
        stop_after_replay=True,
        interval=0.001,
        stdout=StringIO(),
        stderr=noted,
        **options,
    )
    return noted.getvalue()


def test_a_replay_that_begins_far_from_the_market_is_noted_and_played(tmp_path: Path):
    scenes.seed_market()
    bond = Quote.objects.filter(instrument__symbol="UST-10Y")
    start = bond.get().price

    noted = play(tmp_path / "UST-10Y.csv", "4.15")
    assert (
        f"UST-10Y: the market is at {start.normalize():f}, and the replay begins at 4.15" in noted
    )
    assert "--rescale" in noted
    assert "yields" in noted
    assert bond.get().price < 5

    noted = play(tmp_path / "AAPL.csv", "1000")
    assert "the replay begins at 1000. --rescale" in noted
    assert "yields" not in noted
    assert play(tmp_path / "AAPL.csv", "1400") == ""
    assert "AAPL" in play(tmp_path / "AAPL.csv", "650")
    assert play(tmp_path / "AAPL.csv", "5", rescale=True) == ""
