"""python -m bench.simulation: rounds of the market, and ticks of the model alone."""

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from uuid import uuid4

import django
import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "be.settings")
django.setup()  # first: what follows imports models

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402

from bench.cost import compare  # noqa: E402
from bench.trading import ratio, show, write  # noqa: E402
from exchange import engine  # noqa: E402
from exchange.market.rules.ticks import Round  # noqa: E402
from exchange.models import Instrument  # noqa: E402
from exchange.seeding import history, listing  # noqa: E402
from exchange.simulator.model.catalogue import CATALOGUE  # noqa: E402
from exchange.simulator.model.market_model import MarketModel  # noqa: E402
from exchange.simulator.model.specs import InstrumentSpec  # noqa: E402

START = datetime(2026, 3, 2, tzinfo=UTC)
ROUNDS = 20
STEPS = 400
MANY, MANY_STEPS = 5000, 40


def main() -> None:
    call_command("migrate", verbosity=0)
    listing.list_instruments(CATALOGUE, now=START)
    past = history.generate(CATALOGUE, seed=1, now=START, days=3, fine_days=1)
    history.open_quotes(past, Instrument.objects.in_bulk(field_name="symbol"))
    raw = raw_database(Path(settings.VAR_DIR) / "raw.sqlite3")
    clock = (past.end + timedelta(seconds=number) for number in count(1))
    rounds, rows = compare(
        [lambda: advance(past.model, clock), lambda: write_rows(raw, len(CATALOGUE) * 6)]
    )
    show("rounds of 26 quotes (SQLite)", rounds)
    ratio("to as many rows by sqlite3 alone", rounds.to(rows))
    measure_model(past.model, clock)
    write("")


def measure_model(model: MarketModel, clock: Iterator[datetime]) -> None:
    """The model alone, without a database: the catalogue, and thousands of instruments."""
    many = MarketModel(listing_of(MANY), seed=1, at=START)
    seconds = (START + timedelta(seconds=number) for number in count(1))
    steps, quotes, decimals, draws = compare(
        [
            lambda: step(model, clock),
            lambda: quote(many, seconds),
            lambda: decimal_steps(many, seconds),
            lambda: draw(STEPS * len(CATALOGUE)),
        ]
    )
    show("steps of the model, 26 quotes as Decimals", steps)
    show(f"symbol-ticks of {MANY}, quotes as integers", quotes)
    ratio("to nine normal draws a tick", quotes.to(draws))
    show(f"symbol-ticks of {MANY}, quotes as Decimals", decimals)


def listing_of(number: int) -> list[InstrumentSpec]:
    """The catalogue and as many copies of its stocks as are wanted."""
    stocks = [spec for spec in CATALOGUE if spec.asset_class == "stock"]
    copies = (
        replace(stocks[index % len(stocks)], symbol=f"COPY-{index}")
        for index in range(number - len(CATALOGUE))
    )
    return [*CATALOGUE, *copies]


def advance(model: MarketModel, clock: Iterator[datetime]) -> int:
    for _ in range(ROUNDS):
        engine.advance(Round(next(clock), model.step(max(next(clock), model.at)).ticks))
    return ROUNDS


def step(model: MarketModel, clock: Iterator[datetime]) -> int:
    for _ in range(STEPS):
        model.step(next(clock))
    return STEPS


def quote(model: MarketModel, clock: Iterator[datetime]) -> int:
    for _ in range(MANY_STEPS):
        model.quote(next(clock))
    return MANY_STEPS * MANY


def decimal_steps(model: MarketModel, clock: Iterator[datetime]) -> int:
    model.step(next(clock))
    return MANY


def draw(ticks: int) -> int:
    np.random.default_rng(1).standard_normal((ticks, 9)).sum()
    return ticks


def raw_database(path: Path) -> sqlite3.Connection:
    """The same journal mode and durability as the project's database."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c INTEGER)")
    return connection


def write_rows(connection: sqlite3.Connection, rows: int) -> int:
    for _ in range(ROUNDS):
        connection.execute("BEGIN IMMEDIATE")
        for number in range(rows):
            connection.execute(
                "INSERT INTO rows (a, b, c) VALUES (?, ?, ?)", (uuid4().hex, "190.02", number)
            )
        connection.execute("COMMIT")
    return ROUNDS


if __name__ == "__main__":
    main()
