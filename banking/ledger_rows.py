"""The SQL of the ledger: how its rows are locked, read and written."""

from collections.abc import Collection
from functools import cache
from uuid import UUID

from banking.models import Hold, HouseAccount, LedgerAccount
from be.database import statements
from be.database.rows import Reader
from be.database.statements import Statement

_accounts = Reader(LedgerAccount)

# Condition and change are one statement: a balance that would fall below zero is not changed.
CHANGE_BALANCES = statements.update(
    LedgerAccount,
    ("id", "available", "held", "debt"),
    sets="available = old.available + given.available, held = old.held + given.held, "
    "debt = old.debt + given.debt",
    where="old.available >= -given.available AND old.held >= -given.held "
    "AND old.debt >= -given.debt",
    returning=("id",),
)

INSERT_ENTRIES = Statement(
    ("text", "uuid", "timestamptz"),
    "INSERT INTO banking_journalentry (kind, reference, created_at) SELECT * FROM {given} AS given",
    "INSERT INTO banking_journalentry (kind, reference, created_at) VALUES (%s, %s, %s)",
    returning=("id", "kind", "reference", "created_at"),
    exports=True,
)
"""Rows of (kind, reference, created_at); in one call, no two have the same kind and reference."""

INSERT_POSTINGS = Statement(
    ("text", "uuid", "bigint", "text", "bigint"),
    "INSERT INTO banking_posting (entry_id, account_id, owner_id, bucket, units, created_at) "
    "SELECT entry.id, account.id, account.owner_id, given.bucket, given.units, entry.created_at "
    "FROM {given} AS given (kind, reference, account_id, bucket, units) "
    "JOIN {exported} AS entry USING (kind, reference) "
    "JOIN banking_ledgeraccount account ON account.id = given.account_id",
    "INSERT INTO banking_posting (entry_id, account_id, owner_id, bucket, units, created_at) "
    "SELECT entry.id, account.id, account.owner_id, given.bucket, given.units, entry.created_at "
    "FROM (SELECT %s AS kind, %s AS reference, %s AS account_id, %s AS bucket, %s AS units) "
    "AS given JOIN banking_journalentry entry ON entry.id = (SELECT max(id) "
    "FROM banking_journalentry WHERE kind = given.kind AND reference = given.reference) "
    "JOIN banking_ledgeraccount account ON account.id = given.account_id",
)
"""Rows of (kind, reference, account_id, bucket, units), for the entries of the same call."""

INSERT_HOLDS = statements.insert(
    Hold, ("id", "account_id", "reference", "units", "remaining", "created_at", "ended_at")
)

CHANGE_HOLDS = Statement(
    ("uuid", "bigint", "bigint", "timestamptz"),
    "UPDATE banking_hold AS old SET remaining = given.remaining, ended_at = given.ended_at "
    "FROM {given} AS given (id, before, remaining, ended_at) WHERE old.id = given.id "
    "AND old.remaining = given.before AND old.ended_at IS NULL",
    "UPDATE banking_hold AS old SET remaining = given.remaining, ended_at = given.ended_at "
    "FROM (SELECT %s AS id, %s AS before, %s AS remaining, %s AS ended_at) AS given "
    "WHERE old.id = given.id AND old.remaining = given.before AND old.ended_at IS NULL",
)
"""Rows of (id, remaining before, remaining now, ended_at or None)."""


def lock_accounts(
    owners: Collection[UUID], assets: Collection[str], roles: Collection[HouseAccount]
) -> list[LedgerAccount]:
    """The owners' accounts for the assets, locked in the order of their ids.

    The house's accounts of these roles come after them. No column of theirs ever changes, so they
    are not locked.
    """
    owned, values = statements.is_in("account.owner_id", [*owners])
    held, codes = statements.is_in("account.asset", [*assets])
    house, names = statements.is_in("account.house", [str(role) for role in roles])
    values += codes
    if roles:
        values += names + codes
    rows = statements.query(_select_accounts(owned, held, house if roles else ""), values)
    return [_accounts.make(row) for row in rows]


@cache
def _select_accounts(owned: str, held: str, house: str) -> str:
    columns = _accounts.columns("account")
    sql = (
        f"WITH owned AS (SELECT {columns} FROM banking_ledgeraccount account "
        f"WHERE {owned} AND {held} ORDER BY account.id {statements.for_update()}) "
        "SELECT * FROM owned"
    )
    if house:
        sql += (
            f" UNION ALL SELECT {columns} FROM banking_ledgeraccount account "
            f"WHERE account.owner_id IS NULL AND {house} AND {held}"
        )
    return sql


def newest_posting(owner_id: UUID) -> int:
    """The highest id of the owner's postings; 0 if there are none."""
    ((newest,),) = statements.query(_NEWEST_POSTING, (owner_id,))
    return newest or 0


_NEWEST_POSTING = "SELECT max(id) FROM banking_posting WHERE owner_id = %s"
