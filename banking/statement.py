"""Account statements: what a customer owns, and the postings of the ledger line by line."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q

from authentication.models import User
from banking import ledger
from banking.models import JournalEntry, LedgerAccount
from banking.rules.assets import USD, canonical
from be.database import statements
from be.database.rows import Columns
from be.kernel.refusals import Invalid

BATCH = 5000


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


class Line(NamedTuple):
    """A posting with the asset of its account and its entry: one line of a statement."""

    pk: int
    bucket: str
    units: int
    asset: str
    scale: int
    kind: str
    reference: UUID
    created_at: datetime


# The columns that SQLite stores in another type.
_of_entry = Columns(JournalEntry, ("reference", "created_at"))


@dataclass(frozen=True, slots=True)
class Lines:
    """Postings of an owner's accounts, whose entries were made from `start` on and before `end`.

    A page is read from the index of the owner's postings, or of the account's where one asset is
    asked for: no more lines than it has, however long the history is and however many the accounts.
    The index has their times too. Lines of other times are passed over in it, without their rows;
    nothing can begin behind them, because times follow the keys only nearly.
    """

    owner_id: UUID
    asset: str | None = None
    start: datetime | None = None
    end: datetime | None = None

    def newest(self, at_most: int, *, below: int | None = None) -> list[Line]:
        """The newest lines, of those with a key below `below`, newest first."""
        return self._read(at_most, ("own.id < %s", below), "DESC")

    def oldest(self, at_most: int, *, above: int) -> list[Line]:
        """The oldest lines of those with a key above `above`, oldest first."""
        return self._read(at_most, ("own.id > %s", above), "ASC")

    def _read(self, at_most: int, bound: tuple[str, int | None], order: str) -> list[Line]:
        condition, values = _conditions(
            bound, ("own.created_at >= %s", self.start), ("own.created_at < %s", self.end)
        )
        whose, in_order = statements.from_index("own.owner_id", "own.id", order)
        owned: tuple[Any, ...] = (self.owner_id,)
        if self.asset is not None:
            whose, in_order = statements.from_index("own.account_id", "own.id", order)
            account = "(SELECT id FROM banking_ledgeraccount WHERE owner_id = %s AND asset = %s)"
            whose = whose.replace("%s", account)
            owned = (self.owner_id, self.asset)
        rows = statements.query(
            "SELECT line.id, line.bucket, line.units, account.asset, account.scale, "
            "entry.kind, entry.reference, entry.created_at FROM (SELECT own.* "
            f"FROM banking_posting own WHERE {whose}{condition} "
            f"ORDER BY {in_order} LIMIT %s) AS line "
            "JOIN banking_ledgeraccount account ON account.id = line.account_id "
            f"JOIN banking_journalentry entry ON entry.id = line.entry_id ORDER BY line.id {order}",
            (*owned, *values, at_most),
            # How many lines are read decides on the best way to join.
            planned_anew=at_most >= BATCH,
        )
        return [Line(*row[:6], *_of_entry.load(row[6:])) for row in rows]


def _conditions(*conditions: tuple[str, Any]) -> tuple[str, tuple[Any, ...]]:
    """Those conditions that have a value, each after an AND, and the values."""
    given = [(text, value) for text, value in conditions if value is not None]
    return "".join(f" AND {text}" for text, _ in given), tuple(value for _, value in given)


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
    code = None if asset is None else canonical(asset)
    if code is not None and not _is_known(code, owner):
        raise UnknownAsset(
            f"Nobody here ever had {asset}; balances/ shows what you have.", field="asset"
        )
    return Lines(owner.pk, code, start, end)


def _is_known(code: str, owner: User) -> bool:
    """Whether the owner has an account for it or the house has, as when anybody ever had some."""
    accounts = LedgerAccount.objects.filter(Q(owner=owner) | Q(owner=None), asset=code)
    return code == USD.code or accounts.exists()


def batches(found: Lines) -> Iterator[list[Line]]:
    """All lines, a few thousand at a time, each batch by a query of its own.

    No cursor stays open, so batches may be fetched from different threads, and a slow reader keeps
    no transaction open. Later postings have higher keys and do not shift the batches.
    """
    batch = found.newest(BATCH)
    while batch:
        yield batch
        batch = found.newest(BATCH, below=batch[-1].pk) if len(batch) == BATCH else []
