"""The one writer of the journal.

Everything that anyone owns stands in ledger accounts and changes only through `post`. An entry sums
to zero for each asset: what one account gains, another gives. Units are integers of the asset's
smallest unit (`banking.assets`).

Locks: an entry updates its customer accounts in the order of their ids. A transaction that posts
several entries first calls `lock` with all accounts it will touch. Accounts come last in the lock
order of the whole program: quotes, then orders by id, then ledger accounts by id.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F

from banking.assets import USD, Asset
from banking.models import Bucket, EntryKind, HouseAccount, JournalEntry, LedgerAccount, Posting
from be.api.refusals import Refusal


class InsufficientFunds(Refusal):
    code = "insufficient_funds"
    title = "Not enough money"


class InsufficientPosition(Refusal):
    code = "insufficient_position"
    title = "Not enough of the instrument"


class UnbalancedEntry(ValueError):
    """The postings of an entry do not sum to zero: a defect of the caller, never of the input."""


class OverdrawnHold(RuntimeError):
    """More was posted out of `held` than is there: a defect of the caller."""


@dataclass(frozen=True, slots=True)
class Line:
    """One posting to be made: signed `units` into a `bucket` of an `account`."""

    account: LedgerAccount
    units: int
    bucket: Bucket = Bucket.AVAILABLE


def account_of(owner_id: UUID, asset: Asset) -> LedgerAccount:
    """The owner's account for the asset, opened (empty) if there is none."""
    account, _ = LedgerAccount.objects.get_or_create(
        owner_id=owner_id, asset=asset.code, defaults={"scale": asset.scale}
    )
    return account


def house_account(role: HouseAccount, asset: Asset) -> LedgerAccount:
    """The broker's own account of that role for the asset, opened if there is none."""
    account, _ = LedgerAccount.objects.get_or_create(
        owner=None, house=role, asset=asset.code, defaults={"scale": asset.scale}
    )
    return account


def house_lines(movements: Iterable[tuple[HouseAccount, Asset, int]]) -> list[Line]:
    """Lines for the broker's own side: (role, asset, units), those of nothing left out."""
    moving = [movement for movement in movements if movement[2]]
    rows = LedgerAccount.objects.filter(
        owner=None,
        house__in={role for role, _, _ in moving},
        asset__in={asset.code for _, asset, _ in moving},
    )
    known = {(row.house, row.asset): row for row in rows}
    return [
        Line(known.get((role, asset.code)) or house_account(role, asset), units)
        for role, asset, units in moving
    ]


def lock(pairs: Iterable[tuple[UUID, Asset]]) -> dict[tuple[UUID, str], LedgerAccount]:
    """Lock the accounts of these (owner, asset) pairs, in the order of their ids.

    Accounts that do not exist are opened. Returns them as they are now, by owner and asset code.
    Every asset of the pairs is locked for every owner, so that it is one plain query.
    """
    wanted = {(owner_id, asset.code): asset for owner_id, asset in pairs}
    locked = _lock_existing(wanted)
    missing = wanted.keys() - locked.keys()
    if missing:
        for owner_id, code in sorted(missing):
            account_of(owner_id, wanted[owner_id, code])
        locked = _lock_existing(wanted)
    return locked


def _lock_existing(
    wanted: Mapping[tuple[UUID, str], Asset],
) -> dict[tuple[UUID, str], LedgerAccount]:
    rows = (
        LedgerAccount.objects.select_for_update()
        .filter(
            owner_id__in={owner_id for owner_id, _ in wanted},
            asset__in={code for _, code in wanted},
        )
        .order_by("pk")
    )
    return {(row.owner_id, row.asset): row for row in rows if row.owner_id is not None}


def balances_of(owner_id: UUID) -> list[LedgerAccount]:
    """All accounts of one owner, dollars first, then by asset."""
    rows = LedgerAccount.objects.filter(owner_id=owner_id)
    return sorted(rows, key=lambda row: (row.asset != USD.code, row.asset))


def require_available(account: LedgerAccount, units: int) -> None:
    """Refuse when the account, which the caller has locked, has less than `units` available."""
    if account.available < units:
        raise _insufficient(account, -units)


@transaction.atomic
def post(*, kind: EntryKind, reference: UUID, lines: Sequence[Line], at: datetime) -> JournalEntry:
    """Write one entry and change the balances that it names, or neither.

    Lines of zero units are left out. Raises InsufficientFunds or InsufficientPosition when a
    customer's balance would fall below zero, UnbalancedEntry when the lines do not sum to zero.
    """
    lines = [line for line in lines if line.units]
    _require_balanced(lines)
    _change_balances(lines)
    entry = JournalEntry.objects.create(kind=kind, reference=reference, created_at=at)
    Posting.objects.bulk_create(
        Posting(entry=entry, account=line.account, bucket=line.bucket, units=line.units)
        for line in lines
    )
    return entry


def _require_balanced(lines: Sequence[Line]) -> None:
    sums: dict[str, int] = defaultdict(int)
    for line in lines:
        sums[line.account.asset] += line.units
    if not sums or any(sums.values()):
        raise UnbalancedEntry(f"an entry must sum to zero for each asset, not to {dict(sums)}")


def _change_balances(lines: Sequence[Line]) -> None:
    """One conditional update an account: the condition and the change cannot be told apart."""
    accounts: dict[int, LedgerAccount] = {}
    changes: dict[int, dict[str, int]] = defaultdict(lambda: {"available": 0, "held": 0})
    for line in lines:
        if line.account.owner_id is not None:
            accounts[line.account.pk] = line.account
            changes[line.account.pk][line.bucket] += line.units
    for pk in sorted(changes):
        available, held = changes[pk]["available"], changes[pk]["held"]
        changed = LedgerAccount.objects.filter(
            pk=pk, available__gte=-available, held__gte=-held
        ).update(available=F("available") + available, held=F("held") + held)
        if not changed:
            if available >= 0:
                raise OverdrawnHold(f"account {pk} holds less than {-held}")
            raise _insufficient(accounts[pk], available)


def _insufficient(account: LedgerAccount, change: int) -> Refusal:
    asset = Asset(account.asset, account.scale)
    account.refresh_from_db(fields=["available"])
    detail = (
        f"This needs {asset.amount(-change):f} {asset.code}; "
        f"{asset.amount(account.available):f} is available."
    )
    refusal = InsufficientFunds if asset.code == USD.code else InsufficientPosition
    return refusal(detail)
