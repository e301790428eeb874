"""How much a customer may deposit and withdraw: in one transaction, a day and a month.

The settings say it for everybody, and a row for one customer takes their place. A day and a month
are those of New York, where banks count their days. What was refused or canceled does not count;
what the bank has returned does: it was used.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db.models import Q, Sum

from authentication import audit
from authentication.models import User
from banking.models import BankTransaction, TransactionStatus, TransactionType, TransferLimit
from banking.rules.assets import USD
from banking.rules.business_days import NEW_YORK
from be.database.transactions import atomic
from be.kernel import identifiers
from be.kernel.formats import money_cents
from be.kernel.identifiers import uuid7
from be.kernel.refusals import Invalid, Refusal

CHANGE = "banking.add_transferlimit"
"""The permission to set limits of one customer."""

LONGEST_REASON = 300
# Added to the start of a day or month, in any of them, these are within the next one.
_OVER_A_DAY, _OVER_A_MONTH = timedelta(hours=36), timedelta(days=45)
_NOT_COUNTED = (TransactionStatus.FAILED, TransactionStatus.CANCELED)


class TransferLimitExceeded(Refusal):
    code = "transfer_limit_exceeded"
    title = "The transfer limit is exceeded"


class MayNotSetLimits(Refusal):
    code = "may_not_set_limits"
    status = 403
    title = "Setting limits takes a permission"


@dataclass(frozen=True, slots=True)
class Limits:
    """The most in one transaction, a day and a month, in cents."""

    transaction: int
    day: int
    month: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """Limits, and the cents of them that were used; what is `left` is never below zero."""

    limits: Limits
    used_day: int
    used_month: int

    @property
    def left_day(self) -> int:
        return max(0, self.limits.day - self.used_day)

    @property
    def left_month(self) -> int:
        return max(0, self.limits.month - self.used_month)


@dataclass(frozen=True, slots=True)
class TransferLimits:
    """All that a customer may move now, and until when that counts.

    A withdrawal of more than `approved_above` cents waits for approval; an account has to be
    verified for `account_age_days` before money is sent to it.
    """

    deposit: Allowance
    withdrawal: Allowance
    day_ends_at: datetime
    month_ends_at: datetime
    approved_above: int
    account_age_days: int


def read(owner: User, *, now: datetime) -> TransferLimits:
    """The owner's limits, and what is left of them."""
    month = _start_of_month(now)
    return TransferLimits(
        deposit=allowance(owner, TransactionType.DEPOSIT, now=now),
        withdrawal=allowance(owner, TransactionType.WITHDRAWAL, now=now),
        day_ends_at=_start_of_day(_start_of_day(now) + _OVER_A_DAY),
        month_ends_at=_start_of_month(month + _OVER_A_MONTH),
        approved_above=large_from(),
        account_age_days=settings.WITHDRAWAL_ACCOUNT_AGE_DAYS,
    )


def large_from() -> int:
    """The cents above which a withdrawal waits for approval."""
    return USD.units(Decimal(settings.LARGE_WITHDRAWAL_DOLLARS))


def allowance(owner: User, type_: TransactionType, *, now: datetime) -> Allowance:
    """What the owner may move by deposits or withdrawals, and has moved already."""
    day, month = _start_of_day(now), _start_of_month(now)
    counted = BankTransaction.objects.filter(
        owner=owner, type=type_, pk__gte=identifiers.first_at(month), created_at__gte=month
    ).exclude(status__in=_NOT_COUNTED)
    used = counted.aggregate(
        month=Sum("cents", default=0), day=Sum("cents", filter=Q(created_at__gte=day), default=0)
    )
    # PostgreSQL adds up integers to a decimal.
    return Allowance(_limits_of(owner.pk, type_), int(used["day"]), int(used["month"]))


def require_within(owner: User, type_: TransactionType, cents: int, *, now: datetime) -> None:
    """Refuse a transaction that is beyond a limit. Raises TransferLimitExceeded (field `amount`).

    The caller has locked the owner's dollars, so that of several at once no more pass than fit.
    """
    found = allowance(owner, type_, now=now)
    if cents > found.limits.transaction:
        raise TransferLimitExceeded(
            f"One {type_} is at most {money_cents(found.limits.transaction)} USD.", field="amount"
        )
    for name, limit, left in (
        ("a day", found.limits.day, found.left_day),
        ("a month", found.limits.month, found.left_month),
    ):
        if cents > left:
            raise TransferLimitExceeded(
                f"All {type_}s of {name} are at most {money_cents(limit)} USD; "
                f"{money_cents(left)} are left.",
                field="amount",
            )


@atomic
def set_for(
    *,
    owner: User,
    type_: TransactionType,
    transaction_cents: int | None,
    day_cents: int | None,
    month_cents: int | None,
    by: User,
    reason: str,
    now: datetime,
) -> TransferLimit:
    """Set one customer's limits of deposits or of withdrawals; None is what the setting says.

    Raises MayNotSetLimits, and Invalid without a reason or for less than nothing.
    """
    if not by.has_perm(CHANGE):
        raise MayNotSetLimits("Ask for the permission to add transfer limits.")
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise Invalid(f"Say why, in at most {LONGEST_REASON} letters.", field="reason")
    given = {
        "transaction_cents": transaction_cents,
        "day_cents": day_cents,
        "month_cents": month_cents,
    }
    for name, cents in given.items():
        if cents is not None and cents < 0:
            raise Invalid("A limit is zero or more.", field=name)
    earlier = _newest(owner.pk, type_)
    row = TransferLimit.objects.create(
        id=uuid7(now), owner=owner, type=type_, **given, set_by=by, set_at=now, reason=reason
    )
    audit.record(
        f"{type_} limits set",
        actor=by,
        subject=owner,
        at=now,
        before=None if earlier is None else {name: getattr(earlier, name) for name in given},
        after=given,
        reason=reason,
    )
    return row


def _limits_of(owner_id: UUID, type_: TransactionType) -> Limits:
    own = _newest(owner_id, type_)
    usual = {
        name: USD.units(Decimal(dollars))
        for name, dollars in settings.TRANSFER_LIMITS[type_].items()
    }
    if own is None:
        return Limits(**usual)
    return Limits(
        transaction=_first(own.transaction_cents, usual["transaction"]),
        day=_first(own.day_cents, usual["day"]),
        month=_first(own.month_cents, usual["month"]),
    )


def _newest(owner_id: UUID, type_: TransactionType) -> TransferLimit | None:
    """The customer's own limits that are in force, if any were set."""
    rows = TransferLimit.objects.filter(owner_id=owner_id, type=type_)
    return rows.order_by("-pk").first()


def _first(own: int | None, usual: int) -> int:
    return usual if own is None else own


def _start_of_day(now: datetime) -> datetime:
    return datetime.combine(now.astimezone(NEW_YORK).date(), time.min, tzinfo=NEW_YORK)


def _start_of_month(now: datetime) -> datetime:
    first = now.astimezone(NEW_YORK).date().replace(day=1)
    return datetime.combine(first, time.min, tzinfo=NEW_YORK)
