"""Taking back what a dividend or coupon paid by mistake, by entries that run the other way.

The journal keeps both. A customer gives back what is available; balances are never negative, so
what has been spent, or is held for orders, is charged to the house's errors account, is owed by the
customer, and is collected when there is money again. The market, which had paid, gets all of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum

from authentication.models import User
from banking import ledger
from banking.ledger import Accounts, Line
from banking.models import EntryKind, HouseAccount, LedgerAccount
from banking.rules.assets import USD
from be.database import transactions
from be.kernel.identifiers import uuid7
from be.kernel.refusals import Refusal
from exchange.corporate import entries, second_look
from exchange.corporate.payments import PAID_AT_ONCE
from exchange.models import ActionKind, Clawback, CorporateAction, Entitlement

REVERSIBLE: tuple[str, ...] = (ActionKind.DIVIDEND, ActionKind.COUPON)
Owed = list[tuple[Entitlement, int]]


class NotReversible(Refusal):
    """It has not paid anybody, or can't be undone in this way."""

    code = "not_reversible"
    status = 409
    title = "This can't be reversed"


class NothingOwed(Refusal):
    """All has been paid back, or nobody who owes has any money now."""

    code = "nothing_to_collect"
    status = 409
    title = "There is nothing to collect"


@dataclass(frozen=True, slots=True)
class Debt:
    """What one holder is to give back: `due` dollars, `now` of it at once, `later` the rest."""

    email: str
    due: Decimal
    now: Decimal
    later: Decimal


@dataclass(frozen=True, slots=True)
class Preview:
    """What a reversal, or a collection, takes from whom. Largest first."""

    due: Decimal
    now: Decimal
    later: Decimal
    debts: Sequence[Debt]


def of(action: CorporateAction) -> Preview:
    """What taking it back now would do, with the balances of now."""
    holders = LedgerAccount.objects.filter(
        asset=USD.code, owner__in=action.entitlements.values("owner")
    )
    available = dict(holders.values_list("owner_id", "available"))
    debts = [
        _debt(each.owner.email, owed, available.get(each.owner_id, 0))
        for each, owed in _owed(action)
    ]
    debts.sort(key=lambda debt: debt.due, reverse=True)
    return Preview(
        due=sum((debt.due for debt in debts), Decimal(0)),
        now=sum((debt.now for debt in debts), Decimal(0)),
        later=sum((debt.later for debt in debts), Decimal(0)),
        debts=debts,
    )


def _debt(email: str, owed: int, available: int) -> Debt:
    taken = min(owed, available)
    return Debt(email, USD.amount(owed), USD.amount(taken), USD.amount(owed - taken))


def _owed(action: CorporateAction) -> Owed:
    """Who has still to give back how many cents."""
    paid = action.entitlements.filter(cents__gt=0).select_related("owner")
    rows = paid.annotate(taken=Sum("clawbacks__cents")).order_by("owner_id")
    return [(row, owed) for row in rows if (owed := row.cents - (row.taken or 0))]


@transactions.atomic
def reverse(pk: UUID, *, by: User, now: datetime) -> CorporateAction:
    """Take back what the action paid, or ask for the second look where that is a lot.

    The one who asked first can't be the one who approves, if there is anybody else. Raises
    NotFound, NotReversible, NotForYou.
    """
    action = entries.locked(pk)
    require_reversible(action)
    if second_look.is_wanted(of(action).due) and not _is_second(action, by):
        action.reversal_asked_by = by
        action.save(update_fields=["reversal_asked_by"])
        return action
    _take(action, now, first=True)
    action.reversed_by, action.reversed_at = by, now
    action.save(update_fields=["reversed_by", "reversed_at"])
    return action


@transactions.atomic
def keep(pk: UUID) -> CorporateAction:
    """Refuse a reversal that awaits its second look. Raises NotFound, NotReversible."""
    action = entries.locked(pk)
    if action.reversal_asked_by is None or action.reversed_at is not None:
        raise NotReversible("Nobody has asked for its reversal.")
    action.reversal_asked_by = None
    action.save(update_fields=["reversal_asked_by"])
    return action


def _is_second(action: CorporateAction, by: User) -> bool:
    """Somebody has asked before, and `by` may approve it."""
    if action.reversal_asked_by is None:
        return False
    second_look.require_approver(by, action.reversal_asked_by)
    return True


def require_reversible(action: CorporateAction) -> None:
    """Refuse what has not been paid, has been reversed, or is undone otherwise: NotReversible."""
    if action.kind == ActionKind.SPLIT:
        raise NotReversible("A split is taken back by a split the other way round.")
    if action.kind not in REVERSIBLE:
        raise NotReversible("A repaid bond is gone: neither it nor its trades come back.")
    if action.carried_out_at is None:
        raise NotReversible("It has not been carried out: delete it instead.")
    if action.reversed_at is not None:
        raise NotReversible("It has been reversed.")


@transactions.atomic
def collect(pk: UUID, *, now: datetime) -> CorporateAction:
    """Take what is owed after a reversal from those who have money now. NothingOwed if none."""
    action = entries.locked(pk)
    if action.reversed_at is None or not _take(action, now, first=False):
        raise NothingOwed("Nobody who owes has money available now.")
    return action


def _take(action: CorporateAction, now: datetime, *, first: bool) -> int:
    """Post the clawbacks; returns the cents that customers gave."""
    owed = _owed(action)
    # All at once: batch by batch, accounts would not be locked in the order of their ids.
    owners = [each.owner_id for each, _ in owed]
    accounts = ledger.lock(owners, [USD], roles=[HouseAccount.MARKET, HouseAccount.ERRORS])
    return sum(
        _take_some(owed[start : start + PAID_AT_ONCE], accounts, now, first=first)
        for start in range(0, len(owed), PAID_AT_ONCE)
    )


def _take_some(owed: Owed, accounts: Accounts, now: datetime, *, first: bool) -> int:
    taken = 0
    clawbacks: list[Clawback] = []
    with ledger.journal(now) as journal:
        for entitlement, cents in owed:
            account = accounts[entitlement.owner_id, USD.code]
            given = min(cents, account.available)
            if not given and not first:
                continue
            clawback = Clawback(
                id=uuid7(now),
                entitlement=entitlement,
                cents=given,
                charged_cents=cents - given if first else -given,
                taken_at=now,
            )
            clawbacks.append(clawback)
            lines = _lines(clawback, accounts, account)
            journal.post(kind=EntryKind.REVERSAL, reference=clawback.pk, lines=lines)
            taken += given
    Clawback.objects.bulk_create(clawbacks)
    return taken


def _lines(clawback: Clawback, accounts: Accounts, account: LedgerAccount) -> list[Line]:
    return [
        Line(account, -clawback.cents),
        Line(accounts[HouseAccount.ERRORS, USD.code], -clawback.charged_cents),
        Line(
            accounts[HouseAccount.MARKET, USD.code],
            clawback.cents + clawback.charged_cents,
        ),
    ]
