"""The double-entry ledger: the only module that writes journal entries and balances.

Everything that anyone owns stands in ledger accounts and changes only through a `Journal`. A
transaction collects its entries in one and writes them in one trip (`post` is a journal of one
entry). An entry sums to zero for each asset. Units are integers of the asset's smallest unit
(`banking.rules.assets`).

Locks: a transaction that posts several entries first calls `lock` with all accounts that it will
change; they are locked in the order of their ids. The lock order of the whole program: quotes, then
orders by id, then ledger accounts by id, then the counters of order updates.

What somebody owes is a balance of its own beside what is available (bucket `debt`). Whatever makes
dollars available pays it first, by an entry of its own in the same journal. So nothing is available
while there is a debt, and what cannot be paid from what is available needs no other check.

No posting of a customer is written before the customer's dollar account is locked, whichever asset
it moves: `lock` includes it, and `Journal.write` locks by itself. So the postings of one customer
are committed in the order of their ids, and `settled_through` knows up to which id they are
complete.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from banking import flows, ledger_rows
from banking.models import Bucket, EntryKind, Hold, HouseAccount, LedgerAccount
from banking.rules.assets import USD, Asset
from be.database import statements
from be.database.statements import Row, Statement
from be.kernel.refusals import Refusal


class InsufficientFunds(Refusal):
    code = "insufficient_funds"
    title = "Not enough money"


class AccountInDebt(InsufficientFunds):
    code = "account_in_debt"
    title = "The account owes money"


class InsufficientPosition(Refusal):
    code = "insufficient_position"
    title = "Not enough of the instrument"


class UnbalancedEntry(ValueError):
    """The postings of an entry do not sum to zero: a defect of the caller, never of the input."""


class OverdrawnHold(RuntimeError):
    """More was posted out of `held` or `debt` than is there: a defect of the caller."""


class HoldSpent(RuntimeError):
    """Another transaction settled or released the hold: the caller did not lock its order first."""


@dataclass(frozen=True, slots=True)
class Line:
    """One posting to be made: signed `units` into a `bucket` of an `account`."""

    account: LedgerAccount
    units: int
    bucket: Bucket = Bucket.AVAILABLE


# A customer's id, or a role of the house.
Owner = UUID | HouseAccount
# By owner and asset code.
Accounts = dict[tuple[Owner, str], LedgerAccount]
_ROLES = {role.value: role for role in HouseAccount}


def account_of(owner_id: UUID, asset: Asset) -> LedgerAccount:
    """The owner's account for the asset, opened (empty) if there is none."""
    account, _ = LedgerAccount.objects.get_or_create(
        owner_id=owner_id, asset=asset.code, defaults={"scale": asset.scale}
    )
    return account


def find(owner_id: UUID, asset: Asset) -> LedgerAccount | None:
    """The owner's account for the asset as it is now, not locked; None if there is none."""
    return LedgerAccount.objects.filter(owner_id=owner_id, asset=asset.code).first()


def house_account(role: HouseAccount, asset: Asset) -> LedgerAccount:
    """The broker's own account of that role for the asset, opened if there is none."""
    account, _ = LedgerAccount.objects.get_or_create(
        owner=None, house=role, asset=asset.code, defaults={"scale": asset.scale}
    )
    return account


def lock(
    owners: Iterable[UUID], assets: Iterable[Asset], *, roles: Sequence[HouseAccount] = ()
) -> Accounts:
    """Lock the accounts of these owners for these assets and dollars, in the order of their ids.

    Accounts that do not exist are opened. Returns them as they are now, together with the house's
    accounts of `roles`, which are never locked.
    """
    by_code = {USD.code: USD} | {asset.code: asset for asset in assets}
    wanted = [(owner_id, code) for owner_id in {*owners} for code in by_code]
    accounts = _lock_existing(wanted, roles)
    missing = [key for key in wanted if key not in accounts]
    if missing:
        for owner_id, code in sorted(missing):
            account_of(owner_id, by_code[code])
        accounts = _lock_existing(wanted, roles)
    for role in roles:
        for code, asset in by_code.items():
            if (role, code) not in accounts:
                accounts[role, code] = house_account(role, asset)
    return accounts


def _lock_existing(wanted: Sequence[tuple[UUID, str]], roles: Sequence[HouseAccount]) -> Accounts:
    owners, assets = {owner for owner, _ in wanted}, {code for _, code in wanted}
    rows = ledger_rows.lock_accounts(sorted(owners), sorted(assets), roles)
    return {
        (_ROLES[row.house] if row.owner_id is None else row.owner_id, row.asset): row
        for row in rows
    }


def balances_of(owner_id: UUID) -> list[LedgerAccount]:
    """All accounts of one owner, dollars first, then by asset."""
    rows = LedgerAccount.objects.filter(owner_id=owner_id)
    return sorted(rows, key=lambda row: (row.asset != USD.code, row.asset))


@transaction.atomic
def settled_through(owner_id: UUID) -> int:
    """The id up to which all postings of the owner are committed; 0 if there are none.

    No posting with a smaller id, or this one, will ever appear: who has read the owner's postings
    up to it needs to read only later ones. It waits for transactions that post for the owner. To be
    called outside of a transaction, or in one that has locked no account.
    """
    ledger_rows.lock_accounts([owner_id], [USD.code], ())
    # Another statement, so that it sees what was committed while the first one waited.
    return ledger_rows.newest_posting(owner_id)


def require_available(account: LedgerAccount, units: int) -> None:
    """Refuse when the account, which the caller has locked, has less than `units` available.

    In an account that owes money nothing is, whatever has just come in: that will pay the debt.
    """
    if account.available < units or (units > 0 and account.debt):
        raise _insufficient(account, -units)


@transaction.atomic
def post(*, kind: EntryKind, reference: UUID, lines: Sequence[Line], at: datetime) -> None:
    """Write one entry and change the balances that it names, or neither.

    Lines of zero units are left out. Raises InsufficientFunds or InsufficientPosition when a
    customer's balance would fall below zero, UnbalancedEntry when the lines do not sum to zero.
    """
    with journal(at) as single:
        single.post(kind=kind, reference=reference, lines=lines)


class Journal:
    """The entries and hold changes of one transaction, collected and then written in one trip.

    Each posting also changes the LedgerAccount objects in memory, so that later postings see it.
    When the journal is written, the database checks the balances again.
    """

    def __init__(self, at: datetime) -> None:
        self.at = at
        self._entries: list[Row] = []
        self._postings: list[Row] = []
        self._accounts: dict[int, LedgerAccount] = {}
        self._changes: dict[int, tuple[int, int, int]] = {}
        self._new_holds: list[Hold] = []
        self._changed_holds: dict[UUID, tuple[Hold, int]] = {}
        self._flows: list[flows.Flow] = []

    def post(self, *, kind: EntryKind, reference: UUID, lines: Sequence[Line]) -> None:
        """Add an entry. Lines of zero units are left out. Raises UnbalancedEntry."""
        lines = [line for line in lines if line.units]
        _require_balanced(lines)
        key = (kind.value, reference)
        self._entries.append((*key, self.at))
        if kind in flows.KINDS:
            self._flows += _cash_flows(kind, reference, lines, self.at)
        for line in lines:
            account, units, bucket = line.account, line.units, line.bucket.value
            self._postings.append((*key, account.pk, bucket, units))
            if account.owner_id is not None:
                self._change(account, bucket, units)

    def _change(self, account: LedgerAccount, bucket: str, units: int) -> None:
        available, held, debt = self._changes.get(account.pk, (0, 0, 0))
        if bucket == Bucket.HELD:
            held += units
            account.held += units
        elif bucket == Bucket.AVAILABLE:
            available += units
            account.available += units
        else:
            debt -= units
            account.debt -= units
        self._accounts[account.pk] = account
        self._changes[account.pk] = (available, held, debt)

    def _pay_debts(self) -> None:
        """Add the entries by which what has become available pays what is owed."""
        payments: dict[UUID, list[Line]] = defaultdict(list)
        for pk, account in self._accounts.items():
            cents = min(account.debt, account.available)
            if cents > 0:
                payments[self._newest_reference(pk)] += [
                    Line(account, -cents),
                    Line(account, cents, Bucket.DEBT),
                ]
        for reference, lines in payments.items():
            self.post(kind=EntryKind.DEBT_PAYMENT, reference=reference, lines=lines)

    def _newest_reference(self, pk: int) -> UUID:
        """What the newest entry that has moved something in this account was for."""
        newest: UUID = next(row[1] for row in reversed(self._postings) if row[2] == pk)
        return newest

    def add_hold(self, hold: Hold) -> None:
        """Add a new hold. The caller posts its entry."""
        self._new_holds.append(hold)

    def change_hold(self, hold: Hold, *, remaining: int, ended_at: datetime | None) -> None:
        """Lower a hold, or end it. `check` raises HoldSpent if the row has changed meanwhile."""
        if hold not in self._new_holds:
            self._changed_holds.setdefault(hold.pk, (hold, hold.remaining))
        hold.remaining, hold.ended_at = remaining, ended_at

    def parts(self) -> list[tuple[Statement, list[Row]]]:
        """The statements and their rows, for a caller that writes more in the same trip.

        The caller has locked the accounts by `lock`, and hands the answers to `check`. To be called
        once.
        """
        self._pay_debts()
        return [
            (
                ledger_rows.CHANGE_BALANCES,
                [(pk, *self._changes[pk]) for pk in sorted(self._changes)],
            ),
            (ledger_rows.INSERT_ENTRIES, self._entries),
            (ledger_rows.INSERT_POSTINGS, self._postings),
            (ledger_rows.INSERT_HOLDS, [_new_hold(hold) for hold in self._new_holds]),
            (
                ledger_rows.CHANGE_HOLDS,
                [
                    (pk, before, hold.remaining, hold.ended_at)
                    for pk, (hold, before) in sorted(self._changed_holds.items())
                ],
            ),
        ]

    def check(self, answers: Sequence[Any]) -> None:
        """Raise, so that the transaction is rolled back, if not everything was written.

        InsufficientFunds or InsufficientPosition where money or securities were missing. Then call
        `flows.listener` for each cash flow.
        """
        if answers[4] != len(self._changed_holds):
            raise HoldSpent(f"one of the holds {[*self._changed_holds]} has changed meanwhile")
        changed = {pk for (pk,) in answers[0]}
        for pk in self._changes:
            if pk not in changed:
                raise self._failure_of(pk)
        for flow in self._flows:
            flows.listener(flow)

    def _failure_of(self, pk: int) -> Exception:
        """Why the balances of this account were not changed."""
        available, held, debt = self._changes[pk]
        account = LedgerAccount.objects.get(pk=pk)
        if account.available < -available:
            return _insufficient(account, available)
        return OverdrawnHold(
            f"account {pk} holds {account.held} and owes {account.debt}, not {-held} and {-debt}"
        )

    def write(self) -> None:
        """Lock the accounts, and write everything in one trip to the database."""
        if accounts := self._accounts.values():
            locked = lock(
                {account.owner_id for account in accounts if account.owner_id is not None},
                {Asset(account.asset, account.scale) for account in accounts},
            )
            self._correct(locked.values())
        self.check(statements.run(*self.parts()))

    def _correct(self, locked: Iterable[LedgerAccount]) -> None:
        """Correct the balances in memory by those of the rows, which are locked by now."""
        for row in locked:
            if row.pk in self._changes:
                account, (available, held, debt) = self._accounts[row.pk], self._changes[row.pk]
                account.available = row.available + available
                account.held = row.held + held
                account.debt = row.debt + debt


@contextmanager
def journal(at: datetime, *, joining: Journal | None = None) -> Iterator[Journal]:
    """The journal `joining`, which its owner writes; or a new one, written when the block ends."""
    if joining is not None:
        yield joining
        return
    with transaction.atomic():
        own = Journal(at)
        yield own
        own.write()


def _new_hold(hold: Hold) -> Row:
    return (
        hold.pk,
        hold.account_id,
        hold.reference,
        hold.units,
        hold.remaining,
        hold.created_at,
        hold.ended_at,
    )


def _cash_flows(
    kind: EntryKind, reference: UUID, lines: Sequence[Line], at: datetime
) -> list[flows.Flow]:
    """What an entry moves in and out of customers' dollars, one flow a customer."""
    moved: dict[UUID, int] = defaultdict(int)
    for line in lines:
        if line.account.owner_id is not None and line.account.asset == USD.code:
            moved[line.account.owner_id] += line.units
    return [flows.Flow(owner_id, kind, reference, cents, at) for owner_id, cents in moved.items()]


def _require_balanced(lines: Sequence[Line]) -> None:
    sums: dict[str, int] = defaultdict(int)
    for line in lines:
        sums[line.account.asset] += line.units
    if not sums or any(sums.values()):
        raise UnbalancedEntry(f"an entry must sum to zero for each asset, not to {dict(sums)}")


def _insufficient(account: LedgerAccount, change: int) -> Refusal:
    asset = Asset(account.asset, account.scale)
    if account.debt:
        return in_debt(account)
    detail = (
        f"This needs {asset.amount(-change):f} {asset.code}; "
        f"{asset.amount(account.available):f} is available."
    )
    refusal = InsufficientFunds if asset.code == USD.code else InsufficientPosition
    return refusal(detail)


def in_debt(account: LedgerAccount) -> AccountInDebt:
    """The refusal of what an account that owes money can't do."""
    asset = Asset(account.asset, account.scale)
    return AccountInDebt(
        f"The account owes {asset.amount(account.debt):f} {asset.code}, for a deposit that the "
        "bank returned after it had been spent. What comes in pays that first."
    )
