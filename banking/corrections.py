"""Corrections: what staff puts right in a customer's account, by another entry and with a reason.

What a bank transaction has posted is reversed as if the bank had returned it: it cannot be returned
again, and what has been spent of a deposit is owed. An adjustment moves dollars between the house's
errors account and the customer, who never falls below zero. Trades are never reversed, and what a
corporate action paid is (`exchange.corporate.reversals`).

From SECOND_LOOK_DOLLARS on, a second administrator approves it first.

Locks, in this order: the bank transaction, the correction, then ledger accounts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from authentication import audit, four_eyes
from authentication.models import User
from banking import ledger, transactions
from banking.ledger import Line
from banking.models import (
    BankTransaction,
    Correction,
    EntryKind,
    HouseAccount,
    LedgerAccount,
    TransactionStatus,
    TransactionType,
)
from banking.rules.assets import USD, InexactAmount
from be.database.transactions import atomic
from be.kernel.identifiers import uuid7
from be.kernel.refusals import Invalid, NotFound, Refusal

ASK = "banking.add_correction"
"""The permission to correct, and to ask for what is large."""

APPROVE = "banking.approve_correction"
"""The permission to approve what is large, or to decline it."""

MAX_AMOUNT = Decimal("1000000.00")
LONGEST_REASON = 300
RETURN_REASON = "corrected"
"""Why a bank transaction was returned, as its owner reads it."""


class MayNotCorrect(Refusal):
    """The administrator lacks the permission, or the account is their own."""

    code = "may_not_correct"
    status = 403
    title = "You may not correct this account"


class NotCorrectable(Refusal):
    """It has moved nothing, has been returned, or is corrected already."""

    code = "not_correctable"
    status = 409
    title = "This can't be corrected"


class NothingToDecide(Refusal):
    """The correction awaits no second look."""

    code = "nothing_to_decide"
    status = 409
    title = "There is nothing to decide"


@dataclass(frozen=True, slots=True)
class Effect:
    """What a correction does to the customer's dollars, with the balances of now."""

    amount: Decimal
    available: Decimal
    available_after: Decimal
    debt_after: Decimal
    awaits_approval: bool


@atomic
def reverse(*, transaction_id: UUID, by: User, reason: str, now: datetime) -> Correction:
    """Reverse what a deposit or withdrawal has posted, or ask for it if it is large.

    Raises NotFound, Invalid (reason), MayNotCorrect and NotCorrectable.
    """
    row = _locked_transaction(transaction_id)
    correction = Correction(owner=row.owner, transaction=row, cents=_undoing(row))
    return _begin(correction, by, reason, now)


@atomic
def adjust(*, owner: User, amount: Decimal, by: User, reason: str, now: datetime) -> Correction:
    """Credit `amount` dollars to the customer, or debit them if it is below zero.

    A large one is asked for only. Raises Invalid (amount, reason), MayNotCorrect, and
    ledger.InsufficientFunds.
    """
    return _begin(Correction(owner=owner, cents=_cents(amount)), by, reason, now)


@atomic
def reverse_adjustment(*, correction_id: UUID, by: User, reason: str, now: datetime) -> Correction:
    """Take back an adjustment by the opposite one. Raises what `reverse` and `adjust` raise."""
    first = _locked(correction_id)
    _require_adjustment(first)
    correction = Correction(owner=first.owner, reverses=first, cents=-first.cents)
    return _begin(correction, by, reason, now)


@atomic
def approve(*, correction_id: UUID, by: User, now: datetime) -> Correction:
    """Take the second look, and carry the correction out.

    Raises NotFound, NothingToDecide, four_eyes.NotAnApprover, NotCorrectable and
    ledger.InsufficientFunds.
    """
    transaction_id = _transaction_of(correction_id)
    if transaction_id is not None:
        _locked_transaction(transaction_id)
    correction = _waiting(correction_id)
    _require_not_own(by, correction.owner)
    four_eyes.require_approver(by, correction.asked_by, permission=APPROVE)
    correction.approved_by = by
    _carry_out(correction, by, now)
    return correction


@atomic
def decline(*, correction_id: UUID, by: User, reason: str, now: datetime) -> Correction:
    """Refuse a correction that awaits a second look; who asked for it may take it back.

    Raises NotFound, NothingToDecide, Invalid (reason) and MayNotCorrect.
    """
    correction = _waiting(correction_id)
    if not (by.has_perm(APPROVE) or by == correction.asked_by):
        raise MayNotCorrect("Only who asked for it, or may approve it, can decline it.")
    correction.declined_by, correction.declined_at = by, now
    correction.save(update_fields=["declined_by", "declined_at"])
    _record("correction declined", correction, by, _checked(reason), now)
    return correction


def preview(owner: User, cents: int, *, may_owe: bool = False) -> Effect:
    """What `cents` more or less do to the customer's dollars now; `may_owe`: the rest is a debt."""
    wallet = ledger.find(owner.pk, USD) or LedgerAccount(asset=USD.code, scale=USD.scale)
    after = wallet.available + cents - wallet.debt
    return Effect(
        amount=USD.amount(cents),
        available=USD.amount(wallet.available),
        available_after=USD.amount(max(after, 0) if may_owe or wallet.debt else after),
        debt_after=USD.amount(max(-after, 0) if may_owe or wallet.debt else 0),
        awaits_approval=_is_large(cents),
    )


def preview_of(row: BankTransaction) -> Effect:
    """What the reversal of a bank transaction does. Raises NotCorrectable."""
    return preview(row.owner, _undoing(row), may_owe=row.type == TransactionType.DEPOSIT)


def can_reverse(row: BankTransaction) -> bool:
    """Whether a bank transaction has posted what could be reversed, and nobody has begun to."""
    return (
        row.status == TransactionStatus.COMPLETED
        and not row.corrections.filter(declined_at=None).exists()
    )


def can_reverse_adjustment(correction: Correction) -> bool:
    """Whether it is an adjustment that was carried out, and nobody has begun to reverse it."""
    return (
        correction.transaction_id is None
        and correction.reverses_id is None
        and correction.carried_out_at is not None
        and not correction.reversals.filter(declined_at=None).exists()
    )


def _undoing(row: BankTransaction) -> int:
    """The cents that the reversal of a transaction adds to the account."""
    if row.status != TransactionStatus.COMPLETED:
        raise NotCorrectable(f"It is {row.status}: there is nothing of it to reverse.")
    return -row.cents if row.type == TransactionType.DEPOSIT else row.cents


def _require_adjustment(correction: Correction) -> None:
    if correction.transaction_id is not None or correction.reverses_id is not None:
        raise NotCorrectable("Only an adjustment is reversed; this is a reversal itself.")
    if correction.carried_out_at is None:
        raise NotCorrectable(f"It is {correction.state}: there is nothing of it to reverse.")


def _begin(correction: Correction, by: User, reason: str, now: datetime) -> Correction:
    """Save a new correction; carry it out unless it awaits a second look."""
    if not by.has_perm(ASK):
        raise MayNotCorrect("You may not correct accounts: ask for that permission.")
    _require_not_own(by, correction.owner)
    correction.pk, correction.reason = uuid7(now), _checked(reason)
    correction.asked_by, correction.asked_at = by, now
    _insert_once(correction)
    if _is_large(correction.cents):
        _record("correction asked for", correction, by, correction.reason, now)
    else:
        _carry_out(correction, by, now)
    return correction


def _insert_once(correction: Correction) -> None:
    try:
        with transaction.atomic():
            correction.save(force_insert=True)
    except IntegrityError as error:
        raise NotCorrectable("Somebody has corrected it already, or asked for it.") from error


def _carry_out(correction: Correction, by: User, now: datetime) -> None:
    if correction.transaction_id is None:
        _post(correction, now)
    else:
        _undoing(_locked_transaction(correction.transaction_id))
        transactions.return_payment(
            transaction_id=correction.transaction_id, reason=RETURN_REASON, now=now
        )
    correction.carried_out_at = now
    correction.save(update_fields=["approved_by", "carried_out_at"])
    _record("correction carried out", correction, by, correction.reason, now)


def _post(correction: Correction, now: datetime) -> None:
    """The entry of an adjustment. Raises ledger.InsufficientFunds."""
    role = HouseAccount.ERRORS
    accounts = ledger.lock([correction.owner_id], [USD], roles=[role])
    wallet = accounts[correction.owner_id, USD.code]
    if correction.cents < 0:
        ledger.require_available(wallet, -correction.cents)
    lines: Sequence[Line] = [
        Line(wallet, correction.cents),
        Line(accounts[role, USD.code], -correction.cents),
    ]
    ledger.post(kind=EntryKind.ADJUSTMENT, reference=correction.pk, lines=lines, at=now)


def _is_large(cents: int) -> bool:
    return bool(USD.amount(abs(cents)) >= settings.SECOND_LOOK_DOLLARS)


def _cents(amount: Decimal) -> int:
    if not amount.is_finite() or not amount or abs(amount) > MAX_AMOUNT:
        raise Invalid(f"Send dollars, not zero and {MAX_AMOUNT} at most.", field="amount")
    try:
        return USD.units(amount)
    except InexactAmount as error:
        raise Invalid("Send at most two decimals.", field="amount") from error


def _checked(reason: str) -> str:
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise Invalid(f"Say why, in at most {LONGEST_REASON} letters.", field="reason")
    return reason.strip()


def _require_not_own(by: User, owner: User) -> None:
    if by == owner:
        raise MayNotCorrect("Somebody else corrects your own account.")


def _locked_transaction(pk: UUID) -> BankTransaction:
    rows = BankTransaction.objects.select_for_update(of=("self",)).select_related("owner")
    row = rows.filter(pk=pk).first()
    if row is None:
        raise NotFound(transactions.NO_SUCH_TRANSACTION)
    return row


def _transaction_of(correction_id: UUID) -> UUID | None:
    """The bank transaction that a correction reverses; it never changes."""
    found = Correction.objects.filter(pk=correction_id).values_list("transaction_id", flat=True)
    return found.first()


def _locked(correction_id: UUID) -> Correction:
    rows = Correction.objects.select_for_update(of=("self",))
    found = rows.select_related("owner", "asked_by").filter(pk=correction_id).first()
    if found is None:
        raise NotFound("There is no such correction.")
    return found


def _waiting(correction_id: UUID) -> Correction:
    correction = _locked(correction_id)
    if correction.carried_out_at is not None or correction.declined_at is not None:
        raise NothingToDecide(f"It is {correction.state}.")
    return correction


def _record(event: str, correction: Correction, by: User, reason: str, now: datetime) -> None:
    audit.record(
        event,
        actor=by,
        subject=correction.owner,
        at=now,
        correction_id=correction.pk,
        kind=correction.kind,
        transaction_id=correction.transaction_id,
        amount=USD.amount(correction.cents),
        reason=reason,
    )
