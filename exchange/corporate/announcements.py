"""Announcing what bonds pay: coupons and redemptions follow from a bond's terms."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

from be.kernel.identifiers import uuid7
from exchange.corporate.rules import terms
from exchange.market import quotes
from exchange.market.rules import bonds, calendar
from exchange.models import ActionKind, Bond, CorporateAction

ANNOUNCED_KINDS = (ActionKind.COUPON, ActionKind.REDEMPTION)
# Two versions of a calendar move one payment by less than this; payments of a kind are months
# apart.
MAX_DATE_SHIFT = timedelta(days=14)


def announce(*, today: date, now: datetime) -> None:
    """Enter what bonds have to pay up to `today` (New York), and the next payment of each.

    A payment that was announced with other dates, by a calendar that has been corrected since, is
    the same payment. It is not entered again, and its dates follow the calendar until it is
    carried out.
    """
    for bond in Bond.objects.select_related("instrument"):
        announced = list(bond.instrument.corporate_actions.filter(kind__in=ANNOUNCED_KINDS))
        missing = []
        for payment in _scheduled(bond, today, now):
            known = next((each for each in announced if _is_same(each, payment)), None)
            if known is None:
                missing.append(payment)
            elif known.carried_out_at is None:
                _update_dates(known, payment, today)
        CorporateAction.objects.bulk_create(missing, ignore_conflicts=True)


def _is_same(announced: CorporateAction, payment: CorporateAction) -> bool:
    apart = abs(announced.ex_date - payment.ex_date)
    return announced.kind == payment.kind and apart <= MAX_DATE_SHIFT


def _update_dates(announced: CorporateAction, payment: CorporateAction, today: date) -> None:
    """Give a pending action the dates of `payment`.

    An ex-date that has come stays: trades were settled by it, with accrued interest or without.
    """
    ex_date = announced.ex_date
    if min(ex_date, payment.ex_date) > today:
        ex_date = payment.ex_date
    if (ex_date, payment.payable_date) != (announced.ex_date, announced.payable_date):
        CorporateAction.objects.filter(pk=announced.pk, carried_out_at__isnull=True).update(
            ex_date=ex_date, payable_date=payment.payable_date
        )


def _scheduled(bond: Bond, today: date, now: datetime) -> Iterator[CorporateAction]:
    """Coupons up to the next one, and the redemption if that coupon is due at maturity."""
    bond_terms = quotes.terms_of(bond.instrument)
    coupon = bonds.coupon_amount(bond_terms)
    dates = bonds.coupon_dates(bond_terms) or (bond.maturity_date,)
    following = next((day for day in dates if day > today), dates[-1])
    for day in dates:
        if day > following:
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
