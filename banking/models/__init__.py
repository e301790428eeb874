"""The tables of the ledger and of bank accounts; no rule in `save`."""

from banking.models.bank_accounts import AccountType, BankAccount, BankAccountStatus
from banking.models.ledger import (
    Bucket,
    EntryKind,
    Hold,
    HouseAccount,
    JournalEntry,
    LedgerAccount,
    Posting,
)
from banking.models.transactions import BankTransaction, TransactionStatus, TransactionType

__all__ = [
    "AccountType",
    "BankAccount",
    "BankAccountStatus",
    "BankTransaction",
    "Bucket",
    "EntryKind",
    "Hold",
    "HouseAccount",
    "JournalEntry",
    "LedgerAccount",
    "Posting",
    "TransactionStatus",
    "TransactionType",
]
