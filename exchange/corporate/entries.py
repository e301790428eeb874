"""What administrators enter: dividends and splits, approved where they are large.

Each step is one transaction on the action's own row, which `due` takes only once it is approved.
"""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from authentication.models import User
from be.database import transactions
from be.kernel.identifiers import uuid7
from be.kernel.refusals import NotFound, Refusal
from exchange.corporate import limits, preview, second_look
from exchange.market.rules import calendar
from exchange.models import ActionKind, CorporateAction


class NotAwaited(Refusal):
    """Nothing is left to decide: somebody has, or it has been carried out."""

    code = "nothing_to_decide"
    status = 409
    title = "There is nothing to decide"


def check(action: CorporateAction, *, now: datetime) -> None:
    """Refuse a slip: see `limits.check`."""
    limits.check(action, today=now.astimezone(calendar.NEW_YORK).date())


@transactions.atomic
def enter(action: CorporateAction, *, by: User, now: datetime) -> preview.Preview:
    """Write a new action, or a changed one whose row the caller has locked.

    A large one awaits approval; what was approved before has to be approved again. Refuses as
    `limits.check` does.
    """
    check(action, now=now)
    seen = preview.of(action)
    if action._state.adding:
        action.pk, action.announced_at = uuid7(now), now
    action.entered_by = by
    action.awaits_approval = second_look.wants(action, seen)
    action.approved_by = action.approved_at = action.approved_value = action.failed_at = None
    action.failure = ""
    _save(action)
    return seen


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
    """Take the second look: from then on it is carried out when it falls due.

    Raises NotFound, NotAwaited, NotForYou, and what `limits` refuses by now; a split whose day has
    passed is to be given another.
    """
    action = locked(pk)
    if not action.awaits_approval or action.carried_out_at is not None:
        raise NotAwaited("This awaits no second look.")
    second_look.require_approver(by, action.entered_by)
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
    """Announce a coupon once more that was reversed by mistake, and return the new one.

    It is paid to the same holders when `due` runs next; a large one awaits approval. Raises
    NotFound, NotAwaited, PriceUnknown.
    """
    reversed_one = locked(pk)
    if not is_to_announce_anew(reversed_one):
        raise NotAwaited("Only a coupon that was reversed, and is not announced again, can be.")
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
    action.awaits_approval = second_look.wants(action, preview.of(action))
    _save(action)
    return action


def is_to_announce_anew(action: CorporateAction) -> bool:
    """Whether it is a coupon that was reversed, and that nothing has taken the place of."""
    return (
        action.kind == ActionKind.COUPON
        and action.reversed_at is not None
        and not limits.in_its_place(action).exists()
    )


def check_again(action: CorporateAction) -> None:
    """Refuse to carry out what prices, splits or holders have made another thing by now.

    What bonds pay follows from their terms, and is nobody's entry. Raises what `limits.check_size`
    does, and `second_look.Wanted`.
    """
    if action.entered_by_id is not None:
        limits.check_size(action)
        second_look.require_if_wanted(action)


@transactions.atomic
def try_again(pk: UUID) -> CorporateAction:
    """Let `due` carry out once more what has failed. Raises NotFound or NotAwaited."""
    action = locked(pk)
    if action.failed_at is None or action.carried_out_at is not None:
        raise NotAwaited("This has not failed.")
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
