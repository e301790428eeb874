"""Who held how much of an instrument before a moment."""

from datetime import datetime
from uuid import UUID

from django.db.models import F, Sum

from banking.models import EntryKind, LedgerAccount, Posting

# What only moves between `available` and `held`.
_INTERNAL = (EntryKind.HOLD, EntryKind.RELEASE)


def before(symbol: str, moment: datetime) -> list[tuple[UUID, int]]:
    """Owners and their units, as the journal has them from before that moment, by owner."""
    sums = (
        Posting.objects.filter(
            account__asset=symbol, account__owner__isnull=False, entry__created_at__lt=moment
        )
        .exclude(entry__kind__in=_INTERNAL)
        .values_list("account__owner_id")
        .annotate(units=Sum("units"))
        .filter(units__gt=0)
        .order_by("account__owner_id")
    )
    # PostgreSQL adds up integers to a decimal.
    return [(owner_id, int(units)) for owner_id, units in sums]


def now(symbol: str) -> list[tuple[UUID, int]]:
    """Owners and all that they have, held or available, by owner."""
    accounts = LedgerAccount.objects.filter(asset=symbol, owner__isnull=False)
    units = accounts.annotate(units=F("available") + F("held")).filter(units__gt=0)
    return list(units.order_by("owner_id").values_list("owner_id", "units"))
