"""Filling an empty market: instruments, history, and in development people to try it with."""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from exchange import demo, engine
from exchange.models import SIMULATOR, Candle, Instrument, Simulator
from exchange.simulator import history, listing
from exchange.simulator.universe import CATALOGUE

Say = Callable[[str], None]


def is_seeded() -> bool:
    return Candle.objects.exists()


@transaction.atomic
def seed(*, now: datetime, seed: int, days: int, fine_days: int, people: bool, say: Say) -> None:
    """Seed everything or nothing, so that an interrupted seeding can simply be started again."""
    listed = listing.list_instruments(CATALOGUE, now=now)
    say(f"{listed} instruments listed")
    past = history.generate(CATALOGUE, seed=seed, now=now, days=days, fine_days=fine_days)
    instruments = Instrument.objects.in_bulk(
        [spec.symbol for spec in CATALOGUE], field_name="symbol"
    )
    history.open_quotes(past, instruments)
    if people:
        demo.create_admin(now=now)
        done = demo.create_customer(past, seed=seed)
        say(f"a demo customer with a year behind her: {done} deposits, withdrawals and trades")
    for interval, count in history.store(past, instruments):
        say(f"{count} candles of {interval}")
    engine.advance(past.last_round())
    history.settle_session(past, instruments)
    Simulator.objects.update_or_create(name=SIMULATOR, defaults={"state": past.model.state()})
