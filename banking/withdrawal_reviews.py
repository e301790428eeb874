"""Who approves or rejects a large withdrawal: one administrator proposes, a second one approves.

`banking.transactions` moves the withdrawal; it has locked its row. Here is what is written of the
decision, and who may take it.
"""

from datetime import datetime

from authentication import audit, four_eyes
from authentication.four_eyes import NotAnApprover
from authentication.models import User
from banking.models import BankTransaction, WithdrawalReview
from banking.rules.assets import USD
from be.kernel.refusals import Invalid

PROPOSE = "banking.propose_withdrawal"
"""The permission to propose to approve large withdrawals, and to reject them."""

APPROVE = "banking.approve_withdrawal"
"""The permission to approve them as the second person; it includes the first one."""

LONGEST_REASON = 300


def begin(row: BankTransaction) -> None:
    """Note that the withdrawal waits for a decision."""
    WithdrawalReview.objects.create(transaction=row)


def propose_or_approve(row: BankTransaction, *, by: User, now: datetime) -> bool:
    """Propose to approve it; if somebody has before, approve it. Returns whether it is approved.

    Raises NotAnApprover where `by` has not the permission, or has proposed it and somebody else
    could approve.
    """
    review = _of(row)
    if review.proposed_by is None:
        _require_proposer(by)
        review.proposed_by, review.proposed_at = by, now
        review.save(update_fields=["proposed_by", "proposed_at"])
        _record("withdrawal proposed for approval", row, by, now)
        return False
    four_eyes.require_approver(by, review.proposed_by, permission=APPROVE)
    review.approved_by, review.approved_at = by, now
    review.save(update_fields=["approved_by", "approved_at"])
    _record("withdrawal approved", row, by, now)
    return True


def reject(row: BankTransaction, *, by: User | None, reason: str, now: datetime) -> None:
    """Note who has rejected it, and why; None for the system itself.

    Raises NotAnApprover, and Invalid without a reason.
    """
    if by is not None:
        _require_proposer(by)
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise Invalid(f"Say why, in at most {LONGEST_REASON} letters.", field="reason")
    review = _of(row)
    review.rejected_by, review.rejected_at, review.reason = by, now, reason
    review.save(update_fields=["rejected_by", "rejected_at", "reason"])
    _record("withdrawal rejected", row, by, now, reason=reason)


def _of(row: BankTransaction) -> WithdrawalReview:
    return WithdrawalReview.objects.select_related("proposed_by").get(transaction=row)


def _record(
    event: str, row: BankTransaction, by: User | None, now: datetime, reason: str | None = None
) -> None:
    audit.record(
        event,
        actor=by,
        subject=row.owner_id,
        at=now,
        transaction_id=row.pk,
        amount=USD.amount(row.cents),
        reason=reason,
    )


def _require_proposer(by: User) -> None:
    if not (by.has_perm(PROPOSE) or by.has_perm(APPROVE)):
        raise NotAnApprover("You may not decide about withdrawals: ask for that permission.")
