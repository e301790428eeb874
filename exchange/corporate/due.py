"""What falls due: bonds' coupons and redemptions are announced, and due actions carried out.

It may be run as often as one likes, by several at once: an action happens once for each instrument,
kind and date, and each holder has one entitlement in it.
"""

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import DataError, InterfaceError, OperationalError
from django.db.models import Q

from be.database import transactions
from be.kernel.identifiers import uuid7
from be.kernel.refusals import Refusal
from exchange.corporate import entries, payments, second_look, splits
from exchange.corporate.rules import terms
from exchange.market import quotes
from exchange.market.rules import bonds, calendar
from exchange.models import ActionKind, Bond, CorporateAction

logger = logging.getLogger(__name__)

# Orders that were sent before midnight may still be under way shortly after it.
AFTER_MIDNIGHT = timedelta(minutes=1)
LONGEST_REASON = 300
BY_TERMS = (ActionKind.COUPON, ActionKind.REDEMPTION)
# By so much calendars may differ about one payment; payments of a kind are months apart.
MOST_MOVED = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Done:
    """An action that was carried out, and how many holders it concerned."""

    action: CorporateAction
    holders: int


def run(*, now: datetime, without: Collection[ActionKind] = ()) -> list[Done]:
    """Announce and carry out all that is due by now, in the order of ex-dates.

    What is `without` is left for somebody else. An action that fails for a reason of its own is
    marked with it, and left alone until an administrator decides; so is one that wants a second
    look. What comes after such a split in its instrument, which is counted in the new shares,
    waits for it. All else goes on.
    """
    today = (now - AFTER_MIDNIGHT).astimezone(calendar.NEW_YORK).date()
    announce(today=today, now=now)
    due = CorporateAction.objects.filter(
        carried_out_at__isnull=True, payable_date__lte=today
    ).select_related("instrument")
    done, stuck = [], set[UUID]()
    for action in due.order_by("ex_date", "pk"):
        if action.instrument_id in stuck:
            continue
        if not _is_left_alone(action) and action.kind not in without:
            carried_out = _attempt(action, now)
            done += [carried_out] if carried_out else []
        if _is_left_alone(action) and action.kind == ActionKind.SPLIT:
            stuck.add(action.instrument_id)
    return done


def _is_left_alone(action: CorporateAction) -> bool:
    return action.awaits_approval or action.failed_at is not None


def waits_for(action: CorporateAction) -> CorporateAction | None:
    """The split, failed or waiting for a second look, that keeps this action from its turn."""
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


def _attempt(action: CorporateAction, now: datetime) -> Done | None:
    """Carry it out, or mark it with what is in the way, on the row and on `action`."""
    try:
        return _carry_out(action, now)
    except (OperationalError, InterfaceError):
        raise
    except second_look.Wanted as wanted:
        logger.warning("%s %s is put off: %s", action.pk, action, wanted.detail)
        action.awaits_approval = True
        _mark(action, awaits_approval=True, failure=_reason(wanted))
    except Exception as error:
        logger.exception("%s %s cannot be carried out: %s", action.pk, action, error)
        action.failed_at = now
        _mark(action, failed_at=now, failure=_reason(error))
    return None


def _mark(action: CorporateAction, **values: object) -> None:
    CorporateAction.objects.filter(pk=action.pk, carried_out_at__isnull=True).update(**values)


def _reason(error: Exception) -> str:
    told = error.detail if isinstance(error, Refusal) else f"{type(error).__name__}: {error}"
    if isinstance(error, OverflowError | DataError):  # of SQLite, of PostgreSQL
        told = f"Numbers come of it that are larger than can be stored. {told}"
    return told[:LONGEST_REASON]


def announce(*, today: date, now: datetime) -> None:
    """Enter what bonds have to pay up to today, and the next payment of each.

    What was announced with other dates, by a calendar that has since been put right, is the same
    payment: it is not entered again, and its dates follow until it is carried out.
    """
    for bond in Bond.objects.select_related("instrument"):
        announced = list(bond.instrument.corporate_actions.filter(kind__in=BY_TERMS))
        wanted = []
        for promised in _promised(bond, today, now):
            known = next((each for each in announced if _is_same(each, promised)), None)
            if known is None:
                wanted.append(promised)
            elif known.carried_out_at is None:
                _follow(known, promised, today)
        CorporateAction.objects.bulk_create(wanted, ignore_conflicts=True)


def _is_same(announced: CorporateAction, promised: CorporateAction) -> bool:
    apart = abs(announced.ex_date - promised.ex_date)
    return announced.kind == promised.kind and apart <= MOST_MOVED


def _follow(announced: CorporateAction, promised: CorporateAction, today: date) -> None:
    """Give an action that is still to come the right dates.

    An ex-date that has come stays: trades have been settled by it, with interest or without.
    """
    ex_date = announced.ex_date
    if min(ex_date, promised.ex_date) > today:
        ex_date = promised.ex_date
    if (ex_date, promised.payable_date) != (announced.ex_date, announced.payable_date):
        CorporateAction.objects.filter(pk=announced.pk, carried_out_at__isnull=True).update(
            ex_date=ex_date, payable_date=promised.payable_date
        )


def _promised(bond: Bond, today: date, now: datetime) -> Iterator[CorporateAction]:
    """Coupons up to the first that is to come, and the redemption if that is at maturity."""
    bond_terms = quotes.terms_of(bond.instrument)
    coupon = bonds.coupon_amount(bond_terms)
    dates = bonds.coupon_dates(bond_terms) or (bond.maturity_date,)
    coming = next((day for day in dates if day > today), dates[-1])
    for day in dates:
        if day > coming:
            return
        if coupon:
            yield _action(bond, ActionKind.COUPON, terms.coupon_ex_date(day), day, coupon, now)
        if day == bond.maturity_date:
            yield _action(bond, ActionKind.REDEMPTION, day, day, bonds.PAR, now)


def _action(
    bond: Bond, kind: ActionKind, ex_date: date, due: date, amount: Decimal, now: datetime
) -> CorporateAction:
    return CorporateAction(
        id=uuid7(now),
        instrument=bond.instrument,
        kind=kind,
        ex_date=ex_date,
        payable_date=calendar.payment_day(due),
        amount=amount,
        announced_at=now,
    )


def _carry_out(action: CorporateAction, now: datetime) -> Done | None:
    if action.kind == ActionKind.REDEMPTION:
        payments.close(action.instrument, now=now)
    return _settle(action.pk, now)


@transactions.atomic
def _settle(pk: UUID, now: datetime) -> Done | None:
    """Do it, wholly or not at all, unless somebody else has done so or is about to."""
    action = (
        CorporateAction.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("instrument")
        .filter(pk=pk, carried_out_at__isnull=True, awaits_approval=False, failed_at__isnull=True)
        .first()
    )
    if action is None:
        return None
    entries.check_again(action)
    concerned = _HOW[ActionKind(action.kind)](action, now=now)
    action.carried_out_at = now
    action.save(update_fields=["carried_out_at"])
    return Done(action, concerned)


_HOW: dict[ActionKind, Callable[..., int]] = {
    ActionKind.COUPON: payments.pay,
    ActionKind.DIVIDEND: payments.pay,
    ActionKind.REDEMPTION: payments.redeem,
    ActionKind.SPLIT: splits.split,
}
