"""One round of the market: prices are recorded and published, then orders are filled."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import transaction

from authentication import identity
from banking import debts, ledger
from banking import transactions as bank_transactions
from be.database import transactions
from exchange.market import feed, quotes, retention
from exchange.market.rules.ticks import Round
from exchange.models import Quote
from exchange.streaming import publish
from exchange.trading import orders, rounds
from exchange.trading.rows import markets

# Old candles are deleted a few at a time, so that no round is slow; over an hour that is more than
# 5,000 symbols add.
ROUNDS_BETWEEN_PRUNES = 30
PRUNED_AT_ONCE = 10_000


def advance(round_: Round) -> int:
    """Carry out one round; returns the number of orders that it changed.

    Orders whose time is up end first, so that none of them trades at a new price. Then the new
    prices are recorded and published; then orders trade at them. A round that was recorded before
    changes no price.
    """
    orders.expire_due(now=round_.at)
    sequence = _record(round_)
    if sequence is not None and sequence % ROUNDS_BETWEEN_PRUNES == 0:
        retention.prune(now=round_.at, at_most=PRUNED_AT_ONCE)
    changed = sum(rounds.work_quote(pk, now=round_.at) for pk in _unworked_quotes())
    bank_transactions.settle_due(now=round_.at)
    _let_reserved_money_pay_debts(round_.at)
    identity.settle_due(now=round_.at)
    return changed


def _let_reserved_money_pay_debts(now: datetime) -> None:
    """End what has reserved money of customers in debt: waiting withdrawals, and orders to buy."""
    if debtors := debts.owners():
        bank_transactions.reject_in_debt(debtors, now=now)
        orders.cancel_buys(owner_ids=debtors, reason=ledger.AccountInDebt.code, now=now)


@transactions.atomic
def _record(round_: Round) -> int | None:
    """Record the round's prices; returns its number, or None when it was recorded before."""
    recorded = feed.record(round_)
    if recorded is None:
        return None
    markets.mark_unworked([quote.pk for quote in recorded.quotes])
    transaction.on_commit(partial(_publish, recorded.sequence, recorded.quotes))
    return recorded.sequence


def _unworked_quotes() -> list[UUID]:
    """Ids of unworked quotes, also those that an earlier round left when its simulator died."""
    return list(Quote.objects.filter(unworked=True).order_by("pk").values_list("pk", flat=True))


def _publish(sequence: int, changed: Sequence[Quote]) -> None:
    publish.quotes(sequence=sequence, documents=[quotes.document(quote) for quote in changed])
