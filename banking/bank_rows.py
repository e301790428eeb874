"""The SQL of a customer's lists of bank accounts, and of deposits and withdrawals."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from banking.models import BankAccount, BankAccountStatus, BankTransaction
from be.database import statements
from be.database.rows import Reader
from be.database.statements import Row

# What is shown of an account is not its number.
_accounts = Reader(
    BankAccount,
    without=(
        "account_number_encrypted",
        "account_number_fingerprint",
        "micro_deposits_encrypted",
        "routing_number",
    ),
)
_transactions = Reader(BankTransaction)


def accounts(
    owner_id: UUID,
    *,
    account_id: UUID | None = None,
    at_most: int,
    below: UUID | None = None,
    above: UUID | None = None,
) -> list[BankAccount]:
    """Linked accounts, the newest first, or the oldest above a key."""
    conditions = (
        ("status <> %s", BankAccountStatus.UNLINKED.value),
        ("id = %s", account_id),
    )
    rows = _page(_accounts, "banking_bankaccount", owner_id, conditions, at_most, below, above)
    return [_accounts.make(row) for row in rows]


def transactions(
    owner_id: UUID,
    *,
    transaction_id: UUID | None = None,
    type: str | None = None,
    status: str | None = None,
    account: UUID | None = None,
    at_most: int,
    below: UUID | None = None,
    above: UUID | None = None,
) -> list[BankTransaction]:
    """Deposits and withdrawals, the newest first, or the oldest above a key."""
    conditions = (
        ("id = %s", transaction_id),
        ("type = %s", type),
        ("status = %s", status),
        ("account_id = %s", account),
    )
    table = "banking_banktransaction"
    rows = _page(_transactions, table, owner_id, conditions, at_most, below, above)
    return [_transactions.make(row) for row in rows]


def _page(
    reader: Reader[Any],
    table: str,
    owner_id: UUID,
    conditions: Sequence[tuple[str, Any]],
    at_most: int,
    below: UUID | None,
    above: UUID | None,
) -> Sequence[Row]:
    given = [
        (text, value)
        for text, value in (*conditions, ("id < %s", below), ("id > %s", above))
        if value is not None
    ]
    whose, in_order = statements.from_index("owner_id", "id", "DESC" if above is None else "ASC")
    return statements.query(
        f"SELECT {reader.columns('own')} FROM {table} own WHERE {whose}"
        f"{''.join(f' AND {text}' for text, _ in given)} ORDER BY {in_order} LIMIT %s",
        (owner_id, *(value for _, value in given), at_most),
    )
