"""What a customer's instruments have paid: dividends and coupons, less what was taken back."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple, TypeVar
from uuid import UUID

from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncMonth

from banking.rules.assets import USD
from be.kernel.refusals import Invalid
from exchange.models import ActionKind, Clawback, Entitlement

KINDS = (ActionKind.DIVIDEND, ActionKind.COUPON)

K = TypeVar("K", bound=Hashable)


class Payer(NamedTuple):
    """An instrument that paid."""

    symbol: str
    name: str
    asset_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Dollars paid, by kind; what was taken back of either is in `reversals`, below zero."""

    dividends: Decimal
    coupons: Decimal
    reversals: Decimal

    @property
    def total(self) -> Decimal:
        """Dividends and coupons less what was taken back."""
        return self.dividends + self.coupons + self.reversals


@dataclass(frozen=True, slots=True, kw_only=True)
class OfMonth(Sums):
    """What was paid in a month, in UTC, written as 2026-03."""

    month: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfInstrument(Sums):
    """What an instrument paid."""

    payer: Payer


@dataclass(frozen=True, slots=True)
class Income:
    """All of a time; by month, newest first; by instrument, most first.

    Months and instruments without any payment are left out.
    """

    start: datetime | None
    end: datetime | None
    totals: Sums
    by_month: tuple[OfMonth, ...]
    by_instrument: tuple[OfInstrument, ...]


class _Paid(NamedTuple):
    """Cents of one kind from one payer in a month; `kind` is None where they were taken back."""

    month: str
    payer: Payer
    kind: str | None
    cents: int


def income(*, owner_id: UUID, start: datetime | None, end: datetime | None) -> Income:
    """What was paid to the owner from `start` on and before `end`; None is no bound.

    Raises Invalid (`end`) when the end is not after the start.
    """
    if start is not None and end is not None and start >= end:
        raise Invalid("end must be after start.", field="end")
    paid = [*_entitlements(owner_id, start, end), *_clawbacks(owner_id, start, end)]
    months = _grouped(paid, lambda each: each.month)
    payers = _grouped(paid, lambda each: each.payer)
    by_month = [OfMonth(month=month, **_sums(each)) for month, each in months.items()]
    by_instrument = [OfInstrument(payer=payer, **_sums(each)) for payer, each in payers.items()]
    return Income(
        start,
        end,
        Sums(**_sums(paid)),
        tuple(sorted(by_month, key=lambda row: row.month, reverse=True)),
        tuple(sorted(by_instrument, key=lambda row: (-row.total, row.payer))),
    )


def _entitlements(owner_id: UUID, start: datetime | None, end: datetime | None) -> Iterable[_Paid]:
    rows = Entitlement.objects.filter(owner_id=owner_id, action__kind__in=KINDS, cents__gt=0)
    return (
        _Paid(f"{month:%Y-%m}", Payer(*payer), kind, cents)
        for month, kind, cents, *payer in _by_month(rows, "carried_out_at", "action", start, end)
    )


def _clawbacks(owner_id: UUID, start: datetime | None, end: datetime | None) -> Iterable[_Paid]:
    rows = Clawback.objects.filter(
        entitlement__owner_id=owner_id, entitlement__action__kind__in=KINDS, cents__gt=0
    )
    return (
        _Paid(f"{month:%Y-%m}", Payer(*payer), None, -cents)
        for month, _, cents, *payer in _by_month(
            rows, "taken_at", "entitlement__action", start, end
        )
    )


def _by_month(
    rows: QuerySet[Entitlement] | QuerySet[Clawback],
    at: str,
    action: str,
    start: datetime | None,
    end: datetime | None,
) -> Iterable[tuple[datetime, str, int, str, str, str]]:
    """Sums of cents by month, kind and instrument: month, kind, cents, symbol, name, class."""
    if start is not None:
        rows = rows.filter(**{f"{at}__gte": start})
    if end is not None:
        rows = rows.filter(**{f"{at}__lt": end})
    instrument = [f"{action}__instrument__{name}" for name in Payer._fields]
    return (
        rows.annotate(month=TruncMonth(at, tzinfo=UTC))
        .values("month", f"{action}__kind")
        .annotate(sum_of_cents=Sum("cents"))
        .values_list("month", f"{action}__kind", "sum_of_cents", *instrument)
        .order_by("month")
    )


def _grouped(paid: Iterable[_Paid], key: Callable[[_Paid], K]) -> dict[K, list[_Paid]]:
    groups: dict[K, list[_Paid]] = defaultdict(list)
    for each in paid:
        groups[key(each)].append(each)
    return groups


def _sums(paid: Iterable[_Paid]) -> dict[str, Decimal]:
    cents: dict[str | None, int] = defaultdict(int)
    for each in paid:
        cents[each.kind] += each.cents
    return {
        "dividends": USD.amount(cents[ActionKind.DIVIDEND]),
        "coupons": USD.amount(cents[ActionKind.COUPON]),
        "reversals": USD.amount(cents[None]),
    }
