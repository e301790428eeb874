"""A customer's executions, splits and redemptions as the events from which lots are made."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import accumulate
from typing import NamedTuple
from uuid import UUID

from django.db.models import OuterRef, Subquery

from banking.models import EntryKind, JournalEntry
from banking.rules.assets import USD, Asset
from be.database import statements
from exchange.models import ActionKind, Entitlement, Execution, Side
from portfolio.rules import lot_totals
from portfolio.rules.lots import Event, Split, Trade


class Fill(NamedTuple):
    """An execution, as lots need it. Quantity in units, money in cents.

    `entry` is the id of the journal entry, which gives the order of booking.
    """

    symbol: str
    scale: int
    side: str
    id: UUID
    quantity: int
    cents: int
    fee_cents: int
    at: datetime
    entry: int


class Change(NamedTuple):
    """A split or a redemption, as lots need it. Quantities in units, money in cents."""

    symbol: str
    scale: int
    kind: str
    id: UUID
    units: int
    units_after: int
    cents: int
    at: datetime
    entry: int


def by_symbol(*, owner_id: UUID) -> dict[str, list[Event]]:
    """All events of the owner, by symbol of each instrument ever held, in order of booking."""
    everything: list[Fill | Change] = [*_fills(owner_id), *_changes(owner_id)]
    booked: dict[str, list[Fill | Change]] = defaultdict(list)
    for each in sorted(everything, key=lambda each: each.entry):
        booked[each.symbol].append(each)
    return {symbol: as_events(each) for symbol, each in booked.items()}


def for_totals(*, owner_id: UUID) -> dict[str, list[lot_totals.Event]]:
    """The same events as sums need them, by symbol, in order of booking."""
    rows = statements.query(
        _FOR_TOTALS,
        (
            *(EntryKind.TRADE.value, owner_id),
            *(ActionKind.SPLIT.value, ActionKind.SPLIT.value, owner_id),
            *(ActionKind.SPLIT.value, ActionKind.REDEMPTION.value),
        ),
    )
    booked: dict[str, list[lot_totals.Event]] = defaultdict(list)
    for symbol, *event, _, _ in rows:
        booked[symbol].append(lot_totals.Event(*event))
    return booked


_BUYS = f"CASE WHEN placed.side = '{Side.BUY.value}'"
_FOR_TOTALS = (
    f"SELECT instrument.symbol, {_BUYS} THEN {lot_totals.BUY} ELSE {lot_totals.SELL} END AS kind, "
    f"execution.quantity, execution.cents + {_BUYS} THEN execution.fee_cents "
    "ELSE -execution.fee_cents END, (SELECT entry.id FROM banking_journalentry entry "
    "WHERE entry.reference = execution.trade_id AND entry.kind = %s LIMIT 1) AS entry, "
    "execution.id AS key FROM exchange_execution execution "
    "JOIN exchange_order placed ON placed.id = execution.order_id "
    "JOIN exchange_instrument instrument ON instrument.id = placed.instrument_id "
    "WHERE execution.owner_id = %s UNION ALL "
    f"SELECT instrument.symbol, CASE WHEN action.kind = %s THEN {lot_totals.SPLIT} "
    f"ELSE {lot_totals.SELL} END, entitlement.units, CASE WHEN action.kind = %s "
    "THEN entitlement.units_after ELSE entitlement.cents END, entry.id, entitlement.id "
    "FROM exchange_entitlement entitlement "
    "JOIN exchange_corporateaction action ON action.id = entitlement.action_id "
    "JOIN exchange_instrument instrument ON instrument.id = action.instrument_id "
    "JOIN banking_journalentry entry ON entry.reference = entitlement.id "
    "WHERE entitlement.owner_id = %s AND action.kind IN (%s, %s) ORDER BY entry, key"
)


def as_events(booked: Sequence[Fill | Change]) -> list[Event]:
    """The events of one instrument, from bookings in their order.

    A buyer's fees add to the cost, a seller's are taken off the proceeds. A redemption is a sale.
    No event is earlier than the one booked before it: a request that waited for a lock has the time
    at which it arrived, and a sale could otherwise precede the purchase that it sells.
    """
    times = accumulate((each.at for each in booked), max)
    return [
        _trade(each, at) if isinstance(each, Fill) else _change(each, at)
        for each, at in zip(booked, times, strict=True)
    ]


def _trade(fill: Fill, at: datetime) -> Trade:
    buys = fill.side == Side.BUY
    return Trade(
        id=str(fill.id),
        side="buy" if buys else "sell",
        quantity=Asset(fill.symbol, fill.scale).amount(fill.quantity),
        amount=USD.amount(fill.cents + (fill.fee_cents if buys else -fill.fee_cents)),
        at=at,
    )


def _change(change: Change, at: datetime) -> Event:
    asset = Asset(change.symbol, change.scale)
    before = asset.amount(change.units)
    if change.kind == ActionKind.SPLIT:
        return Split(str(change.id), before, asset.amount(change.units_after), at)
    return Trade(str(change.id), "sell", before, USD.amount(change.cents), at)


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
            "pk",
            "quantity",
            "cents",
            "fee_cents",
            "executed_at",
            "entry",
        )
    )
    return (Fill(*row) for row in rows)


def _changes(owner_id: UUID) -> Iterable[Change]:
    entry = JournalEntry.objects.filter(reference=OuterRef("pk"))
    rows = (
        Entitlement.objects.filter(
            owner_id=owner_id, action__kind__in=[ActionKind.SPLIT, ActionKind.REDEMPTION]
        )
        .annotate(entry=Subquery(entry.values("pk")[:1]))
        .filter(entry__isnull=False)
        .values_list(
            "action__instrument__symbol",
            "action__instrument__scale",
            "action__kind",
            "pk",
            "units",
            "units_after",
            "cents",
            "carried_out_at",
            "entry",
        )
    )
    return (Change(*row) for row in rows)
