"""What staff can do with a bank transaction and with a correction, and how its effect is told."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from authentication import four_eyes
from authentication.models import User
from banking import corrections, transactions, withdrawal_reviews
from banking.corrections import Effect
from banking.models import BankTransaction, Correction, Review
from banking.rules.assets import USD
from be.admin_pages.steps import ConfirmationForm, Step

Given = Mapping[str, Any]


def effect_text(effect: Effect) -> str:
    """What a correction does to the customer's dollars."""
    lines = [
        f"Amount: {effect.amount:+,f} USD",
        f"Available: {effect.available:,f} USD now, {effect.available_after:,f} USD then",
    ]
    if effect.debt_after:
        lines.append(f"Owed then: {effect.debt_after:,f} USD")
    if effect.available_after < 0:
        lines.append("There is not enough money: it will be refused.")
    if effect.awaits_approval:
        lines.append("That is a lot: it awaits a second look, and is not carried out before.")
    return "\n".join(lines)


def state_text(correction: Correction) -> str:
    """The line for the history."""
    return f"The {correction.kind} of {USD.amount(correction.cents):+,f} USD: {correction.state}."


# Bank transactions --------------------------------------------------------------------------------


def _waits(row: BankTransaction) -> bool:
    return row.review == Review.WAITING


def _is_proposed(row: BankTransaction) -> bool:
    return row.withdrawal_review.proposed_by_id is not None


def _withdrawal(row: BankTransaction, by: User, now: datetime) -> str:
    lines = [
        f"{row.owner.email} withdraws {USD.amount(row.cents):,f} USD to {row.account}.",
        f"Asked for at {row.created_at:%Y-%m-%d %H:%M:%S}.",
    ]
    if (first := row.withdrawal_review.proposed_by) is not None:
        lines.append(f"{first.email} has proposed to approve it; now it goes to the bank.")
    else:
        others = four_eyes.other_approvers(by, permission=withdrawal_reviews.APPROVE)
        lines.append(f"A second person approves it: {', '.join(others) or 'you, once more'}.")
    return "\n".join(lines)


def _approve(row: BankTransaction, by: User, given: Given, now: datetime) -> str:
    after = transactions.approve(transaction_id=row.pk, by=by, now=now)
    return "The approval is proposed." if _waits(after) else "It is approved."


def _reject(row: BankTransaction, by: User, given: Given, now: datetime) -> str:
    transactions.reject(transaction_id=row.pk, by=by, reason=given["reason"], now=now)
    return "It is rejected; the money is available again."


def _reverse(row: BankTransaction, by: User, given: Given, now: datetime) -> str:
    correction = corrections.reverse(transaction_id=row.pk, by=by, reason=given["reason"], now=now)
    return state_text(correction)


OF_TRANSACTIONS = (
    Step(
        "propose",
        "Propose to approve",
        withdrawal_reviews.PROPOSE,
        lambda row, by, now: _waits(row) and not _is_proposed(row),
        _withdrawal,
        _approve,
        ConfirmationForm,
    ),
    Step(
        "approve",
        "Approve",
        withdrawal_reviews.APPROVE,
        lambda row, by, now: _waits(row) and _is_proposed(row),
        _withdrawal,
        _approve,
        ConfirmationForm,
    ),
    Step(
        "reject",
        "Reject",
        withdrawal_reviews.PROPOSE,
        lambda row, by, now: _waits(row),
        lambda row, by, now: "It is not sent to the bank, and its money is available again.",
        _reject,
    ),
    Step(
        "reverse",
        "Correct: reverse it",
        corrections.ASK,
        lambda row, by, now: corrections.can_reverse(row),
        lambda row, by, now: effect_text(corrections.preview_of(row)),
        _reverse,
    ),
)


# Corrections --------------------------------------------------------------------------------------


def _effect_of(correction: Correction, by: User, now: datetime) -> str:
    row = correction.transaction
    effect = (
        corrections.preview(correction.owner, correction.cents)
        if row is None
        else corrections.preview_of(row)
    )
    return f"{effect_text(effect)}\n{correction.asked_by.email} asked for it: {correction.reason}"


def _undo(correction: Correction, by: User, now: datetime) -> str:
    return effect_text(corrections.preview(correction.owner, -correction.cents))


def _approve_correction(correction: Correction, by: User, given: Given, now: datetime) -> str:
    return state_text(corrections.approve(correction_id=correction.pk, by=by, now=now))


def _decline(correction: Correction, by: User, given: Given, now: datetime) -> str:
    after = corrections.decline(correction_id=correction.pk, by=by, reason=given["reason"], now=now)
    return state_text(after)


def _reverse_adjustment(correction: Correction, by: User, given: Given, now: datetime) -> str:
    after = corrections.reverse_adjustment(
        correction_id=correction.pk, by=by, reason=given["reason"], now=now
    )
    return state_text(after)


def _awaits(correction: Correction) -> bool:
    return correction.carried_out_at is None and correction.declined_at is None


OF_CORRECTIONS = (
    Step(
        "approve",
        "Approve",
        corrections.APPROVE,
        lambda correction, by, now: _awaits(correction),
        _effect_of,
        _approve_correction,
        ConfirmationForm,
    ),
    Step(
        "decline",
        "Decline",
        corrections.APPROVE,
        lambda correction, by, now: _awaits(correction),
        lambda correction, by, now: "Nothing is moved.",
        _decline,
    ),
    Step(
        "reverse",
        "Correct: reverse it",
        corrections.ASK,
        lambda correction, by, now: corrections.can_reverse_adjustment(correction),
        _undo,
        _reverse_adjustment,
    ),
)
