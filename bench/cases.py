"""What is measured, and the limit that each is measured against."""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from uuid import uuid4

import numpy as np

from authentication.models import User
from banking import ledger
from banking.assets import USD
from banking.models import EntryKind, HouseAccount
from exchange import engine
from exchange.market.ticks import Round
from exchange.models import Instrument, OrderType, Quote, Side
from exchange.simulator import history, listing
from exchange.simulator.model import MarketModel
from exchange.simulator.universe import CATALOGUE
from exchange.trading import orders
from exchange.trading.requests import OrderRequest

Case = tuple[str, Callable[[], int], Callable[[], int], str]

START = datetime(2026, 3, 2, tzinfo=UTC)
ORDERS = 40
ROUNDS = 20
STEPS = 400
# What one market order writes: the order twice, an execution, an entry, four postings, two
# balances, the quote and the owner's counter.
STATEMENTS_OF_AN_ORDER = 12


def all_cases(folder: Path) -> Iterator[Case]:
    listing.list_instruments(CATALOGUE, now=START)
    instruments = Instrument.objects.in_bulk(field_name="symbol")
    past = history.generate(CATALOGUE, seed=1, now=START, days=3, fine_days=1)
    history.open_quotes(past, instruments)
    raw = raw_database(folder / "raw.sqlite3")
    clock = (past.end + timedelta(seconds=number) for number in count(1))
    yield (
        "market orders",
        lambda: place_orders(trader(), next(clock)),
        lambda: write_transactions(raw, ORDERS, STATEMENTS_OF_AN_ORDER),
        "as many rows by raw sqlite3",
    )
    yield (
        "rounds of 26 quotes",
        lambda: advance(past.model, clock),
        lambda: write_transactions(raw, ROUNDS, len(CATALOGUE) * 6),
        "as many rows by raw sqlite3",
    )
    yield (
        "symbol-ticks of the model",
        lambda: step(past.model, clock),
        lambda: draw(STEPS * len(CATALOGUE)),
        "eight normal draws a tick",
    )


def trader() -> User:
    user = User.objects.create(email=f"{uuid4().hex}@example.com")
    ledger.post(
        kind=EntryKind.DEPOSIT,
        reference=uuid4(),
        lines=[
            ledger.Line(ledger.account_of(user.pk, USD), 10**9),
            ledger.Line(ledger.house_account(HouseAccount.BANK_CLEARING, USD), -(10**9)),
        ],
        at=START,
    )
    return user


def place_orders(user: User, now: datetime) -> int:
    """Market orders of one customer, each placed and filled in a transaction of its own."""
    Quote.objects.update(timestamp=now, ask_taken=0)
    request = OrderRequest("AAPL", Side.BUY, OrderType.MARKET, Decimal("0.1"))
    for _ in range(ORDERS):
        orders.place(owner_id=user.pk, request=request, now=now)
    return ORDERS


def advance(model: MarketModel, clock: Iterator[datetime]) -> int:
    for _ in range(ROUNDS):
        engine.advance(Round(next(clock), model.step(max(next(clock), model.at)).ticks))
    return ROUNDS


def step(model: MarketModel, clock: Iterator[datetime]) -> int:
    for _ in range(STEPS):
        model.step(next(clock))
    return STEPS * len(CATALOGUE)


def draw(ticks: int) -> int:
    np.random.default_rng(1).standard_normal((ticks, 8)).sum()
    return ticks


def raw_database(path: Path) -> sqlite3.Connection:
    """The same journal mode and durability as the project's database."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c INTEGER)")
    return connection


def write_transactions(connection: sqlite3.Connection, transactions: int, rows: int) -> int:
    for _ in range(transactions):
        connection.execute("BEGIN IMMEDIATE")
        for number in range(rows):
            connection.execute(
                "INSERT INTO rows (a, b, c) VALUES (?, ?, ?)", (uuid4().hex, "190.02", number)
            )
        connection.execute("COMMIT")
    return transactions
