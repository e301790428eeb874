"""What a customer brings from another broker into a new account: cash, and securities as lots.

The ledger counts each asset by itself, and returns are measured between flows of money. So a
transfer is booked as money that comes in and buys its securities at once, at what they are worth on
arrival: one entry brings the cash and that value from outside, as a deposit does. Then each
security is delivered from outside, for its part of the value. What the customer once paid, and
when, is in the lots only: it is no money of this account.

An account takes one transfer, before it has ever had a security. The same content again is found
by its digest, and moves nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from authentication import audit
from authentication.models import User
from banking import ledger
from banking.ledger import Accounts, Line
from banking.models import EntryKind, HouseAccount, OpeningLot, Posting, TransferIn
from banking.rules.assets import USD, Asset
from be.database.transactions import atomic
from be.kernel.identifiers import uuid7
from be.kernel.refusals import Refusal


class AccountNotNew(Refusal):
    code = "account_not_new"
    status = 409
    title = "The account is not new"


@dataclass(frozen=True, slots=True)
class BroughtLot:
    """Units that were acquired elsewhere, what they cost there, and what they are worth now."""

    units: int
    cost_cents: int
    value_cents: int
    acquired_at: datetime
    line: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """All lots of one security, the oldest first."""

    asset: Asset
    lots: Sequence[BroughtLot]

    @property
    def units(self) -> int:
        return sum(lot.units for lot in self.lots)

    @property
    def value_cents(self) -> int:
        return sum(lot.value_cents for lot in self.lots)


def find(owner_id: UUID, digest: str) -> TransferIn | None:
    """The customer's transfer of this content; None if it has not been booked."""
    return TransferIn.objects.filter(owner_id=owner_id, digest=digest).first()


def require_new(owner_id: UUID) -> None:
    """Refuse an account that has brought something already, or has ever had a security.

    Raises AccountNotNew. It stays as it is until the end of the transaction if the caller has
    locked the account's dollars.
    """
    if TransferIn.objects.filter(owner_id=owner_id).exists():
        raise AccountNotNew(
            "This account has brought something else before; an account does so once."
        )
    postings = Posting.objects.filter(owner_id=owner_id).exclude(account__asset=USD.code)
    if postings.exists():
        raise AccountNotNew(
            "This account has had securities already. Bring what you have elsewhere into a new "
            "account, before its first trade."
        )


@atomic
def book(
    *,
    owner: User,
    source: str,
    digest: str,
    cents: int,
    deliveries: Sequence[Delivery],
    now: datetime,
) -> tuple[TransferIn, bool]:
    """Book a transfer; returns it, and whether it is new: the same content is booked once.

    Values are at the caller's prices. Something of it must be worth a cent. Raises AccountNotNew.
    """
    accounts = ledger.lock(
        [owner.pk], [each.asset for each in deliveries], roles=[HouseAccount.OUTSIDE]
    )
    if earlier := find(owner.pk, digest):
        return earlier, False
    require_new(owner.pk)
    transfer = TransferIn.objects.create(
        id=uuid7(now),
        owner=owner,
        source=source,
        digest=digest,
        cents=cents,
        value_cents=sum(each.value_cents for each in deliveries),
        created_at=now,
    )
    _post_money(transfer, accounts)
    # A journal of its own: at the flow, the account is valued without the securities.
    with ledger.journal(now) as journal:
        for delivery in deliveries:
            reference = uuid7(now)
            lines = _lines(delivery, accounts, owner.pk)
            journal.post(kind=EntryKind.DELIVERY, reference=reference, lines=lines)
            _store(delivery, transfer, reference)
    audit.record(
        "transfer in",
        actor=owner,
        subject=owner,
        at=now,
        transfer_id=transfer.pk,
        amount=USD.amount(transfer.cents + transfer.value_cents),
    )
    return transfer, True


def _post_money(transfer: TransferIn, accounts: Accounts) -> None:
    cents = transfer.cents + transfer.value_cents
    ledger.post(
        kind=EntryKind.TRANSFER_IN,
        reference=transfer.pk,
        lines=[
            Line(accounts[HouseAccount.OUTSIDE, USD.code], -cents),
            Line(accounts[transfer.owner_id, USD.code], cents),
        ],
        at=transfer.created_at,
    )


def _lines(delivery: Delivery, accounts: Accounts, owner_id: UUID) -> list[Line]:
    code = delivery.asset.code
    return [
        Line(accounts[HouseAccount.OUTSIDE, code], -delivery.units),
        Line(accounts[owner_id, code], delivery.units),
        Line(accounts[owner_id, USD.code], -delivery.value_cents),
        Line(accounts[HouseAccount.OUTSIDE, USD.code], delivery.value_cents),
    ]


def _store(delivery: Delivery, transfer: TransferIn, reference: UUID) -> None:
    """Store the lots. Their ids sort by when they were acquired, as those of executions do."""
    OpeningLot.objects.bulk_create(
        (
            OpeningLot(
                id=uuid7(lot.acquired_at),
                transfer=transfer,
                delivery=reference,
                asset=delivery.asset.code,
                units=lot.units,
                cost_cents=lot.cost_cents,
                value_cents=lot.value_cents,
                acquired_at=lot.acquired_at,
                line=lot.line,
            )
            for lot in delivery.lots
        ),
        batch_size=500,
    )
