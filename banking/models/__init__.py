"""The tables of the ledger, of bank accounts and of transfers; no rule in `save`."""

from banking.models.bank_accounts import (
    AccountType,
    BankAccount,
    BankAccountStatus,
    VerificationDay,
)
from banking.models.corrections import Correction
from banking.models.ledger import (
    Bucket,
    EntryKind,
    Hold,
    HouseAccount,
    JournalEntry,
    LedgerAccount,
    Posting,
)
from banking.models.nacha import NachaEntry, NachaFile, NachaReturn, NachaSequence
from banking.models.transactions import (
    BankTransaction,
    Review,
    TransactionStatus,
    TransactionType,
    TransferLimit,
    WithdrawalReview,
)
from banking.models.transfers_in import OpeningLot, TransferIn

__all__ = [
    "AccountType",
    "BankAccount",
    "BankAccountStatus",
    "BankTransaction",
    "Bucket",
    "Correction",
    "EntryKind",
    "Hold",
    "HouseAccount",
    "JournalEntry",
    "LedgerAccount",
    "NachaEntry",
    "NachaFile",
    "NachaReturn",
    "NachaSequence",
    "OpeningLot",
    "Posting",
    "Review",
    "TransactionStatus",
    "TransactionType",
    "TransferIn",
    "TransferLimit",
    "VerificationDay",
    "WithdrawalReview",
]
