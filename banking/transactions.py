"""Deposits and withdrawals: money between a customer's bank and the ledger.

A deposit is posted from bank clearing to `available` when the bank has settled it. A withdrawal
first holds its money, so that it cannot be spent meanwhile. When the bank has settled it, the money
is posted to bank clearing; if it is refused or canceled, the hold is released. What the bank
returns is reversed by another entry.

Locks, in this order: the bank account, the bank transaction, then ledger accounts.
"""

import logging
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import QuerySet

from authentication import restrictions
from authentication.models import User
from banking import bank_accounts, bank_rows, holds, ledger
from banking.ledger import Line
from banking.models import (
    BankAccount,
    BankAccountStatus,
    BankTransaction,
    Bucket,
    EntryKind,
    Hold,
    HouseAccount,
    TransactionStatus,
    TransactionType,
)
from banking.rules import encryption, rails
from banking.rules.assets import USD, InexactAmount
from be.database.transactions import atomic
from be.kernel.identifiers import uuid7
from be.kernel.refusals import Invalid, NotFound, Refusal
from be.logs import events

logger = logging.getLogger(__name__)

MAX_AMOUNT = Decimal("1000000.00")
# The most that one call of settle_due takes on, so that it stays short.
SETTLE_AT_MOST = 500

NO_SUCH_TRANSACTION = "There is no bank transaction with this id."


class BankAccountNotVerified(Refusal):
    code = "bank_account_not_verified"
    title = "The bank account is not verified"


class AmountTooLarge(Refusal):
    code = "amount_too_large"
    title = "The amount is too large"


class TransactionNotCancelable(Refusal):
    code = "transaction_not_cancelable"
    status = 409
    title = "The transaction cannot be canceled any more"


@atomic
def deposit(*, owner: User, account_id: UUID, amount: Decimal, now: datetime) -> BankTransaction:
    """Fetch `amount` dollars from the bank account; they are available once it has settled.

    Raises what restrictions.require_may_transfer raises, Invalid (amount), NotFound (account),
    BankAccountNotVerified and AmountTooLarge.
    """
    row = _begin(TransactionType.DEPOSIT, owner, account_id, amount, now)
    _apply(row, rails.current.submit(_payment(row), now), now)
    _log(row)
    return row


@atomic
def withdraw(*, owner: User, account_id: UUID, amount: Decimal, now: datetime) -> BankTransaction:
    """Send `amount` dollars to the bank account; they are reserved until it has settled.

    Raises what `deposit` raises, and ledger.InsufficientFunds.
    """
    row = _begin(TransactionType.WITHDRAWAL, owner, account_id, amount, now)
    wallet = ledger.account_of(owner.pk, USD)
    holds.hold(account=wallet, units=row.cents, reference=row.pk, at=now)
    _apply(row, rails.current.submit(_payment(row), now), now)
    _log(row)
    return row


@atomic
def cancel(*, owner: User, transaction_id: UUID, now: datetime) -> BankTransaction:
    """Cancel a pending transaction. Raises NotFound, or TransactionNotCancelable if not pending."""
    row = of(owner).select_for_update().filter(pk=transaction_id).first()
    if row is None:
        raise NotFound(NO_SUCH_TRANSACTION)
    if row.status != TransactionStatus.PENDING:
        raise TransactionNotCancelable(f"It is {row.status}; only a pending one can be canceled.")
    if row.sent_at is not None:
        raise TransactionNotCancelable("It has been sent to the bank.")
    _end_without_payment(row, TransactionStatus.CANCELED, "", now)
    _log(row)
    return row


def settle_due(*, now: datetime) -> int:
    """Ask the bank about the transactions that are due; returns how many were answered.

    Several callers may run at once: each transaction is taken by one of them.
    """
    due = BankTransaction.objects.filter(due_at__lte=now).order_by("due_at", "pk")
    ids = list(due.values_list("pk", flat=True)[:SETTLE_AT_MOST])
    answered = sum(_settle(transaction_id, now) for transaction_id in ids)
    if answered:  # the number of an unlinked account may have been kept for these
        bank_accounts.destroy_unlinked_numbers(transaction_ids=ids)
    return answered


def of(owner: User) -> QuerySet[BankTransaction]:
    """All bank transactions of the owner."""
    return BankTransaction.objects.filter(owner=owner)


def get(*, owner: User, transaction_id: UUID) -> BankTransaction:
    """One transaction of the owner. Raises NotFound."""
    found = bank_rows.transactions(owner.pk, transaction_id=transaction_id, at_most=1)
    if not found:
        raise NotFound(NO_SUCH_TRANSACTION)
    return found[0]


def _begin(
    type_: TransactionType, owner: User, account_id: UUID, amount: Decimal, now: datetime
) -> BankTransaction:
    restrictions.require_may_transfer(owner)
    cents = _cents(amount)
    account = _verified_account(owner, account_id)
    return BankTransaction.objects.create(
        id=uuid7(now),
        owner=owner,
        account=account,
        type=type_,
        cents=cents,
        status=TransactionStatus.PENDING,
        created_at=now,
    )


def _cents(amount: Decimal) -> int:
    if not amount.is_finite() or amount <= 0:
        raise Invalid("Send a positive amount.", field="amount")
    if amount > MAX_AMOUNT:
        raise AmountTooLarge(
            f"One transaction moves at most {MAX_AMOUNT} USD; send several.", field="amount"
        )
    try:
        return USD.units(amount)
    except InexactAmount as error:
        raise Invalid("Send at most two decimals.", field="amount") from error


def _verified_account(owner: User, account_id: UUID) -> BankAccount:
    """Locked, so that it cannot be unlinked while a transaction on it begins."""
    account = bank_accounts.linked(owner).select_for_update().filter(pk=account_id).first()
    if account is None:
        raise NotFound(bank_accounts.NO_SUCH_ACCOUNT, field="account")
    if account.status != BankAccountStatus.VERIFIED:
        raise BankAccountNotVerified(
            "Verify the account with its micro-deposit amounts first.", field="account"
        )
    if account.rail != rails.current.name:
        raise BankAccountNotVerified(
            "It was verified elsewhere; unlink the account and link it again.", field="account"
        )
    return account


def _payment(row: BankTransaction) -> rails.Payment:
    return rails.Payment(
        reference=row.pk,
        direction="deposit" if row.type == TransactionType.DEPOSIT else "withdrawal",
        cents=row.cents,
        bank=bank_accounts.details(row.account),
    )


def _settle(transaction_id: UUID, now: datetime) -> bool:
    """Settle one; an account number that cannot be decrypted must not block the others."""
    try:
        return _settle_if_due(transaction_id, now)
    except encryption.Unreadable:
        logger.exception("bank transaction %s: its account number is unreadable", transaction_id)
        return False


@atomic
def _settle_if_due(transaction_id: UUID, now: datetime) -> bool:
    row = (
        BankTransaction.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("account")
        .filter(pk=transaction_id, due_at__lte=now)
        .first()
    )
    if row is None:  # another caller has it, or it was canceled
        return False
    before = row.status
    if before == TransactionStatus.PENDING:
        _apply(row, rails.current.settle(_payment(row), now), now)
    else:
        _confirm(row, rails.current.confirm(_payment(row), now), now)
    if row.status != before:
        _log(row)
    return True


def _log(row: BankTransaction) -> None:
    """Log the state that a transfer has reached."""
    events.log_on_commit(
        f"{row.type} {row.status}",
        user_id=row.owner_id,
        transaction_id=row.pk,
        amount=USD.amount(row.cents),
    )


def _apply(
    row: BankTransaction, answer: rails.Pending | rails.Completed | rails.Refused, now: datetime
) -> None:
    """Apply the bank's answer about a pending transaction."""
    match answer:
        case rails.Pending(ask_again_after=wait):
            row.due_at = None if wait is None else now + wait
            row.save(update_fields=["due_at"])
        case rails.Completed(ask_again_after=wait):
            _complete(row, now)
            if wait is not None and row.type == TransactionType.DEPOSIT:
                _hold_until_confirmed(row, now)
            row.due_at = None if wait is None else now + wait
            row.save(update_fields=["status", "completed_at", "due_at"])
        case rails.Refused(reason=reason):
            _end_without_payment(row, TransactionStatus.FAILED, reason, now)


def _complete(row: BankTransaction, now: datetime) -> None:
    clearing = ledger.house_account(HouseAccount.BANK_CLEARING, USD)
    wallet = ledger.account_of(row.owner_id, USD)
    if row.type == TransactionType.DEPOSIT:
        kind = EntryKind.DEPOSIT
        lines = [Line(clearing, -row.cents), Line(wallet, row.cents)]
    else:
        kind = EntryKind.WITHDRAWAL
        units = holds.settle(_hold_of(row), remaining=0, final=True, at=now)
        lines = [Line(wallet, -units, Bucket.HELD), Line(clearing, units)]
    ledger.post(kind=kind, reference=row.pk, lines=lines, at=now)
    row.status = TransactionStatus.COMPLETED
    row.completed_at = now


def _hold_until_confirmed(row: BankTransaction, now: datetime) -> None:
    """Hold a deposit that the bank may still return, so that it cannot be spent."""
    wallet = ledger.account_of(row.owner_id, USD)
    holds.hold(account=wallet, units=row.cents, reference=row.pk, at=now)


def _end_without_payment(
    row: BankTransaction, status: TransactionStatus, reason: str, now: datetime
) -> None:
    """Fail or cancel a pending transaction; release the hold of a withdrawal."""
    if row.type == TransactionType.WITHDRAWAL:
        holds.release(_hold_of(row), at=now)
    row.status = status
    row.failure_reason = reason
    row.due_at = None
    row.save(update_fields=["status", "failure_reason", "due_at"])


def _confirm(row: BankTransaction, answer: rails.Completed | rails.Returned, now: datetime) -> None:
    """Apply the bank's answer about a completed transaction."""
    match answer:
        case rails.Completed(ask_again_after=wait):
            row.due_at = None if wait is None else now + wait
            if wait is None and row.type == TransactionType.DEPOSIT:
                holds.release(_hold_of(row), at=now)
        case rails.Returned(reason=reason):
            if row.type == TransactionType.DEPOSIT:
                _return_deposit(row, now)
            else:
                _return_withdrawal(row, now)
            row.status = TransactionStatus.RETURNED
            row.failure_reason = reason
            row.due_at = None
    row.save(update_fields=["status", "failure_reason", "due_at"])


def _return_deposit(row: BankTransaction, now: datetime) -> None:
    """Return the money to the bank, out of the hold on the deposit."""
    hold = _hold_of(row)
    units = holds.settle(hold, remaining=0, final=True, at=now)
    ledger.post(
        kind=EntryKind.DEPOSIT_RETURN,
        reference=row.pk,
        lines=[
            Line(ledger.house_account(HouseAccount.BANK_CLEARING, USD), units),
            Line(hold.account, -units, Bucket.HELD),
        ],
        at=now,
    )


def _return_withdrawal(row: BankTransaction, now: datetime) -> None:
    """Post the withdrawal's entry with opposite signs: the money is available again."""
    ledger.post(
        kind=EntryKind.WITHDRAWAL,
        reference=row.pk,
        lines=[
            Line(ledger.house_account(HouseAccount.BANK_CLEARING, USD), -row.cents),
            Line(ledger.account_of(row.owner_id, USD), row.cents),
        ],
        at=now,
    )


def _hold_of(row: BankTransaction) -> Hold:
    return Hold.objects.select_related("account").get(reference=row.pk)
