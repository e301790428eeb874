"""Holders of record: who held how much of an instrument before a moment, or holds it now."""

from datetime import datetime
from uuid import UUID

from django.db.models import F, Sum

from banking.models import EntryKind, LedgerAccount, Posting

# Entries that only move units of a security between `available` and `held` of one account.
_INTERNAL = (EntryKind.HOLD, EntryKind.RELEASE)


def of_record(symbol: str, before: datetime) -> list[tuple[UUID, int]]:
    """Owners and their units, by owner: the sum of the journal's postings from before a moment."""
    sums = (
        Posting.objects.filter(
            account__asset=symbol, account__owner__isnull=False, entry__created_at__lt=before
        )
        .exclude(entry__kind__in=_INTERNAL)
        .values_list("account__owner_id")
        .annotate(units=Sum("units"))
        .filter(units__gt=0)
        .order_by("account__owner_id")
    )
    # PostgreSQL adds up integers to a decimal.
    return [(owner_id, int(units)) for owner_id, units in sums]


def current(symbol: str) -> list[tuple[UUID, int]]:
    """Owners and all their units, held or available, by owner."""
    accounts = LedgerAccount.objects.filter(asset=symbol, owner__isnull=False)
    units = accounts.annotate(units=F("available") + F("held")).filter(units__gt=0)
    return list(units.order_by("owner_id").values_list("owner_id", "units"))
