"""The market report: short runs of the model are market-like, a plain random walk is not."""

import math
import random
import re
from datetime import timedelta
from html.parser import HTMLParser
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from exchange.simulator.model.catalogue import CATALOGUE
from exchange.simulator.model.market_model import MarketModel, Path
from exchange.simulator.report import html_page, measurement
from exchange.simulator.report.measurement import MINUTES, Sample

SESSIONS, YEARS = 20, 4

# Wider than the bands of the full report, because a short run measures less exactly.
SHORT_BANDS = {
    "1-minute returns: autocorrelation, lag 1": (-0.06, 0.06),
    "1-minute returns: excess kurtosis": (4, 300),
    "5-minute returns: excess kurtosis": (2, 100),
    "daily returns: excess kurtosis over a year": (0.1, 14),
    "1-minute returns: Hill tail exponent": (2, 5),
    "1-minute |r|: autocorrelation, lag 1": (0.1, 0.5),
    "1-minute |r|: autocorrelation, lag 30": (0.05, 0.4),
    "1-minute |r|: autocorrelation, lag 120": (0.02, 0.3),
    "daily |r|: autocorrelation, lag 1": (0.08, 0.45),
    "variance: first half hour over midday": (2, 12),
    "variance: last half hour over midday": (0.8, 2.5),
    "variance: share of the night": (0.1, 0.6),
    "correlation of SPY and QQQ, daily": (0.81, 0.98),
    "correlation of SPY and VTI, daily": (0.98, 1),
    "correlation of SPY and IWM, daily": (0.55, 0.92),
    "1-minute |r| and volume: correlation": (0.1, 0.7),
}


def outside(rows):
    """The statistics of a short run that are not like a market's."""
    measured = {row.name: row.measured for row in rows}
    return {name for name, (low, high) in SHORT_BANDS.items() if not low <= measured[name] <= high}


@pytest.fixture(scope="module")
def sample():
    return measurement.simulate(seed=7, sessions=SESSIONS, years=YEARS, say=lambda done, what: None)


@pytest.fixture(scope="module")
def rows(sample):
    return measurement.table(sample)


def random_walk(seed):
    """Geometric Brownian motion with the same volatilities, a third of it overnight."""
    rng = np.random.default_rng(seed)
    symbols = [spec.symbol for spec in CATALOGUE]
    daily = {spec.symbol: spec.annual_volatility / math.sqrt(252) for spec in CATALOGUE}

    def each(part, *shape):
        return {
            symbol: rng.standard_normal(shape) * daily[symbol] * math.sqrt(part)
            for symbol in symbols
        }

    minutes = each(2 / 3 / MINUTES, SESSIONS, MINUTES)
    return Sample(
        minutes=minutes,
        volumes={symbol: rng.lognormal(size=(SESSIONS, MINUTES)) for symbol in symbols},
        overnight=each(1 / 3, SESSIONS - 1),
        intraday={symbol: minutes[symbol].sum(axis=1) for symbol in symbols},
        days=each(1, YEARS * 252),
    )


def test_a_short_run_of_the_model_is_like_a_market(rows):
    assert outside(rows) == set()


class Interrupted(MarketModel):
    """A market with many pauses: days and nights consist of uneven steps."""

    chance = random.Random(8)

    def path(self, start, step, steps):
        if step < timedelta(days=1):
            self._go_to(start)
            return super().path(start, step, steps)
        pieces = []
        for number in range(1, steps + 1):
            end = start + number * step
            self._go_to(end - timedelta(seconds=1) * self.chance.uniform(1, 40_000))
            pieces.append(
                super().path(end - timedelta(microseconds=1), timedelta(microseconds=1), 1)
            )
        return Path(
            symbols=self.symbols,
            times=tuple(time for piece in pieces for time in piece.times),
            prices=np.concatenate([piece.prices for piece in pieces]),
            volumes=np.concatenate([piece.volumes for piece in pieces]),
        )

    def _go_to(self, moment):
        """In one to three pauses; with quotes as integers, since nobody reads them."""
        for _ in range(self.chance.randrange(3)):
            if (left := moment - self.at) > timedelta(seconds=1):
                self.quote(self.at + left * self.chance.random())
        if moment > self.at:
            self.quote(moment)


def test_a_market_that_was_left_alone_again_and_again_is_like_a_market(monkeypatch):
    monkeypatch.setattr(measurement, "MarketModel", Interrupted)
    sample = measurement.simulate(
        seed=7, sessions=SESSIONS, years=YEARS, say=lambda done, what: None
    )
    assert outside(measurement.table(sample)) == set()


@pytest.mark.parametrize("seed", range(5))
def test_a_plain_random_walk_is_not(seed):
    found = outside(measurement.table(random_walk(seed)))

    assert found >= {
        "1-minute returns: excess kurtosis",
        "5-minute returns: excess kurtosis",
        "1-minute returns: Hill tail exponent",
        "1-minute |r|: autocorrelation, lag 1",
        "1-minute |r|: autocorrelation, lag 30",
        "1-minute |r|: autocorrelation, lag 120",
        "variance: first half hour over midday",
        "1-minute |r| and volume: correlation",
    }


def test_the_page_draws_everything_and_loads_nothing(sample, rows):
    page = html_page.render(title="A report <1>", rows=rows, sample=sample)

    class Reader(HTMLParser):
        tags: list[str] = []

        def handle_starttag(self, tag, attrs):
            self.tags.append(tag)
            assert not {"src", "href", "onload"} & {name for name, _ in attrs}

    reader = Reader()
    reader.feed(page)
    assert reader.tags.count("svg") == 5
    assert "script" not in reader.tags
    assert "A report &lt;1&gt;" in page
    assert "nan" not in re.sub(r"<style>.*?</style>", "", page).lower()
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_the_command_prints_the_table_and_fails_when_something_is_outside(tmp_path, monkeypatch):
    out, file = StringIO(), tmp_path / "report.html"
    # Bands are those of a full run, so the short run's rows are replaced: all inside, then one not.
    real = measurement.table

    def table(sample, *, spoilt):
        rows = [
            measurement.Row(row.name, row.measured, -math.inf, math.inf) for row in real(sample)
        ]
        return [*rows, measurement.Row("one more", 2.0, 0.0, 1.0)] if spoilt else rows

    monkeypatch.setattr(measurement, "table", lambda sample: table(sample, spoilt=False))
    call_command("market_report", days=2, years=1, seed=1, html=file, stdout=out)
    assert "| 1-minute returns: excess kurtosis" in out.getvalue()
    assert "outside" not in out.getvalue()
    assert file.read_text().startswith("<!doctype html>")

    monkeypatch.setattr(measurement, "table", lambda sample: table(sample, spoilt=True))
    with pytest.raises(CommandError, match="outside"):
        call_command("market_report", days=2, years=1, seed=1, stdout=out)
    assert re.search(r"one more +\| +2\.000 \| 0 to 1 +\| outside", out.getvalue())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"days": 1}, "--days is from 2"),
        ({"years": 0}, "--years from 1"),
        ({"days": 2, "years": 1, "seed": -1}, "seed"),
        ({"days": 2, "years": 1, "html": "/nowhere/at/all.html"}, "Can't write"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message, tmp_path):
    if "html" in options:
        options = {**options, "html": tmp_path / "no folder" / "all.html"}
    with pytest.raises(CommandError, match=message):
        call_command("market_report", stdout=StringIO(), **options)
