"""What an account statement lists of a time: transfers, trades, payments and corporate actions.

All of it was booked after a start, and up to and at an end. Amounts are in cents, and signed: what
the owner pays is below zero.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from banking.models import EntryKind, JournalEntry, OpeningLot, Posting
from exchange.models import ActionKind, Clawback, Entitlement, Execution
from portfolio.history import Flow

# Postings of an owner that are looked at for the time of the first: ids follow times, nearly.
FIRST_POSTINGS = 100

PAYMENTS = (ActionKind.DIVIDEND, ActionKind.COUPON)
CHANGES = (ActionKind.SPLIT, ActionKind.REDEMPTION)
REVERSAL = EntryKind.REVERSAL.value


class Transfer(NamedTuple):
    """Money from outside or to it; `kind` is that of the ledger, `reference` the bank transaction.

    An adjustment is what the house has put right; its reference is the correction.

    A returned deposit is one that the bank has taken back. What came from another broker
    (`transfer_in`) is its cash, and what its securities were worth.
    """

    reference: UUID
    kind: str
    at: datetime
    cents: int


class Trade(NamedTuple):
    """One execution; `price` and `quantity` as traded, `units` of the instrument.

    `cents` are what was paid or received, with the fee.
    """

    id: UUID
    at: datetime
    symbol: str
    side: str
    units: int
    price: Decimal
    accrued: Decimal
    fee_cents: int
    cents: int


class Payment(NamedTuple):
    """A dividend, a coupon, or what was taken back of one (`reversal`)."""

    id: UUID
    at: datetime
    symbol: str
    kind: str
    cents: int


class Change(NamedTuple):
    """A split or a redemption: the units before and after it, and what it paid."""

    id: UUID
    at: datetime
    symbol: str
    kind: str
    units: int
    units_after: int
    cents: int


class Delivery(NamedTuple):
    """A lot that came from another broker: what it had cost there, and its worth on arrival."""

    id: UUID
    at: datetime
    symbol: str
    units: int
    acquired_at: datetime
    cost_cents: int
    value_cents: int


def opened_at(owner_id: UUID) -> datetime | None:
    """When the first thing was booked in the owner's account; None if nothing was."""
    first = Posting.objects.filter(owner_id=owner_id).order_by("pk")
    return min(first.values_list("created_at", flat=True)[:FIRST_POSTINGS], default=None)


def transfers(flows: Iterable[Flow], *, start: datetime) -> list[Transfer]:
    """The flows after a time, each with its kind and bank transaction, in order."""
    later = [flow for flow in flows if flow.at > start]
    entries = JournalEntry.objects.in_bulk([flow.entry_id for flow in later])
    return [
        Transfer(entries[each.entry_id].reference, entries[each.entry_id].kind, each.at, each.cents)
        for each in later
    ]


def executed(*, owner_id: UUID, start: datetime, end: datetime) -> list[Trade]:
    """The owner's executions, in order."""
    rows = (
        Execution.objects.filter(owner_id=owner_id, executed_at__gt=start, executed_at__lte=end)
        .order_by("executed_at", "pk")
        .values_list(
            "id",
            "executed_at",
            "order__instrument__symbol",
            "order__side",
            "quantity",
            "price",
            "accrued_interest",
            "fee_cents",
            "cents",
        )
    )
    return [
        Trade(*row[:-1], cents=_moved(side=row[3], cents=row[-1], fee_cents=row[-2]))
        for row in rows.iterator()
    ]


def _moved(*, side: str, cents: int, fee_cents: int) -> int:
    return -cents - fee_cents if side == "buy" else cents - fee_cents


def payments(*, owner_id: UUID, start: datetime, end: datetime) -> list[Payment]:
    """Dividends and coupons that were paid, and those that were taken back, in order."""
    taken = Clawback.objects.filter(
        entitlement__owner_id=owner_id,
        entitlement__action__kind__in=PAYMENTS,
        taken_at__gt=start,
        taken_at__lte=end,
        cents__gt=0,
    ).values_list("id", "taken_at", "entitlement__action__instrument__symbol", "cents")
    found = [
        Payment(key, at, symbol, kind, cents)
        for key, at, symbol, kind, _, _, cents in _entitlements(owner_id, PAYMENTS, start, end)
        if cents
    ]
    found += [Payment(key, at, symbol, REVERSAL, -cents) for key, at, symbol, cents in taken]
    return sorted(found, key=lambda each: (each.at, each.id))


def changes(*, owner_id: UUID, start: datetime, end: datetime) -> list[Change]:
    """Splits and redemptions of what the owner held, in order."""
    found = [Change(*row) for row in _entitlements(owner_id, CHANGES, start, end)]
    return sorted(found, key=lambda each: (each.at, each.id))


def deliveries(*, owner_id: UUID, start: datetime, end: datetime) -> list[Delivery]:
    """The lots that came from another broker, by their ids, in order of their acquisition."""
    rows = (
        OpeningLot.objects.filter(
            transfer__owner_id=owner_id,
            transfer__created_at__gt=start,
            transfer__created_at__lte=end,
        )
        .order_by("pk")
        .values_list(
            "id",
            "transfer__created_at",
            "asset",
            "units",
            "acquired_at",
            "cost_cents",
            "value_cents",
        )
    )
    return [Delivery(*row) for row in rows]


def _entitlements(
    owner_id: UUID, kinds: Sequence[ActionKind], start: datetime, end: datetime
) -> Iterable[tuple[UUID, datetime, str, str, int, int, int]]:
    return Entitlement.objects.filter(
        owner_id=owner_id,
        action__kind__in=kinds,
        carried_out_at__gt=start,
        carried_out_at__lte=end,
    ).values_list(
        "id",
        "carried_out_at",
        "action__instrument__symbol",
        "action__kind",
        "units",
        "units_after",
        "cents",
    )
