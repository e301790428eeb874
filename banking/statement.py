"""Account statements: what a customer owns, and the postings of the ledger line by line."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from authentication.models import User
from banking import ledger
from banking.models import LedgerAccount, Posting
from banking.rules.assets import USD, canonical
from be.database import statements
from be.kernel.refusals import Invalid

BATCH = 1000


class UnknownAsset(Invalid):
    code = "unknown_asset"
    title = "Unknown asset"


def balances(*, owner: User) -> list[LedgerAccount]:
    """What the owner has: always dollars first, then each security with a balance.

    Opens no account: a missing dollar account is shown as an unsaved, empty one.
    """
    rows = ledger.balances_of(owner.pk)
    dollars = [row for row in rows if row.asset == USD.code]
    securities = [row for row in rows if row.asset != USD.code and row.available + row.held]
    return [*(dollars or [LedgerAccount(asset=USD.code, scale=USD.scale)]), *securities]


@dataclass(frozen=True, slots=True)
class Lines:
    """Postings of some accounts, whose entries were made from `start` on and before `end`.

    Lines are found account by account, each from its index, and then merged. So no more lines of an
    account are read than the page has, however long its history is.
    """

    accounts: tuple[int, ...]
    start: datetime | None = None
    end: datetime | None = None

    def newest(self, at_most: int, *, below: int | None = None) -> QuerySet[Posting]:
        """The newest postings, of those with a key below `below`, newest first."""
        return self._read(self._keys(at_most, "<", below, "DESC")).order_by("-pk")

    def oldest(self, at_most: int, *, above: int) -> QuerySet[Posting]:
        """The oldest postings of those with a key above `above`, oldest first."""
        return self._read(self._keys(at_most, ">", above, "ASC")).order_by("pk")

    def _read(self, keys: list[int]) -> QuerySet[Posting]:
        return Posting.objects.filter(pk__in=keys).select_related("entry", "account")

    def _keys(self, at_most: int, comparison: str, bound: int | None, direction: str) -> list[int]:
        if not self.accounts:
            return []
        condition, values = "", []
        for text, value in (
            (f"posting.id {comparison} %s", bound),
            ("entry.created_at >= %s", self.start),
            ("entry.created_at < %s", self.end),
        ):
            if value is not None:
                condition += f" AND {text}"
                values.append(value)
        by_time = self.start is not None or self.end is not None
        entries = "JOIN banking_journalentry entry ON entry.id = posting.entry_id "
        of_one = (
            "SELECT * FROM (SELECT posting.id FROM banking_posting posting "
            f"{entries if by_time else ''}"
            f"WHERE posting.account_id = %s{condition} "
            f"ORDER BY posting.id {direction} LIMIT %s) AS of_one"
        )
        parameters = [(account, *values, at_most) for account in self.accounts]
        rows = statements.query(
            f"{' UNION ALL '.join([of_one] * len(parameters))} ORDER BY 1 {direction} LIMIT %s",
            (*(value for each in parameters for value in each), at_most),
        )
        return [key for (key,) in rows]


def lines(
    *,
    owner: User,
    asset: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Lines:
    """The postings of the owner's accounts, of one asset or all.

    A hold or its release is two lines: out of one bucket and into the other. Raises UnknownAsset,
    and Invalid (`end`) when the end is not after the start.
    """
    if start is not None and end is not None and start >= end:
        raise Invalid("end must be after start.", field="end")
    accounts = LedgerAccount.objects.filter(owner=owner)
    if asset is not None:
        accounts = accounts.filter(asset=canonical(asset))
    keys = tuple(accounts.order_by("pk").values_list("pk", flat=True))
    if asset is not None and not keys and not _is_known(canonical(asset)):
        raise UnknownAsset(
            f"Nobody here ever had {asset}; balances/ shows what you have.", field="asset"
        )
    return Lines(keys, start, end)


def _is_known(code: str) -> bool:
    """Whether anybody ever had some: if so, the house has an account for it."""
    house = LedgerAccount.objects.filter(owner=None)
    return code == USD.code or house.filter(asset=code).exists()


def batches(found: Lines) -> Iterator[list[Posting]]:
    """All lines, a thousand at a time, each batch by a query of its own.

    No cursor stays open, so batches may be fetched from different threads, and a slow reader keeps
    no transaction open. Later postings have higher keys and do not shift the batches.
    """
    batch = list(found.newest(BATCH))
    while batch:
        yield batch
        batch = list(found.newest(BATCH, below=batch[-1].pk)) if len(batch) == BATCH else []
