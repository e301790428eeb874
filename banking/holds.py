"""Holds: money or securities reserved for an order or a withdrawal.

A hold moves units from `available` to `held` when it is made, so that an overdraft fails then and
not later. It ends once: settled in parts as the purpose is carried out, or released.

Each function takes the journal that its caller keeps, or writes at once.
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
    """Reserve `units` of the account; refuses when that much is not available.

    A hold of nothing is a hold too: what is left of an order can be worth less than the fraction
    of a cent by which its earlier fills were rounded up.
    """
    made = Hold(
        id=uuid7(at),
        account=account,
        reference=reference,
        units=units,
        remaining=units,
        created_at=at,
    )
    with ledger.journal(at, joining=journal) as entries:
        if units:
            entries.post(
                kind=EntryKind.HOLD,
                reference=reference,
                lines=[
                    ledger.Line(account, -units, Bucket.AVAILABLE),
                    ledger.Line(account, units, Bucket.HELD),
                ],
            )
        entries.add_hold(made)
    return made


def settle(
    hold: Hold, *, remaining: int, final: bool, at: datetime, journal: Journal | None = None
) -> int:
    """Lower what the hold reserves to `remaining`; end it if this is `final`, its purpose done.

    Returns the units that it gives up. The caller posts exactly these out of `held` in the same
    transaction: the price to whom it is due, what is left over back to `available`.
    """
    given_up = hold.remaining - remaining
    if given_up < 0 or hold.ended_at is not None:
        raise HoldSpent(f"hold {hold.pk} has {hold.remaining}, not {remaining}")
    with ledger.journal(at, joining=journal) as entries:
        entries.change_hold(hold, remaining=remaining, ended_at=at if final else None)
    return given_up


def restate(hold: Hold, *, remaining: int, factor: Fraction) -> None:
    """Count a hold in other units, as after a split; `remaining` of the new ones are reserved.

    The caller has locked what the hold is for, and posts the difference to the account.
    """
    hold.units = max(math.floor(hold.units * factor), remaining)
    hold.remaining = remaining
    hold.save(update_fields=["units", "remaining"])


def release(hold: Hold, *, at: datetime, journal: Journal | None = None) -> None:
    """End the hold and give all that it still reserves back to `available`."""
    with ledger.journal(at, joining=journal) as entries:
        units = settle(hold, remaining=0, final=True, at=at, journal=entries)
        if units:
            entries.post(
                kind=EntryKind.RELEASE,
                reference=hold.reference,
                lines=[
                    ledger.Line(hold.account, -units, Bucket.HELD),
                    ledger.Line(hold.account, units, Bucket.AVAILABLE),
                ],
            )
