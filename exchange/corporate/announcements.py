"""Announcing what bonds pay: coupons and redemptions follow from a bond's terms."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db.models import Count

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
    if not (unfinished := _unfinished(today)):
        return
    for bond in Bond.objects.select_related("instrument").filter(pk__in=unfinished):
        announced = list(bond.instrument.corporate_actions.filter(kind__in=ANNOUNCED_KINDS))
        missing = []
        for payment in _scheduled(bond, today, now):
            known = next((each for each in announced if _is_same(each, payment)), None)
            if known is None:
                missing.append(payment)
            elif known.carried_out_at is None:
                _update_dates(known, payment, today)
        CorporateAction.objects.bulk_create(missing, ignore_conflicts=True)


def _unfinished(today: date) -> list[UUID]:
    """The bonds of which something may have to be entered or moved; most days there is none.

    A bond is finished with as many payments as are scheduled, whose pending ones have the dates of
    the last. Three statements tell that of all bonds.
    """
    actions = CorporateAction.objects.filter(kind__in=ANNOUNCED_KINDS).order_by()
    counts = actions.values_list("instrument_id", "kind").annotate(Count("ex_date", distinct=True))
    announced = {(instrument, kind): count for instrument, kind, count in counts}
    pending: dict[UUID, list[_Payment]] = defaultdict(list)
    open_actions = actions.filter(carried_out_at__isnull=True)
    for instrument, *payment in open_actions.values_list(
        "instrument_id", "kind", "ex_date", "payable_date"
    ):
        pending[instrument].append(tuple(payment))
    unfinished = []
    for key, *values in Bond.objects.values_list("pk", *_TERMS):
        coupons, redemptions, last = _progress(today, *values)
        is_complete = (
            announced.get((key, ActionKind.COUPON), 0) == coupons
            and announced.get((key, ActionKind.REDEMPTION), 0) == redemptions
            and last.issuperset(pending.get(key, ()))
        )
        if not is_complete:
            unfinished.append(key)
    return unfinished


_Payment = tuple[Any, ...]
_TERMS = (
    "coupon_rate",
    "issue_date",
    "maturity_date",
    "frequency",
    "day_count",
    "face_value",
)


# It depends on nothing but its arguments, and changes once a day at most.
@lru_cache(maxsize=16384)
def _progress(today: date, *values: Any) -> tuple[int, int, frozenset[_Payment]]:
    """How many coupons and redemptions are scheduled up to the next one, and the last of each.

    Payments are kind, ex-date and payable date.
    """
    bond = Bond(**dict(zip(_TERMS, values, strict=True)))
    counts, last = defaultdict[str, int](int), dict[str, _Payment]()
    for kind, due in _due(bond, today):
        counts[kind] += 1
        last[kind] = (kind, due)
    dated = ((kind, _ex_date(kind, due), calendar.payment_day(due)) for kind, due in last.values())
    return counts[ActionKind.COUPON], counts[ActionKind.REDEMPTION], frozenset(dated)


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
    coupon = bonds.coupon_amount(quotes.terms_of_bond(bond))
    for kind, due in _due(bond, today):
        amount = coupon if kind == ActionKind.COUPON else bonds.PAR
        yield CorporateAction(
            id=uuid7(now),
            instrument=bond.instrument,
            kind=kind,
            ex_date=_ex_date(kind, due),
            payable_date=calendar.payment_day(due),
            amount=amount,
            announced_at=now,
        )


def _due(bond: Bond, today: date) -> Iterator[tuple[ActionKind, date]]:
    """Kinds and due dates of the payments that `_scheduled` makes."""
    bond_terms = quotes.terms_of_bond(bond)
    coupon = bonds.coupon_amount(bond_terms)
    dates = bonds.coupon_dates(bond_terms) or (bond.maturity_date,)
    following = next((day for day in dates if day > today), dates[-1])
    for day in dates:
        if day > following:
            return
        if coupon:
            yield ActionKind.COUPON, day
        if day == bond.maturity_date:
            yield ActionKind.REDEMPTION, day


def _ex_date(kind: ActionKind, due: date) -> date:
    return terms.coupon_ex_date(due) if kind == ActionKind.COUPON else due
