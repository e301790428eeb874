"""A customer's executions as the trades that lots are made of."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import accumulate
from typing import NamedTuple
from uuid import UUID

from django.db.models import OuterRef, Subquery

from banking.assets import USD, Asset
from banking.models import EntryKind, JournalEntry
from exchange.models import Execution, Side
from portfolio.lots import Trade


class Fill(NamedTuple):
    """What lots need to know of an execution. Quantity in units, money in cents."""

    symbol: str
    scale: int
    side: str
    order_id: UUID
    id: UUID
    quantity: int
    cents: int
    fee_cents: int
    executed_at: datetime


def by_symbol(*, owner_id: UUID) -> dict[str, list[Trade]]:
    """All trades of the owner in each instrument ever traded, in the order they were booked."""
    fills: dict[str, list[Fill]] = defaultdict(list)
    for fill in _fills(owner_id):
        fills[fill.symbol].append(fill)
    return {symbol: as_trades(each) for symbol, each in fills.items()}


def as_trades(fills: Sequence[Fill]) -> list[Trade]:
    """The trades of one instrument, from its fills in the order they were booked.

    A buyer's fees add to what was paid, a seller's are taken off. No trade is earlier than the one
    booked before it: a request that waited for a lock carries the time at which it came in, and a
    sale would otherwise seem to precede the purchase that it sells.
    """
    times = accumulate((fill.executed_at for fill in fills), max)
    return [
        Trade(
            id=str(fill.id),
            side="buy" if fill.side == Side.BUY else "sell",
            quantity=Asset(fill.symbol, fill.scale).amount(fill.quantity),
            amount=USD.amount(_moved(fill)),
            at=at,
        )
        for fill, at in zip(fills, times, strict=True)
    ]


def _moved(fill: Fill) -> int:
    """Cents paid, fee included, or received, fee taken off."""
    return fill.cents + (fill.fee_cents if fill.side == Side.BUY else -fill.fee_cents)


def _fills(owner_id: UUID) -> Iterable[Fill]:
    entry = JournalEntry.objects.filter(reference=OuterRef("trade_id"), kind=EntryKind.TRADE)
    rows = (
        Execution.objects.filter(owner_id=owner_id)
        .annotate(entry=Subquery(entry.values("pk")[:1]))
        .order_by("entry", "pk")
        .values_list(
            "order__instrument__symbol",
            "order__instrument__scale",
            "order__side",
            "order_id",
            "pk",
            "quantity",
            "cents",
            "fee_cents",
            "executed_at",
        )
    )
    return (Fill(*row) for row in rows)
