"""Integrity checks of the ledger: what is true of all entries, balances and holds at any time."""

from collections.abc import Iterator
from uuid import UUID

from django.db.models import F, Q, Sum

from banking.models import (
    BankTransaction,
    Bucket,
    Correction,
    EntryKind,
    Hold,
    LedgerAccount,
    OpeningLot,
    Posting,
    TransactionStatus,
    TransferIn,
)
from banking.rules.assets import USD


def check() -> Iterator[str]:
    """One sentence for each mismatch; nothing when the books balance."""
    yield from _entries_sum_to_zero()
    yield from _postings_have_the_owner_of_their_account()
    yield from _postings_have_the_time_of_their_entry()
    yield from _balances_equal_postings()
    yield from _held_equals_live_holds()
    yield from _pending_withdrawals_are_held()
    yield from _transfers_in_equal_postings()
    yield from _opening_lots_equal_deliveries()
    yield from _adjustments_equal_postings()


def _entries_sum_to_zero() -> Iterator[str]:
    sums = (
        Posting.objects.values("entry_id", "account__asset")
        .annotate(total=Sum("units"))
        .exclude(total=0)
        .order_by("entry_id")
    )
    for row in sums:
        yield f"Entry {row['entry_id']} is off by {row['total']} units of {row['account__asset']}."


def _postings_have_the_owner_of_their_account() -> Iterator[str]:
    alike = Q(owner=F("account__owner")) | Q(owner=None, account__owner=None)
    for key in Posting.objects.exclude(alike).order_by("pk").values_list("pk", flat=True):
        yield f"Posting {key} is listed for another owner than its account's."


def _postings_have_the_time_of_their_entry() -> Iterator[str]:
    others = Posting.objects.exclude(created_at=F("entry__created_at"))
    for key in others.order_by("pk").values_list("pk", flat=True):
        yield f"Posting {key} is listed at another time than its entry's."


def _balances_equal_postings() -> Iterator[str]:
    accounts = LedgerAccount.objects.filter(owner__isnull=False).annotate(
        posted_available=Sum("postings__units", filter=Q(postings__bucket=Bucket.AVAILABLE)),
        posted_held=Sum("postings__units", filter=Q(postings__bucket=Bucket.HELD)),
        posted_debt=Sum("postings__units", filter=Q(postings__bucket=Bucket.DEBT)),
    )
    for account in accounts:
        if account.available != (account.posted_available or 0):
            yield (
                f"Account {account.pk} ({account.asset}) has {account.available} available; "
                f"its postings say {account.posted_available or 0}."
            )
        if account.held != (account.posted_held or 0):
            yield (
                f"Account {account.pk} ({account.asset}) has {account.held} held; "
                f"its postings say {account.posted_held or 0}."
            )
        if account.debt != -(account.posted_debt or 0):
            yield (
                f"Account {account.pk} ({account.asset}) owes {account.debt}; "
                f"its postings say {-(account.posted_debt or 0)}."
            )


def _held_equals_live_holds() -> Iterator[str]:
    accounts = LedgerAccount.objects.annotate(reserved=Sum("holds__remaining")).exclude(
        Q(held=F("reserved")) | Q(held=0, reserved__isnull=True)
    )
    for account in accounts:
        yield (
            f"Account {account.pk} ({account.asset}) has {account.held} held; "
            f"its holds reserve {account.reserved or 0}."
        )


def _pending_withdrawals_are_held() -> Iterator[str]:
    live = set(Hold.objects.filter(ended_at__isnull=True).values_list("reference", flat=True))
    withdrawals = BankTransaction.objects.filter(type="withdrawal").values_list("id", "status")
    for reference, status in withdrawals:
        pending = status == TransactionStatus.PENDING
        if pending != (reference in live):
            yield f"Withdrawal {reference} is {status}, but its hold says otherwise."


def _transfers_in_equal_postings() -> Iterator[str]:
    """A transfer in has brought its cash, and the value that its lots have together."""
    posted = _posted(EntryKind.TRANSFER_IN)
    values = Sum("lots__value_cents", default=0)
    for transfer in TransferIn.objects.annotate(value_of_lots=values).order_by("pk"):
        found = posted.pop((transfer.pk, USD.code), 0)
        if found != transfer.cents + transfer.value_of_lots:
            yield (
                f"Transfer in {transfer.pk} is of {transfer.cents} cents and lots worth "
                f"{transfer.value_of_lots}; the ledger posted {found}."
            )
    for reference, _ in posted:
        yield f"An entry for {reference} is of a transfer in, and there is none."


def _opening_lots_equal_deliveries() -> Iterator[str]:
    """What was delivered of a security, and for which money, is what its opening lots say."""
    posted = _posted(EntryKind.DELIVERY)
    sums = OpeningLot.objects.values("delivery", "asset").annotate(
        sum_of_units=Sum("units"), sum_of_values=Sum("value_cents")
    )
    for row in sums.order_by("delivery"):
        units = posted.pop((row["delivery"], row["asset"]), 0)
        cents = posted.pop((row["delivery"], USD.code), 0)
        if (units, cents) != (row["sum_of_units"], -row["sum_of_values"]):
            yield (
                f"The opening lots of delivery {row['delivery']} are {row['sum_of_units']} units "
                f"worth {row['sum_of_values']} cents; the ledger posted {units} and {cents}."
            )
    for reference, asset in posted:
        yield f"An entry for {reference} delivers {asset}, and there are no opening lots."


def _adjustments_equal_postings() -> Iterator[str]:
    """An adjustment that was carried out has moved what it says, and no other one has."""
    posted = _posted(EntryKind.ADJUSTMENT)
    made = Correction.objects.filter(transaction=None, carried_out_at__isnull=False)
    for correction in made.order_by("pk"):
        found = posted.pop((correction.pk, USD.code), 0)
        if found != correction.cents:
            yield (
                f"Correction {correction.pk} is of {correction.cents} cents; the ledger posted "
                f"{found}."
            )
    for reference, _ in posted:
        yield f"An entry for {reference} is of an adjustment, and none was carried out."


def _posted(kind: EntryKind) -> dict[tuple[UUID, str], int]:
    """What entries of a kind posted to customers, by reference and asset."""
    rows = (
        Posting.objects.filter(entry__kind=kind, owner__isnull=False)
        .values_list("entry__reference", "account__asset")
        .annotate(sum_of_units=Sum("units"))
    )
    return {(reference, asset): int(units) for reference, asset, units in rows}
