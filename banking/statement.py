"""What a customer owns, and how it came about, line by line: the postings of the ledger."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import QuerySet

from authentication.models import User
from banking import ledger
from banking.assets import USD
from banking.models import LedgerAccount, Posting

BATCH = 1000


def balances(*, owner: User) -> list[LedgerAccount]:
    """What the owner has: dollars first and always, then each security of which there is some.

    Opens no account: dollars that were never there are an unsaved, empty one.
    """
    rows = ledger.balances_of(owner.pk)
    dollars = [row for row in rows if row.asset == USD.code]
    securities = [row for row in rows if row.asset != USD.code and row.available + row.held]
    return [*(dollars or [LedgerAccount(asset=USD.code, scale=USD.scale)]), *securities]


def lines(
    *,
    owner: User,
    asset: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> QuerySet[Posting]:
    """The postings of the owner's accounts, newest first, from `start` on and before `end`.

    A hold or its release is two lines: out of one bucket and into the other.
    """
    found = Posting.objects.filter(account__owner=owner).select_related("entry", "account")
    if asset is not None:
        found = found.filter(account__asset=asset)
    if start is not None:
        found = found.filter(entry__created_at__gte=start)
    if end is not None:
        found = found.filter(entry__created_at__lt=end)
    return found.order_by("-pk")


def batches(found: QuerySet[Posting]) -> Iterator[list[Posting]]:
    """All lines, a thousand at a time, each batch a query of its own.

    No cursor stays open, so batches may be fetched from different threads, and a reader that takes
    its time holds no transaction open. Later postings have higher keys and do not shift anything.
    """
    batch = list(found[:BATCH])
    while batch:
        yield batch
        batch = list(found.filter(pk__lt=batch[-1].pk)[:BATCH]) if len(batch) == BATCH else []
