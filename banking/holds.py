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
    """Reserve `units` (> 0) of the account; refuses when that much is not available."""
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


def settle(hold: Hold, *, remaining: int, at: datetime) -> int:
    """Lower what the hold reserves to `remaining`, and end it at zero.

    Returns the units that it gives up. The caller posts exactly these out of `held` in the same
    transaction: the price to whom it is due, what is left over back to `available`.
    """
    given_up = hold.remaining - remaining
    if given_up < 0:
        raise HoldSpent(f"hold {hold.pk} has {hold.remaining}, not {remaining}")
    changed = Hold.objects.filter(
        pk=hold.pk, remaining=hold.remaining, ended_at__isnull=True
    ).update(remaining=remaining, ended_at=None if remaining else at)
    if not changed:
        raise HoldSpent(f"hold {hold.pk} has changed meanwhile")
    hold.remaining = remaining
    hold.ended_at = None if remaining else at
    return given_up


@transaction.atomic
def release(hold: Hold, *, at: datetime) -> None:
    """End the hold and give all that it still reserves back to `available`."""
    units = settle(hold, remaining=0, at=at)
    ledger.post(
        kind=EntryKind.RELEASE,
        reference=hold.reference,
        lines=[
            ledger.Line(hold.account, -units, Bucket.HELD),
            ledger.Line(hold.account, units, Bucket.AVAILABLE),
        ],
        at=at,
    )
