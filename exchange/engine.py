"""One round of the market: prices are recorded, orders are filled, and everybody is told."""

from functools import partial
from uuid import UUID

from django.db import transaction

from banking import transactions as bank_transactions
from be.api import transactions
from be.api.formats import plain, time_text
from exchange.market import feed, quotes
from exchange.market.feed import Recorded
from exchange.market.ticks import Round
from exchange.models import SIMULATOR, Quote, Simulator
from exchange.streaming import publish
from exchange.trading import order_rows, orders, rounds


def advance(round_: Round) -> int:
    """Carry out one round; returns the number of orders that it changed.

    Orders whose time is up end first, so that no old order trades at a new price. Then everybody
    sees the new prices; then orders meet them.
    """
    orders.expire_due(now=round_.at)
    _record(round_)
    changed = sum(rounds.work_off(pk, now=round_.at) for pk in _unworked())
    bank_transactions.settle_due(now=round_.at)
    return changed


@transactions.atomic
def _record(round_: Round) -> None:
    recorded = feed.record(round_)
    order_rows.mark_unworked([quote.pk for quote in recorded.quotes])
    sequence = _next_round()
    transaction.on_commit(partial(_publish, sequence, recorded))


def _unworked() -> list[UUID]:
    """Also what an earlier round could not finish, because its simulator died."""
    return list(Quote.objects.filter(unworked=True).order_by("pk").values_list("pk", flat=True))


def _next_round() -> int:
    simulator, _ = Simulator.objects.select_for_update().get_or_create(name=SIMULATOR)
    simulator.rounds += 1
    simulator.save(update_fields=["rounds"])
    return simulator.rounds


def _publish(sequence: int, recorded: Recorded) -> None:
    documents = [quotes.document(quote) for quote in recorded.quotes]
    publish.quotes(sequence=sequence, documents=documents)
    for move in recorded.moves:
        direction = "up" if move.percent > 0 else "down"
        publish.alert(
            {
                "symbol": move.symbol,
                "severity": move.severity,
                "title": f"{move.symbol} {direction} {abs(move.percent)} %",
                "message": f"{plain(move.price)}, since the last day's close.",
                "timestamp": time_text(recorded.at),
            }
        )
