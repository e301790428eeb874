"""Holds: money or securities reserved for an order or a withdrawal.

A hold moves units from `available` to `held` when it is made, so that an overdraft fails then and
not later. It ends once: settled in parts as the purpose is carried out, or released.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from banking import ledger
from banking.models import Bucket, EntryKind, Hold, LedgerAccount
from be.api.identifiers import uuid7


class HoldSpent(RuntimeError):
    """Somebody else settled or released the hold: the caller did not lock its order first."""


@transaction.atomic
def hold(*, account: LedgerAccount, units: int, reference: UUID, at: datetime) -> Hold:
    """Reserve `units` of the account; refuses when that much is not available.

    A hold of nothing is a hold too: what is left of an order can be worth less than the fraction
    of a cent by which its earlier fills were rounded up.
    """
    if units:
        ledger.post(
            kind=EntryKind.HOLD,
            reference=reference,
            lines=[
                ledger.Line(account, -units, Bucket.AVAILABLE),
                ledger.Line(account, units, Bucket.HELD),
            ],
            at=at,
        )
    return Hold.objects.create(
        id=uuid7(at),
        account=account,
        reference=reference,
        units=units,
        remaining=units,
        created_at=at,
    )


def settle(hold: Hold, *, remaining: int, final: bool, at: datetime) -> int:
    """Lower what the hold reserves to `remaining`; end it if this is `final`, its purpose done.

    Returns the units that it gives up. The caller posts exactly these out of `held` in the same
    transaction: the price to whom it is due, what is left over back to `available`.
    """
    given_up = hold.remaining - remaining
    if given_up < 0:
        raise HoldSpent(f"hold {hold.pk} has {hold.remaining}, not {remaining}")
    if final and remaining:
        raise ValueError(f"hold {hold.pk} can't end while it reserves {remaining}")
    changed = Hold.objects.filter(
        pk=hold.pk, remaining=hold.remaining, ended_at__isnull=True
    ).update(remaining=remaining, ended_at=at if final else None)
    if not changed:
        raise HoldSpent(f"hold {hold.pk} has changed meanwhile")
    hold.remaining = remaining
    hold.ended_at = at if final else None
    return given_up


@transaction.atomic
def release(hold: Hold, *, at: datetime) -> None:
    """End the hold and give all that it still reserves back to `available`."""
    units = settle(hold, remaining=0, final=True, at=at)
    if units:
        ledger.post(
            kind=EntryKind.RELEASE,
            reference=hold.reference,
            lines=[
                ledger.Line(hold.account, -units, Bucket.HELD),
                ledger.Line(hold.account, units, Bucket.AVAILABLE),
            ],
            at=at,
        )
