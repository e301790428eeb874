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

    Lines are found account by account, each from its index, and then merged. So no more lines of an
    account are read than the page has, however long its history is.
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
        of_account, values = _conditions(("account.asset = %s", self.asset))
        of_line, more = _conditions(
            bound, ("entry.created_at >= %s", self.start), ("entry.created_at < %s", self.end)
        )
        by_time = self.start is not None or self.end is not None
        # Of one account: a subquery that PostgreSQL runs once for each, and SQLite too.
        keys = (
            "SELECT own.id FROM banking_posting own "
            f"{'JOIN banking_journalentry entry ON entry.id = own.entry_id ' if by_time else ''}"
            f"WHERE own.account_id = account.id{of_line} ORDER BY own.id {order} LIMIT %s"
        )
        accounts = f"FROM banking_ledgeraccount account {_each(keys)}"
        rows = statements.query(
            "SELECT posting.id, posting.bucket, posting.units, account.asset, account.scale, "
            "entry.kind, entry.reference, entry.created_at FROM (SELECT one.id AS key, "
            f"account.id AS of {accounts} WHERE account.owner_id = %s{of_account} "
            f"ORDER BY one.id {order} LIMIT %s) AS page "
            "JOIN banking_posting posting ON posting.id = page.key "
            "JOIN banking_ledgeraccount account ON account.id = page.of "
            "JOIN banking_journalentry entry ON entry.id = posting.entry_id "
            f"ORDER BY posting.id {order}",
            (*more, at_most, self.owner_id, *values, at_most),
        )
        return [Line(*row[:6], *_of_entry.load(row[6:])) for row in rows]


def _each(keys: str) -> str:
    """Joins the keys that a subquery finds for each account."""
    if statements.is_postgresql():
        return f"CROSS JOIN LATERAL ({keys}) AS one"
    return f"CROSS JOIN banking_posting one ON one.id IN ({keys})"


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
    """All lines, a thousand at a time, each batch by a query of its own.

    No cursor stays open, so batches may be fetched from different threads, and a slow reader keeps
    no transaction open. Later postings have higher keys and do not shift the batches.
    """
    batch = found.newest(BATCH)
    while batch:
        yield batch
        batch = found.newest(BATCH, below=batch[-1].pk) if len(batch) == BATCH else []
