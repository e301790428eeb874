"""Filling an empty market: instruments, history, and in development people to try it with."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from django.db import transaction

from exchange import engine
from exchange.models import SIMULATOR, Candle, Instrument, Quote, Simulator
from exchange.seeding import demo, history, listing
from exchange.seeding.history import History
from exchange.simulator.model.catalogue import CATALOGUE

# How far the whole is when a part of it is done; measured for a year with two days of minutes.
_MOVED, _LIVED = 0.35, 0.55


class Progress(Protocol):
    """Who wants to know how the seeding goes."""

    def say(self, line: str) -> None:
        """Something is done."""

    def show(self, fraction: float, doing: str) -> None:
        """So far it is, from 0 to 1, and that is being done."""


class NoProgress:
    """Nobody wants to know."""

    def say(self, line: str) -> None:
        pass

    def show(self, fraction: float, doing: str) -> None:
        pass


def is_seeded() -> bool:
    return Candle.objects.exists()


@transaction.atomic
def seed(
    *, now: datetime, seed: int, days: int, fine_days: int, people: bool, progress: Progress
) -> None:
    """Seed everything or nothing, so that an interrupted seeding can simply be started again.

    Instruments that are quoted already keep their quotes: their past ends at these prices, and
    nobody is made up, who would have traded at others.
    """
    listed = listing.list_instruments(CATALOGUE, now=now)
    progress.say(f"{listed} instruments listed")
    quoted = dict(Quote.objects.values_list("instrument__symbol", "price"))
    past = history.generate(
        CATALOGUE,
        seed=seed,
        now=now,
        days=days,
        fine_days=fine_days,
        ending_at=quoted,
        report=lambda done: progress.show(done * _MOVED, "moving the market"),
    )
    instruments = Instrument.objects.in_bulk(
        [spec.symbol for spec in CATALOGUE], field_name="symbol"
    )
    history.open_quotes(past, instruments)
    if people and not quoted:
        _make_people(past, seed=seed, now=now, progress=progress)
    stored = history.store(
        past,
        instruments,
        report=lambda done: progress.show(_LIVED + done * (1 - _LIVED), "writing candles"),
    )
    for interval, count in stored:
        progress.say(f"{count} candles of {interval}")
    _go_live(past, instruments, quoted)


def _make_people(past: History, *, seed: int, now: datetime, progress: Progress) -> None:
    progress.show(_MOVED, "living the demo customer's past")
    demo.create_admin(now=now)
    done = demo.create_customer(past, seed=seed)
    progress.say(f"a demo customer with a past: {done} deposits, withdrawals and trades")
    # The rounds that she traded in have left candles of single ticks.
    Candle.objects.all().delete()


def _go_live(
    past: History, instruments: Mapping[str, Instrument], quoted: Mapping[str, Decimal]
) -> None:
    """Let the market stand where its past ends."""
    engine.advance(past.last_round(without=quoted))
    new = {symbol: row for symbol, row in instruments.items() if symbol not in quoted}
    history.settle_session(past, new)
    if not quoted:
        Simulator.objects.update_or_create(name=SIMULATOR, defaults={"state": past.model.state()})
