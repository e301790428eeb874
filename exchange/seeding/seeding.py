"""Filling an empty market: instruments, history, and in development users to try it with."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from django.db import transaction

from exchange import engine
from exchange.market import revisions
from exchange.models import SIMULATOR, Candle, Instrument, Quote, Simulator
from exchange.seeding import demo, history, listing
from exchange.seeding.history import History
from exchange.simulator.model.catalogue import CATALOGUE

# The progress when the model has run, and when the demo customer has traded; measured for a year
# with two days of minutes.
_MODEL_DONE, _DEMO_DONE = 0.35, 0.55


class Progress(Protocol):
    """Where progress is reported to."""

    def say(self, line: str) -> None:
        """Report something that is done."""

    def show(self, fraction: float, doing: str) -> None:
        """Report the progress, from 0 to 1, and what is being done."""


class NoProgress:
    """Reports nothing."""

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

    Instruments that have quotes keep them: their history ends at these prices. Then there is no
    demo customer either, whose trades would be at other prices.
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
        report=lambda done: progress.show(done * _MODEL_DONE, "moving the market"),
    )
    instruments = Instrument.objects.in_bulk(
        [spec.symbol for spec in CATALOGUE], field_name="symbol"
    )
    history.open_quotes(past, instruments)
    if people and not quoted:
        _create_people(past, seed=seed, now=now, progress=progress)
    stored = history.store(
        past,
        instruments,
        report=lambda done: progress.show(_DEMO_DONE + done * (1 - _DEMO_DONE), "writing candles"),
    )
    for interval, count in stored:
        progress.say(f"{count} candles of {interval}")
    _go_live(past, instruments, quoted)


def _create_people(past: History, *, seed: int, now: datetime, progress: Progress) -> None:
    progress.show(_MODEL_DONE, "living the demo customer's past")
    demo.create_admin(now=now)
    done = demo.create_customer(past, seed=seed)
    progress.say(f"a demo customer with a past: {done} deposits, withdrawals and trades")
    # The rounds of her trades have made candles of single ticks; the history replaces them.
    Candle.objects.all().delete()


def _go_live(
    past: History, instruments: Mapping[str, Instrument], quoted: Mapping[str, Decimal]
) -> None:
    """Put quotes and the simulator's state where the history ends."""
    engine.advance(past.last_round(without=quoted))
    new = {symbol: row for symbol, row in instruments.items() if symbol not in quoted}
    history.settle_session(past, new)
    if not quoted:
        Simulator.objects.update_or_create(name=SIMULATOR, defaults={"state": past.model.state()})
    revisions.count()
