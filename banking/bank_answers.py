"""What a bank's answer does to a transaction: its state and its money move together.

Also what the customer or the staff decides about it, before the bank has. Callers have locked the
row of the transaction; `banking.transactions` has what they call.
"""

from datetime import datetime
from uuid import UUID

from banking import debts, holds, ledger
from banking.ledger import Line
from banking.models import (
    BankTransaction,
    Bucket,
    EntryKind,
    Hold,
    HouseAccount,
    LedgerAccount,
    Review,
    TransactionType,
)
from banking.rules import rails, transfer_states
from banking.rules.assets import USD
from banking.rules.transfer_states import State


def state_of(row: BankTransaction) -> State:
    """The state that its status and review are."""
    return transfer_states.state_of(row.status, row.review)


def move(row: BankTransaction, state: State, *, review: str | None = None) -> None:
    """Change the state of a locked transaction, if the table has the move; the caller saves it.

    Whatever a review was waiting for, it waits no more: a new `review` says how it ended.
    """
    transfer_states.require_legal(state_of(row), state)
    row.status = transfer_states.status_in(state)
    if review is not None:
        row.review = review
    elif row.review == Review.WAITING:
        row.review = ""
    if state in (State.FAILED, State.CANCELED):
        row.settles_on = None


def locked_wallet(owner_id: UUID) -> LedgerAccount:
    """The customer's dollars, locked until the transaction ends."""
    return ledger.lock([owner_id], [USD])[owner_id, USD.code]


def _locked_sides(row: BankTransaction) -> tuple[LedgerAccount, LedgerAccount]:
    """The customer's dollars, locked, and the house's account for what banks move."""
    role = HouseAccount.BANK_CLEARING
    accounts = ledger.lock([row.owner_id], [USD], roles=[role])
    return accounts[row.owner_id, USD.code], accounts[role, USD.code]


def apply(
    row: BankTransaction, answer: rails.Pending | rails.Completed | rails.Refused, now: datetime
) -> None:
    """Apply the bank's answer about a pending transaction."""
    match answer:
        case rails.Pending(ask_again_after=wait):
            row.due_at = None if wait is None else now + wait
            row.save(update_fields=["due_at"])
        case rails.Completed(ask_again_after=wait):
            _complete(row, now, is_held=wait is not None and not answer.is_free_meanwhile)
            row.due_at = None if wait is None else now + wait
            row.save(update_fields=["status", "completed_at", "due_at"])
        case rails.Refused(reason=reason):
            end_without_payment(row, State.FAILED, reason, now)


def _complete(row: BankTransaction, now: datetime, *, is_held: bool) -> None:
    """Post what the bank has moved. A deposit that `is_held` can't be spent until it is confirmed.

    A held one pays no debt either: it may still be returned.
    """
    move(row, State.COMPLETED)
    row.completed_at = now
    wallet, clearing = _locked_sides(row)
    with ledger.journal(now) as journal:
        if row.type == TransactionType.DEPOSIT:
            lines = [Line(clearing, -row.cents), Line(wallet, row.cents)]
            journal.post(kind=EntryKind.DEPOSIT, reference=row.pk, lines=lines)
            if is_held:
                holds.hold(
                    account=wallet, units=row.cents, reference=row.pk, at=now, journal=journal
                )
        else:
            hold = _hold_of(row)
            units = holds.settle(hold, remaining=0, final=True, at=now, journal=journal)
            lines = [Line(wallet, -units, Bucket.HELD), Line(clearing, units)]
            journal.post(kind=EntryKind.WITHDRAWAL, reference=row.pk, lines=lines)


def end_without_payment(
    row: BankTransaction, state: State, reason: str, now: datetime, *, review: str | None = None
) -> None:
    """Fail or cancel a pending transaction; release the hold of a withdrawal."""
    move(row, state, review=review)
    if row.type == TransactionType.WITHDRAWAL:
        holds.release(_hold_of(row), at=now)
    row.failure_reason = reason
    row.due_at = None
    row.save(update_fields=["status", "review", "failure_reason", "due_at", "settles_on"])


def confirm(row: BankTransaction, answer: rails.Completed | rails.Returned, now: datetime) -> None:
    """Apply the bank's answer about a completed transaction."""
    match answer:
        case rails.Completed(ask_again_after=wait):
            if wait is None and (hold := _live_hold_of(row)) is not None:
                holds.release(hold, at=now)
            row.due_at = None if wait is None else now + wait
            row.save(update_fields=["due_at"])
        case rails.Returned(reason=reason):
            reverse(row, reason, now)


def reverse(row: BankTransaction, reason: str, now: datetime) -> None:
    """Reverse a completed transaction by a new entry of opposite signs."""
    move(row, State.RETURNED)
    wallet, clearing = _locked_sides(row)
    with ledger.journal(now) as journal:
        if row.type == TransactionType.WITHDRAWAL:
            kind, lines = EntryKind.WITHDRAWAL, [Line(wallet, row.cents)]
        elif (hold := _live_hold_of(row)) is not None:
            units = holds.settle(hold, remaining=0, final=True, at=now, journal=journal)
            kind, lines = EntryKind.DEPOSIT_RETURN, [Line(wallet, -units, Bucket.HELD)]
        else:
            kind, lines = EntryKind.DEPOSIT_RETURN, [debts.line_taking(wallet, row.cents)]
        sign = -1 if row.type == TransactionType.WITHDRAWAL else 1
        journal.post(kind=kind, reference=row.pk, lines=[Line(clearing, sign * row.cents), *lines])
    row.failure_reason = reason
    row.due_at = None
    row.save(update_fields=["status", "failure_reason", "due_at"])


def _hold_of(row: BankTransaction) -> Hold:
    return Hold.objects.select_related("account").get(reference=row.pk)


def _live_hold_of(row: BankTransaction) -> Hold | None:
    """The hold on a deposit that the bank may still return, if it is held."""
    holds_of = Hold.objects.select_related("account").filter(reference=row.pk)
    return holds_of.filter(ended_at__isnull=True).first()
