"""Holds: money or securities reserved for an order or a withdrawal.

A hold moves units from `available` to `held` when it is made, so that an overdraft fails then and
not later. It is settled, maybe in parts, as its purpose is carried out, or released. It ends once.

Each function adds to the `journal` of its caller, or without one writes at once.
"""

import math
from datetime import datetime
from fractions import Fraction
from uuid import UUID

from banking import ledger
from banking.ledger import HoldSpent, Journal
from banking.models import Bucket, EntryKind, Hold, LedgerAccount
from be.kernel.identifiers import uuid7


def hold(
    *,
    account: LedgerAccount,
    units: int,
    reference: UUID,
    at: datetime,
    journal: Journal | None = None,
) -> Hold:
    """Reserve `units` of the account. Raises InsufficientFunds or InsufficientPosition.

    A hold may reserve nothing: what is left of an order can be worth less than the fraction of a
    cent by which its earlier fills were rounded up.
    """
    made = Hold(
        id=uuid7(at),
        account=account,
        reference=reference,
        units=units,
        remaining=units,
        created_at=at,
    )
    with ledger.journal(at, joining=journal) as joined:
        if units:
            joined.post(
                kind=EntryKind.HOLD,
                reference=reference,
                lines=[
                    ledger.Line(account, -units, Bucket.AVAILABLE),
                    ledger.Line(account, units, Bucket.HELD),
                ],
            )
        joined.add_hold(made)
    return made


def settle(
    hold: Hold, *, remaining: int, final: bool, at: datetime, journal: Journal | None = None
) -> int:
    """Lower what the hold reserves to `remaining`; `final` ends it. Raises HoldSpent.

    Returns the units that it gives up. The caller posts exactly these out of `held` in the same
    transaction: what is paid to its receiver, and the rest back to `available`.
    """
    given_up = hold.remaining - remaining
    if given_up < 0 or hold.ended_at is not None:
        raise HoldSpent(f"hold {hold.pk} has {hold.remaining}, not {remaining}")
    with ledger.journal(at, joining=journal) as joined:
        joined.change_hold(hold, remaining=remaining, ended_at=at if final else None)
    return given_up


def restate(hold: Hold, *, remaining: int, factor: Fraction) -> None:
    """Restate a hold after a split: `factor` new units for each old one.

    `remaining` of the new units stay reserved. The caller has locked the order
    that the hold is for, and posts the difference to the account.
    """
    hold.units = max(math.floor(hold.units * factor), remaining)
    hold.remaining = remaining
    hold.save(update_fields=["units", "remaining"])


def release(hold: Hold, *, at: datetime, journal: Journal | None = None) -> None:
    """End the hold and return what it still reserves to `available`."""
    with ledger.journal(at, joining=journal) as joined:
        units = settle(hold, remaining=0, final=True, at=at, journal=joined)
        if units:
            joined.post(
                kind=EntryKind.RELEASE,
                reference=hold.reference,
                lines=[
                    ledger.Line(hold.account, -units, Bucket.HELD),
                    ledger.Line(hold.account, units, Bucket.AVAILABLE),
                ],
            )
