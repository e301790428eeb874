"""Files as their sources write them: plays every line of the tables in docs/replay.md."""

import re
import shlex
from dataclasses import dataclass
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from exchange.market import candles
from exchange.models import Instrument, Quote
from exchange.simulator.sources import replay
from exchange.tests import market

pytestmark = pytest.mark.django_db

DOCS = settings.BASE_DIR / "docs" / "replay.md"
# The open, high, low and close of the two bars in every file of bars in the tables.
BARS = {
    "AAPL": (("270", "273", "269", "272"), ("272.5", "275", "271.5", "274")),
    "BTC-USD": (("91000", "92000", "90000", "91500"), ("91500", "93000", "91250", "92750")),
}


@dataclass(frozen=True)
class Sample:
    """A line of a table: a file, its options, and the error message of a bad one."""

    source: str
    lines: tuple[str, ...]
    command: str
    answer: str

    def write(self, folder: Path) -> list[str]:
        """Write the file; returns the command's arguments with its path."""
        replay_, name, *options = shlex.split(self.command)
        (folder / name).write_text("\n".join(self.lines) + "\n")
        return [replay_, str(folder / name), *options]


def samples(heading: str) -> list[Any]:
    section = DOCS.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = []
    for row in section.splitlines():
        source, file, command, answer = [*map(str.strip, row.strip("|").split("|")), "", "", ""][:4]
        if command.startswith("`--replay"):
            lines = tuple(re.findall("`([^`]*)`", file))
            found.append(Sample(source, lines, command.strip("`"), answer))
    return [pytest.param(sample, id=sample.source) for sample in found]


@pytest.fixture
def listed(db: None) -> dict[str, Instrument]:
    symbols = {
        "AAPL": "stock",
        "MSFT": "stock",
        "BTC-USD": "crypto",
        "ADA-USD": "crypto",
    }
    return {symbol: market.make_instrument(symbol, kind) for symbol, kind in symbols.items()}


def read(sample: Sample, folder: Path, listed: dict[str, Instrument]) -> replay.Recording:
    _, path, *options = sample.write(folder)
    said = dict(zip(options[::2], options[1::2], strict=True))
    recording = replay.read(
        Path(path),
        listed,
        symbol=None if "--symbol" not in said else replay.find_symbol(said["--symbol"], listed),
        form=replay.FileFormat(said.get("--columns"), said.get("--date-format")),
    )
    replay.refuse_problems(recording)
    return recording


@pytest.mark.parametrize("sample", samples("Bars"))
def test_the_bars_of_a_source_are_read(
    sample: Sample, tmp_path: Path, listed: dict[str, Instrument]
):
    recording = read(sample, tmp_path, listed)
    (symbol,) = recording.symbols()
    first, second = recording.rows
    for row, wanted in zip((first, second), BARS[symbol], strict=True):
        assert row.prices[0] == Decimal(wanted[0])
        assert sorted(row.prices[1:3]) == [Decimal(wanted[2]), Decimal(wanted[1])]
        assert row.prices[3] == Decimal(wanted[3])
        assert (row.at.year, row.at.month) == (2026, 1)
        assert row.volume is None or row.volume < 50_000_000
    assert first.at < second.at


@pytest.mark.parametrize("sample", samples("Trades"))
def test_the_trades_of_a_source_are_read(
    sample: Sample, tmp_path: Path, listed: dict[str, Instrument]
):
    first, second = read(sample, tmp_path, listed).rows
    assert first.at == second.at, "two trades of one moment"
    assert first.prices[0] + Decimal("0.1") >= second.prices[0] > first.prices[0]
    assert (first.volume, second.volume) in (
        (Decimal("0.0523"), Decimal("0.1")),
        (Decimal(100), Decimal(50)),
    )


@pytest.mark.parametrize("sample", samples("Refused"))
def test_what_can_not_be_is_refused_by_what_it_is(
    sample: Sample, tmp_path: Path, listed: dict[str, Instrument]
):
    with pytest.raises(replay.BadReplayFile) as refusal:
        read(sample, tmp_path, listed)
    assert sample.answer in str(refusal.value)


@pytest.fixture
def seeded(listed: dict[str, Instrument]) -> None:
    """Quotes, and a candle, which is how the simulator knows that a market has been seeded.

    Of few instruments: nearly fifty runs with a whole catalogue take many times as long.
    """
    now = timezone.now()
    for symbol, bid in (("AAPL", "270.00"), ("MSFT", "451.00"), ("BTC-USD", "91000.00")):
        market.set_quote(listed[symbol], bid, f"{Decimal(bid) + 1}", at=now)
    candles.record([candles.Trade(listed["AAPL"].pk, now, Decimal(270), 0)])


@pytest.mark.usefixtures("seeded")
def test_the_commands_of_the_tables_run(tmp_path: Path):
    options = {"stop_after_replay": True, "interval": 0.001, "plain": True}
    for parameter in samples("Bars") + samples("Trades"):
        (sample,) = parameter.values
        out = StringIO()
        symbol = "AAPL" if "AAPL" in f"{sample.lines}" else "BTC-USD"
        symbol = "AAPL" if "AAPL" in sample.command else symbol
        arguments = sample.write(tmp_path)
        call_command("run_exchange_simulator", *arguments, stdout=out, stderr=out, **options)
        assert f"Replaying 2 rows of {symbol}" in out.getvalue(), (sample, out.getvalue())
        if sample.source in {parameter.id for parameter in samples("Bars")}:
            last = Quote.objects.get(instrument__symbol=symbol)
            assert last.price == Decimal(BARS[symbol][1][3])
    for parameter in samples("Refused"):
        (sample,) = parameter.values
        with pytest.raises(CommandError) as refusal:
            call_command("run_exchange_simulator", *sample.write(tmp_path), **options)
        assert sample.answer in str(refusal.value)
