"""One round of the market: prices are recorded, orders are filled, and everybody is told."""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from django.db import transaction

from banking import transactions as bank_transactions
from be.database import transactions
from exchange.market import feed, quotes, retention
from exchange.market.rules.ticks import Round
from exchange.models import Quote
from exchange.streaming import publish
from exchange.trading import orders, rounds
from exchange.trading.rows import markets

# Old candles go a little at a time: more in an hour than 5,000 symbols add, and none waits for it.
ROUNDS_BETWEEN_PRUNES = 30
PRUNED_AT_ONCE = 10_000


def advance(round_: Round) -> int:
    """Carry out one round; returns the number of orders that it changed.

    Orders whose time is up end first, so that no old order trades at a new price. Then everybody
    sees the new prices; then orders meet them. A round that was recorded before changes no price.
    """
    orders.expire_due(now=round_.at)
    sequence = _record(round_)
    if sequence is not None and sequence % ROUNDS_BETWEEN_PRUNES == 0:
        retention.prune(now=round_.at, at_most=PRUNED_AT_ONCE)
    changed = sum(rounds.work_off(pk, now=round_.at) for pk in _unworked())
    bank_transactions.settle_due(now=round_.at)
    return changed


@transactions.atomic
def _record(round_: Round) -> int | None:
    """The number of the round; None when it was recorded before."""
    recorded = feed.record(round_)
    if recorded is None:
        return None
    markets.mark_unworked([quote.pk for quote in recorded.quotes])
    transaction.on_commit(partial(_publish, recorded.sequence, recorded.quotes))
    return recorded.sequence


def _unworked() -> list[UUID]:
    """Also what an earlier round could not finish, because its simulator died."""
    return list(Quote.objects.filter(unworked=True).order_by("pk").values_list("pk", flat=True))


def _publish(sequence: int, changed: Sequence[Quote]) -> None:
    publish.quotes(sequence=sequence, documents=[quotes.document(quote) for quote in changed])
