"""One round of the market: prices are recorded, orders are filled, and everybody is told."""

from collections.abc import Sequence
from functools import partial

from django.db import transaction

from banking import transactions as bank_transactions
from be.api import transactions
from exchange.market import feed, quotes
from exchange.market.ticks import Round
from exchange.models import SIMULATOR, Quote, Simulator
from exchange.streaming import publish
from exchange.trading import orders, updates, working


def advance(round_: Round) -> int:
    """Carry out one round; returns the number of orders that it changed.

    Orders whose time is up end first, so that no old order trades at a new price.
    """
    orders.expire_due(now=round_.at)
    changed = _record_and_fill(round_)
    bank_transactions.settle_due(now=round_.at)
    return changed


@transactions.atomic
def _record_and_fill(round_: Round) -> int:
    recorded = feed.record(round_)
    touched = working.work_round(recorded.quotes, round_.at)
    updates.send(touched)
    sequence = _next_round()
    transaction.on_commit(partial(_publish, sequence, recorded.quotes))
    return len(touched)


def _next_round() -> int:
    simulator, _ = Simulator.objects.select_for_update().get_or_create(name=SIMULATOR)
    simulator.rounds += 1
    simulator.save(update_fields=["rounds"])
    return simulator.rounds


def _publish(sequence: int, changed: Sequence[Quote]) -> None:
    publish.quotes(sequence=sequence, documents=[quotes.document(quote) for quote in changed])
