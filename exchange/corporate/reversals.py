"""Reversals: what a dividend or coupon paid by mistake is taken back by opposite journal entries.

The journal keeps both entries. A holder gives back what is available. Balances are never negative:
what has been spent, or is held for orders, is charged to the house's errors account. The holder
owes it, and it is collected when there is money again. The market, which had paid, gets all of it
back at once.
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
from exchange.corporate import four_eyes, workflow
from exchange.corporate.payments import PAID_AT_ONCE
from exchange.models import ActionKind, Clawback, CorporateAction, Entitlement

REVERSIBLE: tuple[str, ...] = (ActionKind.DIVIDEND, ActionKind.COUPON)
Owed = list[tuple[Entitlement, int]]


class NotReversible(Refusal):
    """It has not paid anybody, or is undone in another way."""

    code = "not_reversible"
    status = 409
    title = "This can't be reversed"


class NothingOwed(Refusal):
    """Everything has been paid back, or no debtor has money available now."""

    code = "nothing_to_collect"
    status = 409
    title = "There is nothing to collect"


@dataclass(frozen=True, slots=True)
class Debt:
    """What one holder has to give back: `due` dollars, `now` at once and `later` the rest."""

    email: str
    due: Decimal
    now: Decimal
    later: Decimal


@dataclass(frozen=True, slots=True)
class Preview:
    """What a reversal or a collection takes, in all and from each holder, largest first."""

    due: Decimal
    now: Decimal
    later: Decimal
    debts: Sequence[Debt]


def preview(action: CorporateAction) -> Preview:
    """What a reversal or a collection would take, with the balances of now."""
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
    """The entitlements that are not fully given back, and the cents that are still owed on each."""
    paid = action.entitlements.filter(cents__gt=0).select_related("owner")
    rows = paid.annotate(taken=Sum("clawbacks__cents")).order_by("owner_id")
    return [(row, owed) for row in rows if (owed := row.cents - (row.taken or 0))]


@transactions.atomic
def reverse(pk: UUID, *, by: User, now: datetime) -> CorporateAction:
    """Take back what the action paid; above the limit, the first call only asks for approval.

    Another administrator than the first approves it by a second call, if there is one who can.
    Raises NotFound, NotReversible, NotAnApprover.
    """
    action = workflow.locked(pk)
    require_reversible(action)
    if four_eyes.exceeds_limit(preview(action).due) and not _is_approval(action, by):
        action.reversal_asked_by = by
        action.save(update_fields=["reversal_asked_by"])
        return action
    _take(action, now, first=True)
    action.reversed_by, action.reversed_at = by, now
    action.save(update_fields=["reversed_by", "reversed_at"])
    return action


@transactions.atomic
def decline(pk: UUID) -> CorporateAction:
    """Decline a reversal that awaits approval. Raises NotFound, NotReversible."""
    action = workflow.locked(pk)
    if action.reversal_asked_by is None or action.reversed_at is not None:
        raise NotReversible("Nobody has asked for its reversal.")
    action.reversal_asked_by = None
    action.save(update_fields=["reversal_asked_by"])
    return action


def _is_approval(action: CorporateAction, by: User) -> bool:
    """Whether the reversal was asked for before. Raises NotAnApprover if `by` may not approve."""
    if action.reversal_asked_by is None:
        return False
    four_eyes.require_approver(by, action.reversal_asked_by)
    return True


def require_reversible(action: CorporateAction) -> None:
    """Raise NotReversible if it was not paid, is reversed already, or is undone in another way."""
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
    """Take what is owed after a reversal from those who have money now.

    Raises NotFound, and NothingOwed if there is nothing to take.
    """
    action = workflow.locked(pk)
    if action.reversed_at is None or not _take(action, now, first=False):
        raise NothingOwed("Nobody who owes has money available now.")
    return action


def _take(action: CorporateAction, now: datetime, *, first: bool) -> int:
    """Post the clawbacks; returns the cents that holders gave back.

    `first` is the reversal itself, which charges what is missing to the house. Later ones collect.
    """
    owed = _owed(action)
    # All at once: batch by batch, accounts would not be locked in the order of their ids.
    owners = [each.owner_id for each, _ in owed]
    accounts = ledger.lock(owners, [USD], roles=[HouseAccount.MARKET, HouseAccount.ERRORS])
    return sum(
        _take_batch(owed[start : start + PAID_AT_ONCE], accounts, now, first=first)
        for start in range(0, len(owed), PAID_AT_ONCE)
    )


def _take_batch(owed: Owed, accounts: Accounts, now: datetime, *, first: bool) -> int:
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
