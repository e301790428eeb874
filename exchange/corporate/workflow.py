"""What administrators do with an action: enter, approve, retry, announce anew.

Each step is one transaction that locks the action's row. `exchange.corporate.processing` carries an
action out only once it needs no approval.
"""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from authentication.models import User
from be.database import transactions
from be.kernel.identifiers import uuid7
from be.kernel.refusals import NotFound, Refusal
from exchange.corporate import four_eyes, limits, preview
from exchange.market.rules import calendar
from exchange.models import ActionKind, CorporateAction


class NothingToDecide(Refusal):
    """The step does not apply: somebody has decided already, or it has been carried out."""

    code = "nothing_to_decide"
    status = 409
    title = "There is nothing to decide"


def check(action: CorporateAction, *, now: datetime) -> None:
    """Refuse what can only be a typing error: see `limits.check`."""
    limits.check(action, today=now.astimezone(calendar.NEW_YORK).date())


@transactions.atomic
def enter(action: CorporateAction, *, by: User, now: datetime) -> preview.Effects:
    """Save a new action, or a changed one whose row the caller has locked; returns its effects.

    A large one awaits approval. What was approved before has to be approved again. Raises what
    `limits.check` raises.
    """
    check(action, now=now)
    effects = preview.of(action)
    if action._state.adding:
        action.pk, action.announced_at = uuid7(now), now
    action.entered_by = by
    action.awaits_approval = four_eyes.is_required(action, effects)
    action.approved_by = action.approved_at = action.approved_value = action.failed_at = None
    action.failure = ""
    _save(action)
    return effects


def _save(action: CorporateAction) -> None:
    try:
        with transaction.atomic():
            action.save()
    except IntegrityError as error:  # somebody else has entered it meanwhile
        raise limits.EnteredAlready(
            f"Somebody else has just entered a {action.kind} of {action.instrument.symbol} on "
            f"{action.ex_date}.",
            field="ex_date",
        ) from error


@transactions.atomic
def approve(pk: UUID, *, by: User, now: datetime) -> CorporateAction:
    """Approve an action; it is then carried out when it is due.

    Raises NotFound, NothingToDecide, NotAnApprover, and what `limits` refuses by now. A
    split whose day has passed needs another day first.
    """
    action = locked(pk)
    if not action.awaits_approval or action.carried_out_at is not None:
        raise NothingToDecide("This awaits no second look.")
    four_eyes.require_approver(by, action.entered_by)
    if action.kind == ActionKind.SPLIT:
        check(action, now=now)
    else:
        limits.check_size(action)
    action.awaits_approval, action.failure = False, ""
    action.approved_by, action.approved_at = by, now
    action.approved_value = preview.of(action).value
    action.save(
        update_fields=[
            "awaits_approval",
            "failure",
            "approved_by",
            "approved_at",
            "approved_value",
        ]
    )
    return action


@transactions.atomic
def announce_anew(pk: UUID, *, by: User, now: datetime) -> CorporateAction:
    """Announce a coupon again that was reversed by mistake; returns the new action.

    It is paid to the same holders at the next run of `exchange.corporate.processing`; a large one
    awaits approval. Raises NotFound, NothingToDecide, limits.PriceUnknown.
    """
    reversed_one = locked(pk)
    if not can_announce_anew(reversed_one):
        raise NothingToDecide(
            "Only a coupon that was reversed, and is not announced again, can be."
        )
    action = CorporateAction(
        id=uuid7(now),
        instrument=reversed_one.instrument,
        kind=reversed_one.kind,
        ex_date=reversed_one.ex_date,
        payable_date=reversed_one.payable_date,
        amount=reversed_one.amount,
        announced_at=now,
        entered_by=by,
    )
    action.awaits_approval = four_eyes.is_required(action, preview.of(action))
    _save(action)
    return action


def can_announce_anew(action: CorporateAction) -> bool:
    """Whether it is a reversed coupon that no other action has replaced."""
    return (
        action.kind == ActionKind.COUPON
        and action.reversed_at is not None
        and not limits.duplicates_of(action).exists()
    )


def recheck(action: CorporateAction) -> None:
    """Check the size once more before an action is carried out.

    Prices, splits or holders may have changed since it was entered. What bonds pay follows from
    their terms, and is not checked. Raises what `limits.check_size` raises, and
    four_eyes.ApprovalRequired.
    """
    if action.entered_by_id is not None:
        limits.check_size(action)
        four_eyes.require_if_grown(action)


@transactions.atomic
def retry(pk: UUID) -> CorporateAction:
    """Clear a failure, so that the action is tried again. Raises NotFound or NothingToDecide."""
    action = locked(pk)
    if action.failed_at is None or action.carried_out_at is not None:
        raise NothingToDecide("This has not failed.")
    action.failed_at, action.failure = None, ""
    action.save(update_fields=["failed_at", "failure"])
    return action


def locked(pk: UUID) -> CorporateAction:
    """The action, its row locked until the transaction ends. Raises NotFound."""
    rows = CorporateAction.objects.select_for_update(of=("self",)).select_related("instrument")
    action = rows.filter(pk=pk).first()
    if action is None:
        raise NotFound("There is no such corporate action any more.")
    return action
