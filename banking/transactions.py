"""Deposits and withdrawals: money between a customer's bank and the ledger.

A deposit is posted from bank clearing to `available` when the bank has settled it. A withdrawal
first holds its money, so that it cannot be spent meanwhile. When the bank has settled it, the money
is posted to bank clearing; if it is refused or canceled, the hold is released. What the bank
returns is reversed by another entry; what has been spent of a returned deposit is owed
(`banking.debts`). A large withdrawal goes to the bank once two administrators have approved it.

Locks, in this order: the bank account, the bank transaction, then ledger accounts.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from authentication import audit, restrictions
from authentication.models import User
from banking import (
    bank_accounts,
    bank_answers,
    bank_rows,
    debts,
    holds,
    ledger,
    transfer_limits,
    withdrawal_reviews,
)
from banking.models import (
    BankAccount,
    BankAccountStatus,
    BankTransaction,
    Review,
    TransactionStatus,
    TransactionType,
)
from banking.rules import business_days, encryption, rails, transfer_states
from banking.rules.assets import USD, InexactAmount
from banking.rules.transfer_states import State
from be.database.transactions import atomic
from be.kernel.formats import time_text
from be.kernel.identifiers import uuid7
from be.kernel.refusals import Invalid, NotFound, Refusal

logger = logging.getLogger(__name__)

MAX_AMOUNT = Decimal("1000000.00")
# The most that one call of settle_due takes on, so that it stays short.
SETTLE_AT_MOST = 500

REJECTED, IN_DEBT = "rejected_by_review", "account_in_debt"
"""Why a large withdrawal was not sent to the bank."""

NO_SUCH_TRANSACTION = "There is no bank transaction with this id."


class BankAccountNotVerified(Refusal):
    code = "bank_account_not_verified"
    title = "The bank account is not verified"


class BankAccountTooNew(Refusal):
    code = "bank_account_too_new"
    title = "The bank account is too new for a withdrawal"


class AmountTooLarge(Refusal):
    code = "amount_too_large"
    title = "The amount is too large"


class TransactionNotCancelable(Refusal):
    code = "transaction_not_cancelable"
    status = 409
    title = "The transaction cannot be canceled any more"


class TransactionNotReturnable(Refusal):
    code = "transaction_not_returnable"
    status = 409
    title = "The transaction has moved nothing that could be returned"


class NothingToReview(Refusal):
    code = "nothing_to_review"
    status = 409
    title = "The transaction does not wait for a decision"


@atomic
def deposit(*, owner: User, account_id: UUID, amount: Decimal, now: datetime) -> BankTransaction:
    """Fetch `amount` dollars from the bank account; they are available once it has settled.

    Raises what restrictions.require_may_transfer raises, Invalid (amount), NotFound (account),
    BankAccountNotVerified, AmountTooLarge and transfer_limits.TransferLimitExceeded.
    """
    restrictions.require_may_transfer(owner)
    cents = _cents(amount)
    account = _verified_account(owner, account_id)
    bank_answers.locked_wallet(owner.pk)
    row = _begin(TransactionType.DEPOSIT, owner, account, cents, State.PENDING, now)
    _submit(row, now)
    _record(row, now, actor=owner)
    return row


@atomic
def withdraw(*, owner: User, account_id: UUID, amount: Decimal, now: datetime) -> BankTransaction:
    """Send `amount` dollars to the bank account; they are reserved until it has settled.

    A large one waits for approval before it goes to the bank. Raises what `deposit` raises,
    BankAccountTooNew, and ledger.InsufficientFunds or AccountInDebt.
    """
    restrictions.require_may_transfer(owner)
    cents = _cents(amount)
    account = _verified_account(owner, account_id)
    _require_old_enough(account, now)
    wallet = bank_answers.locked_wallet(owner.pk)
    ledger.require_available(wallet, cents)
    is_large = cents > transfer_limits.large_from()
    start = State.WAITING if is_large else State.PENDING
    row = _begin(TransactionType.WITHDRAWAL, owner, account, cents, start, now)
    holds.hold(account=wallet, units=row.cents, reference=row.pk, at=now)
    if is_large:
        withdrawal_reviews.begin(row)
    else:
        _submit(row, now)
    _record(row, now, actor=owner)
    return row


@atomic
def cancel(*, owner: User, transaction_id: UUID, now: datetime) -> BankTransaction:
    """Cancel a pending transaction. Raises NotFound, or TransactionNotCancelable if not pending."""
    row = _locked(of(owner).filter(pk=transaction_id))
    if row.status != TransactionStatus.PENDING:
        raise TransactionNotCancelable(f"It is {row.status}; only a pending one can be canceled.")
    if row.sent_at is not None:
        raise TransactionNotCancelable("It has been sent to the bank.")
    bank_answers.end_without_payment(row, State.CANCELED, "", now)
    _record(row, now, actor=owner)
    return row


@atomic
def approve(*, transaction_id: UUID, by: User, now: datetime) -> BankTransaction:
    """Propose to approve a large withdrawal; proposed by another before, send it to the bank.

    Which of the two it was, the review of the transaction says. Raises NotFound, NothingToReview,
    four_eyes.NotAnApprover, ledger.AccountInDebt, and what restrictions.require_may_transfer raises
    about its owner.
    """
    row = _waiting(transaction_id)
    approved = withdrawal_reviews.propose_or_approve(row, by=by, now=now)
    if approved:
        restrictions.require_may_transfer(row.owner)
        debts.require_none(bank_answers.locked_wallet(row.owner_id))
        bank_answers.move(row, State.PENDING, review=Review.APPROVED)
        row.settles_on = business_days.settlement_day(now)
        row.save(update_fields=["status", "review", "settles_on"])
        _submit(row, now)
        _record(row, now, actor=by)
    return row


@atomic
def reject(*, transaction_id: UUID, by: User, reason: str, now: datetime) -> BankTransaction:
    """Refuse a large withdrawal that waits for approval; its money is available again.

    Raises NotFound, NothingToReview, four_eyes.NotAnApprover, and Invalid without a reason.
    """
    row = _waiting(transaction_id)
    withdrawal_reviews.reject(row, by=by, reason=reason, now=now)
    bank_answers.end_without_payment(row, State.FAILED, REJECTED, now, review=Review.REJECTED)
    _record(row, now, actor=by)
    return row


def reject_in_debt(debtors: Sequence[UUID], *, now: datetime) -> int:
    """Refuse the waiting withdrawals of these customers in debt, so that their money pays it.

    Returns how many there were. Several callers may run at once.
    """
    waiting = BankTransaction.objects.filter(review=Review.WAITING, owner__in=debtors)
    ids = list(waiting.order_by("pk").values_list("pk", flat=True))
    return sum(_reject_if_in_debt(transaction_id, now) for transaction_id in ids)


@atomic
def return_payment(*, transaction_id: UUID, reason: str, now: datetime) -> BankTransaction:
    """Reverse what the bank has returned, by a new entry; `reason` is a code for the customer.

    What has been spent of a returned deposit becomes a debt. One that is pending still has failed.
    The same return again changes nothing. Raises NotFound and TransactionNotReturnable.
    """
    row = _locked(BankTransaction.objects.filter(pk=transaction_id))
    state = bank_answers.state_of(row)
    if state == State.RETURNED:
        return row
    if state == State.PENDING:
        bank_answers.end_without_payment(row, State.FAILED, reason, now)
    elif state == State.COMPLETED:
        bank_answers.reverse(row, reason, now)
    else:
        raise TransactionNotReturnable(f"It is {state}; the bank has moved nothing.")
    _record(row, now, actor=None)
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
    type_: TransactionType,
    owner: User,
    account: BankAccount,
    cents: int,
    start: State,
    now: datetime,
) -> BankTransaction:
    """Save a new transaction, if it is within the limits. The owner's dollars are locked."""
    transfer_limits.require_within(owner, type_, cents, now=now)
    waits = start == State.WAITING
    return BankTransaction.objects.create(
        id=uuid7(now),
        owner=owner,
        account=account,
        type=type_,
        cents=cents,
        status=transfer_states.status_in(start),
        review=Review.WAITING if waits else "",
        settles_on=None if waits else business_days.settlement_day(now),
        created_at=now,
    )


def _locked(rows: QuerySet[BankTransaction]) -> BankTransaction:
    """The only one of these rows, locked. Raises NotFound."""
    row = rows.select_for_update(of=("self",)).select_related("account").first()
    if row is None:
        raise NotFound(NO_SUCH_TRANSACTION)
    return row


def _waiting(transaction_id: UUID) -> BankTransaction:
    row = _locked(BankTransaction.objects.filter(pk=transaction_id))
    if bank_answers.state_of(row) != State.WAITING:
        raise NothingToReview(f"It is {row.status}, and waits for nobody's decision.")
    return row


@atomic
def _reject_if_in_debt(transaction_id: UUID, now: datetime) -> bool:
    row = _locked(BankTransaction.objects.filter(pk=transaction_id))
    if (
        bank_answers.state_of(row) != State.WAITING
        or not bank_answers.locked_wallet(row.owner_id).debt
    ):
        return False
    withdrawal_reviews.reject(row, by=None, reason="The account was in debt.", now=now)
    bank_answers.end_without_payment(row, State.FAILED, IN_DEBT, now, review=Review.REJECTED)
    _record(row, now, actor=None)
    return True


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


def _require_old_enough(account: BankAccount, now: datetime) -> None:
    """Refuse to send money to an account that was verified a short time ago."""
    wait = timedelta(days=settings.WITHDRAWAL_ACCOUNT_AGE_DAYS)
    since = account.verified_at or now
    if now < since + wait:
        raise BankAccountTooNew(
            f"Money is sent to an account {wait.days} days after it was verified: from "
            f"{time_text(since + wait)} on.",
            field="account",
        )


def _submit(row: BankTransaction, now: datetime) -> None:
    """Hand a transaction to the bank, and apply its first answer."""
    bank_answers.apply(row, rails.current.submit(_payment(row), now), now)


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
        bank_answers.apply(row, rails.current.settle(_payment(row), now), now)
    else:
        bank_answers.confirm(row, rails.current.confirm(_payment(row), now), now)
    if row.status != before:
        _record(row, now, actor=None)
    return True


def _record(row: BankTransaction, now: datetime, *, actor: User | None) -> None:
    """Write the state that a transfer has reached, by its owner, staff, or the bank (None)."""
    audit.record(
        f"{row.type} {bank_answers.state_of(row)}",
        actor=actor,
        subject=row.owner_id,
        at=now,
        transaction_id=row.pk,
        amount=USD.amount(row.cents),
    )
