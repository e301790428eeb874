"""What the customer has, at which banks, and how it moved."""

from datetime import datetime

from authentication.models import User
from banking import ledger
from banking.models import BankAccount, BankTransaction, Correction, LedgerAccount, Posting
from banking.rules.assets import USD, Asset
from be.desk.story import parts
from be.desk.story.parts import Cell, Table


def balances(customer: User, now: datetime) -> Table:
    """What they have of each asset, dollars first. Assets that are used up are left out."""
    rows = [row for row in ledger.balances_of(customer.pk) if row.available or row.held or row.debt]
    return parts.table(
        "Balances",
        "Asset|Available|Held|Owed|Total",
        [
            [
                parts.page(row, row.asset),
                *(Cell(_amount(row, units)) for units in _units_of(row)),
            ]
            for row in rows[: parts.ROWS]
        ],
        more=parts.listed(LedgerAccount, owner__id__exact=customer.pk),
        cut=len(rows) > parts.ROWS,
    )


def _units_of(account: LedgerAccount) -> tuple[int, int, int, int]:
    total = account.available + account.held - account.debt
    return account.available, account.held, account.debt, total


def _amount(account: LedgerAccount, units: int) -> str:
    return f"{Asset(account.asset, account.scale).amount(units):,f}"


def bank_accounts(customer: User, now: datetime) -> Table:
    """Their links to accounts at banks; of the numbers, the last four digits."""
    rows, cut = parts.first(BankAccount.objects.filter(owner=customer.pk).order_by("-pk"))
    return parts.table(
        "Bank accounts",
        "Bank|Number|Holder|Type|Status|Linked",
        [
            [
                parts.page(row, row.bank_name),
                *parts.texts(f"…{row.account_number_last4}", row.account_holder, row.account_type),
                _status(row.status),
                parts.time(row.created_at),
            ]
            for row in rows
        ],
        more=parts.listed(BankAccount, owner__id__exact=customer.pk),
        cut=cut,
    )


def transactions(customer: User, now: datetime) -> Table:
    """Deposits and withdrawals, newest first."""
    found = BankTransaction.objects.filter(owner=customer.pk).select_related("account")
    rows, cut = parts.first(found.order_by("-pk"))
    return parts.table(
        "Deposits and withdrawals",
        "Asked for|Type|Amount (USD)|Bank|Status|Review|Reason",
        [
            [
                parts.page(row, f"{row.created_at:%Y-%m-%d %H:%M:%S}"),
                *parts.texts(row.type, f"{USD.amount(row.cents):,f}", row.account),
                _status(row.status),
                *parts.texts(row.review, row.failure_reason),
            ]
            for row in rows
        ],
        more=parts.listed(BankTransaction, owner__id__exact=customer.pk),
        cut=cut,
    )


def _status(status: str) -> Cell:
    marks = {
        "verified": "good",
        "completed": "good",
        "failed": "bad",
        "returned": "bad",
        "pending": "warn",
    }
    return Cell(status, mark=marks.get(status, ""))


def corrections(customer: User, now: datetime) -> Table:
    """What was corrected, and what awaits a second look."""
    found = Correction.objects.filter(owner=customer.pk).select_related("asked_by")
    rows, cut = parts.first(found.order_by("-pk"))
    return parts.table(
        "Corrections",
        "Asked for|What|Amount (USD)|State|By|Reason",
        [
            [
                parts.page(row, f"{row.asked_at:%Y-%m-%d %H:%M:%S}"),
                *parts.texts(row.kind, f"{USD.amount(row.cents):+,f}", row.state),
                *parts.texts(row.asked_by.email, row.reason),
            ]
            for row in rows
        ],
        more=parts.listed(Correction, owner__id__exact=customer.pk),
        cut=cut,
    )


def postings(customer: User, now: datetime) -> Table:
    """The lines of the ledger, newest first."""
    found = Posting.objects.filter(owner=customer.pk).select_related("entry", "account")
    rows, cut = parts.first(found.order_by("-pk"))
    return parts.table(
        "Ledger",
        "Time|Entry|Bucket|Amount",
        [
            [
                parts.time(row.created_at),
                parts.page(row.entry, f"{row.entry.kind} {row.entry_id}"),
                Cell(row.bucket),
                Cell(_signed(row)),
            ]
            for row in rows
        ],
        more=parts.listed(Posting, owner__id__exact=customer.pk),
        cut=cut,
    )


def _signed(row: Posting) -> str:
    asset = Asset(row.account.asset, row.account.scale)
    return f"{asset.amount(row.units):+,f} {asset.code}"
