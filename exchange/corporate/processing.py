"""Processing: bond payments are announced, and actions that are due are carried out.

`run` may be called as often as one likes, by several processes at once. An action is carried out
once for each instrument, kind and ex-date, and each holder has one entitlement in it.
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import DataError, InterfaceError, OperationalError
from django.db.models import Q

from be.database import transactions
from be.kernel.refusals import Refusal
from exchange.corporate import announcements, four_eyes, payments, splits, workflow
from exchange.market.rules import calendar
from exchange.models import ActionKind, CorporateAction

logger = logging.getLogger(__name__)

# Orders that were sent before midnight may still be under way shortly after it.
AFTER_MIDNIGHT = timedelta(minutes=1)
MAX_REASON_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Processed:
    """An action that was carried out, and how many holders it concerned."""

    action: CorporateAction
    holders: int


def run(*, now: datetime, without: Collection[ActionKind] = ()) -> list[Processed]:
    """Announce and carry out all that is due by now, in the order of ex-dates.

    Kinds in `without` are left to another process. An action that fails for a reason of its own is
    marked with that reason and left alone until an administrator decides. The same holds for one
    that has to be approved. Such a split blocks the later actions of its instrument, which count
    in the new shares. All other actions go on.
    """
    today = (now - AFTER_MIDNIGHT).astimezone(calendar.NEW_YORK).date()
    announcements.announce(today=today, now=now)
    due = CorporateAction.objects.filter(
        carried_out_at__isnull=True, payable_date__lte=today
    ).select_related("instrument")
    processed, blocked = [], set[UUID]()
    for action in due.order_by("ex_date", "pk"):
        if action.instrument_id in blocked:
            continue
        if not _awaits_administrator(action) and action.kind not in without:
            carried_out = _attempt(action, now)
            processed += [carried_out] if carried_out else []
        if _awaits_administrator(action) and action.kind == ActionKind.SPLIT:
            blocked.add(action.instrument_id)
    return processed


def _awaits_administrator(action: CorporateAction) -> bool:
    return action.awaits_approval or action.failed_at is not None


def blocked_by(action: CorporateAction) -> CorporateAction | None:
    """The earlier split, failed or awaiting approval, that this action has to wait for."""
    if action.carried_out_at is not None:
        return None
    earlier = CorporateAction.objects.filter(
        Q(failed_at__isnull=False) | Q(awaits_approval=True),
        Q(ex_date__lt=action.ex_date) | Q(ex_date=action.ex_date, pk__lt=action.pk),
        instrument=action.instrument_id,
        kind=ActionKind.SPLIT,
        carried_out_at__isnull=True,
    )
    return earlier.first()


def _attempt(action: CorporateAction, now: datetime) -> Processed | None:
    """Carry the action out. If that fails, write the reason on the row and on `action`."""
    try:
        return _carry_out(action, now)
    except (OperationalError, InterfaceError):
        raise
    except four_eyes.ApprovalRequired as refusal:
        logger.warning("%s %s is put off: %s", action.pk, action, refusal.detail)
        action.awaits_approval = True
        _mark(action, awaits_approval=True, failure=_reason(refusal))
    except Exception as error:
        logger.exception("%s %s cannot be carried out: %s", action.pk, action, error)
        action.failed_at = now
        _mark(action, failed_at=now, failure=_reason(error))
    return None


def _mark(action: CorporateAction, **values: object) -> None:
    CorporateAction.objects.filter(pk=action.pk, carried_out_at__isnull=True).update(**values)


def _reason(error: Exception) -> str:
    text = error.detail if isinstance(error, Refusal) else f"{type(error).__name__}: {error}"
    if isinstance(error, OverflowError | DataError):  # of SQLite, of PostgreSQL
        text = f"Numbers come of it that are larger than can be stored. {text}"
    return text[:MAX_REASON_LENGTH]


def _carry_out(action: CorporateAction, now: datetime) -> Processed | None:
    if action.kind == ActionKind.REDEMPTION:
        # Outside the transaction below: orders are canceled in transactions of their own.
        payments.close(action.instrument, now=now)
    return _settle(action.pk, now)


@transactions.atomic
def _settle(pk: UUID, now: datetime) -> Processed | None:
    """Carry it out in one transaction; None if another process has done so or is doing it."""
    action = (
        CorporateAction.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("instrument")
        .filter(pk=pk, carried_out_at__isnull=True, awaits_approval=False, failed_at__isnull=True)
        .first()
    )
    if action is None:
        return None
    workflow.recheck(action)
    holders = _PROCESSORS[ActionKind(action.kind)](action, now=now)
    action.carried_out_at = now
    action.save(update_fields=["carried_out_at"])
    return Processed(action, holders)


_PROCESSORS: dict[ActionKind, Callable[..., int]] = {
    ActionKind.COUPON: payments.pay,
    ActionKind.DIVIDEND: payments.pay,
    ActionKind.REDEMPTION: payments.redeem,
    ActionKind.SPLIT: splits.split,
}
