"""A customer's links to accounts at banks: link, verify, unlink. Others' accounts are not found."""

import random
import re
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from authentication import audit
from authentication.models import User
from banking import bank_rows, micro_deposits
from banking.models import (
    BankAccount,
    BankAccountStatus,
    BankTransaction,
    NachaEntry,
    TransactionStatus,
)
from banking.rules import encryption, rails, routing_numbers
from be.database import reencryption
from be.database.transactions import atomic
from be.kernel.identifiers import uuid7
from be.kernel.refusals import Invalid, NotFound, Refusal

NO_SUCH_ACCOUNT = "There is no bank account with this id."

ROUTING_NUMBER = routing_numbers.PATTERN
ACCOUNT_NUMBER = re.compile(r"[0-9]{4,17}")

UNPREDICTABLE = secrets.SystemRandom()
# The ciphertext of a number that is no longer stored.
DESTROYED = b""
SEALED = "account_number_encrypted"


class BankAccountExists(Refusal):
    code = "bank_account_exists"
    status = 409
    title = "The bank account is linked already"

    def __init__(self) -> None:
        super().__init__(
            "This account number is linked already; use that link, or unlink it first.",
            field="account_number",
        )


class BankAccountInUse(Refusal):
    code = "bank_account_in_use"
    status = 409
    title = "The bank account has pending transactions"


def link(
    *,
    owner: User,
    account_holder: str,
    bank_name: str,
    account_type: str,
    account_number: str,
    routing_number: str,
    now: datetime,
    chance: random.Random = UNPREDICTABLE,
) -> BankAccount:
    """Link an account: verified at once, or pending where the bank requires micro-deposits first.

    `account_type` is one of AccountType. `chance` makes the amounts of the micro-deposits. Raises
    Invalid for a malformed number, BankAccountExists for an account that the owner has linked
    already, and micro_deposits.TooManyVerifications.
    """
    _require_routing_number(routing_number)
    if not ACCOUNT_NUMBER.fullmatch(account_number):
        raise Invalid("Send the 4 to 17 digits of the account number.", field="account_number")
    bank = rails.BankDetails(routing_number, account_number)
    amounts = rails.current.micro_deposits(bank, chance)
    ring = key_ring()
    row_id = uuid7(now)
    account = BankAccount(
        id=row_id,
        owner=owner,
        account_holder=account_holder,
        bank_name=bank_name,
        account_type=account_type,
        account_number_encrypted=encryption.seal(ring, account_number, row_id=row_id),
        account_number_fingerprint=encryption.fingerprint(ring, _identity(bank)),
        account_number_last4=account_number[-4:],
        routing_number=routing_number,
        rail=rails.current.name,
        status=BankAccountStatus.VERIFIED,
        created_at=now,
        verified_at=None if amounts else now,
    )
    if amounts:
        micro_deposits.begin(ring, account, amounts, now)
    _insert_once(account, encryption.fingerprints(ring, _identity(bank)))
    return account


def verify(
    *, owner: User, account_id: UUID, amounts: Sequence[Decimal], now: datetime
) -> BankAccount:
    """Prove ownership by the dollar amounts of the micro-deposits, in any order.

    A verified account stays so, whatever the amounts. Raises NotFound, Invalid without amounts, and
    what `micro_deposits.refusal_of` returns. A wrong try is counted, so it is committed first.
    """
    answer = _verify(owner, account_id, amounts, now)
    if isinstance(answer, Refusal):
        raise answer
    return answer


@atomic
def _verify(
    owner: User, account_id: UUID, amounts: Sequence[Decimal], now: datetime
) -> BankAccount | Refusal:
    account = _locked(owner, account_id)
    if account.status == BankAccountStatus.VERIFIED:
        return account
    if not amounts:
        raise Invalid("Send the amounts of the micro-deposits.", field="amounts")
    if refusal := micro_deposits.refusal_of(key_ring(), account, amounts, now):
        audit.record(
            "bank account not verified",
            actor=owner,
            subject=owner,
            at=now,
            account_id=account.pk,
            refusal=refusal.code,
        )
        return refusal
    account.status = BankAccountStatus.VERIFIED
    account.verified_at = now
    account.save(update_fields=["status", "verified_at"])
    audit.record("bank account verified", actor=owner, subject=owner, at=now, account_id=account.pk)
    return account


def unlink(*, owner: User, account_id: UUID, now: datetime) -> None:
    """Remove the account from the customer's list; its transactions stay.

    The number is destroyed, at once or when the last transaction that the bank may still return is
    final. Raises NotFound, and BankAccountInUse while a transaction is pending.
    """
    _unlink(owner, account_id, now)
    # After the commit, like settle_due: whichever of the two comes last sees what the other did.
    destroy_unlinked_numbers(account_ids=[account_id])


@atomic
def _unlink(owner: User, account_id: UUID, now: datetime) -> None:
    account = _locked(owner, account_id)
    if account.transactions.filter(status=TransactionStatus.PENDING).exists():
        raise BankAccountInUse("A transaction is pending; cancel it or let it settle first.")
    account.status = BankAccountStatus.UNLINKED
    account.unlinked_at = now
    account.save(update_fields=["status", "unlinked_at"])
    audit.record("bank account unlinked", actor=owner, subject=owner, at=now, account_id=account.pk)


@atomic
def require_new_link(account_id: UUID, *, now: datetime) -> None:
    """Take no more transactions on an account that its bank does not know, or does not serve.

    Its owner can only unlink it; who links it again has to verify it again.
    """
    account = BankAccount.objects.select_for_update().get(pk=account_id)
    if account.status == BankAccountStatus.UNLINKED:
        return
    account.status = BankAccountStatus.PENDING
    account.verified_at = None
    account.verification_expires_at = now
    account.save(update_fields=["status", "verified_at", "verification_expires_at"])
    audit.record(
        "bank account not served",
        actor=None,
        subject=account.owner_id,
        at=now,
        account_id=account.pk,
    )


def destroy_unlinked_numbers(
    *, account_ids: Sequence[UUID] | None = None, transaction_ids: Sequence[UUID] | None = None
) -> int:
    """Empty ciphertext and fingerprint of unlinked accounts; returns of how many. Rows stay.

    Kept are those with a transaction that is pending or that the rail still asks about (`due_at`).
    Without arguments all accounts are looked at, or those given, or those of some transactions.
    """
    found = BankAccount.objects.filter(status=BankAccountStatus.UNLINKED)
    if account_ids is not None:
        found = found.filter(pk__in=account_ids)
    if transaction_ids is not None:
        theirs = BankTransaction.objects.filter(pk__in=transaction_ids)
        found = found.filter(pk__in=theirs.values("account_id"))
    still_needed = BankTransaction.objects.filter(
        Q(status=TransactionStatus.PENDING) | Q(due_at__isnull=False), account=OuterRef("pk")
    )
    # A file that is decided and not yet written is made of the numbers again.
    in_the_making = NachaEntry.objects.filter(file__written_at=None, account=OuterRef("pk"))
    whole = found.exclude(
        Q(account_number_encrypted=DESTROYED) | Exists(still_needed) | Exists(in_the_making)
    )
    return whole.update(
        account_number_encrypted=DESTROYED,
        account_number_fingerprint="",
        micro_deposits_encrypted=None,
    )


def linked_by_others(account: BankAccount) -> QuerySet[BankAccount]:
    """The links of other customers to the same account, which is allowed (joint accounts).

    While the encryption key is rotated, those under another key may be missing.
    """
    return BankAccount.objects.filter(
        account_number_fingerprint=account.account_number_fingerprint
    ).exclude(Q(owner=account.owner_id) | Q(status=BankAccountStatus.UNLINKED))


def linked(owner: User) -> QuerySet[BankAccount]:
    """The accounts that the owner has linked and not unlinked."""
    return BankAccount.objects.filter(owner=owner).exclude(status=BankAccountStatus.UNLINKED)


def get(*, owner: User, account_id: UUID) -> BankAccount:
    """One linked account of the owner. Raises NotFound."""
    found = bank_rows.accounts(owner.pk, account_id=account_id, at_most=1)
    if not found:
        raise NotFound(NO_SUCH_ACCOUNT)
    return found[0]


def details(account: BankAccount) -> rails.BankDetails:
    """The full numbers, for the rail only. Raises encryption.Unreadable."""
    return _details(key_ring(), account)


def under_older_keys() -> QuerySet[BankAccount]:
    """The accounts whose number is encrypted under another key than the newest."""
    return reencryption.outdated(BankAccount.objects.all(), column=SEALED, ring=key_ring())


def rotate_keys(*, progress: Callable[[int], None]) -> reencryption.Reencrypted:
    """Bring every number under the newest key, batch by batch, while customers link and unlink.

    `progress` is told how many were done so far. Micro-deposits and fingerprints go along.
    """
    ring = key_ring()
    return reencryption.run(
        BankAccount.objects.all(),
        column=SEALED,
        ring=ring,
        reencrypt=partial(_reencrypt, ring),
        progress=progress,
    )


def _reencrypt(ring: encryption.KeyRing, account: BankAccount) -> None:
    """Bring one account, which is locked, under the newest key. Raises encryption.Unreadable."""
    bank = _details(ring, account)
    account.account_number_encrypted = encryption.seal(ring, bank.account_number, row_id=account.pk)
    account.account_number_fingerprint = encryption.fingerprint(ring, _identity(bank))
    micro_deposits.reseal(ring, account)
    account.save(
        update_fields=[SEALED, "account_number_fingerprint", "micro_deposits_encrypted"],
    )


def key_ring() -> encryption.KeyRing:
    """The configured keys. With none, in development only, a key derived from SECRET_KEY.

    Raises encryption.InvalidKeyRing.
    """
    if settings.BANKING_ENCRYPTION_KEY:
        return encryption.parse_key_ring(settings.BANKING_ENCRYPTION_KEY)
    return encryption.development_key_ring(settings.SECRET_KEY)


def _require_routing_number(number: str) -> None:
    if not routing_numbers.PATTERN.fullmatch(number):
        raise Invalid("Send the 9 digits of the routing number.", field="routing_number")
    if not routing_numbers.has_right_check_digit(number):
        raise Invalid(
            "The check digit does not fit; compare the number with a check or bank statement.",
            field="routing_number",
        )


@atomic
def _insert_once(account: BankAccount, fingerprints: list[str]) -> None:
    """Look for a link under any key of the ring; the constraint decides between racing requests."""
    if linked(account.owner).filter(account_number_fingerprint__in=fingerprints).exists():
        raise BankAccountExists
    try:
        with transaction.atomic():
            account.save(force_insert=True)
    except IntegrityError as error:
        raise BankAccountExists from error
    if account.status == BankAccountStatus.PENDING:
        micro_deposits.count_start(account.owner, account.created_at)
    if (
        BankAccount.objects.filter(account_number_fingerprint__in=fingerprints)
        .exclude(Q(owner=account.owner) | Q(status=BankAccountStatus.UNLINKED))
        .exists()
    ):  # a joint account, or something to look at
        _record("bank account of another customer linked", account)
    _record("bank account linked", account)


def _record(event: str, account: BankAccount) -> None:
    owner_id, at = account.owner_id, account.created_at
    audit.record(event, actor=owner_id, subject=owner_id, at=at, account_id=account.pk)


def _locked(owner: User, account_id: UUID) -> BankAccount:
    account = linked(owner).select_for_update().filter(pk=account_id).first()
    if account is None:
        raise NotFound(NO_SUCH_ACCOUNT)
    return account


def _details(ring: encryption.KeyRing, account: BankAccount) -> rails.BankDetails:
    number = encryption.unseal(ring, bytes(account.account_number_encrypted), row_id=account.pk)
    return rails.BankDetails(account.routing_number, number)


def _identity(bank: rails.BankDetails) -> tuple[str, str]:
    return bank.routing_number, bank.account_number
