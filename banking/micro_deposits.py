"""Micro-deposits: small amounts that prove who owns a bank account, in a bounded number of tries.

Their amounts are stored encrypted until the account is unlinked. Wrong tries are counted for the
account, and for its owner and day (UTC), because an account that is unlinked and linked again has
new tries. The counts are kept under locks of the account and of the owner's day, so that parallel
guesses are counted one by one.
"""

import hmac
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.conf import settings

from authentication.models import User
from banking.models import BankAccount, BankAccountStatus, VerificationDay
from banking.rules import encryption
from be.kernel import formats
from be.kernel.refusals import Refusal

A_DAY = timedelta(days=1)


class MicroDepositsMismatch(Refusal):
    code = "micro_deposits_mismatch"
    title = "The amounts are not those that were sent"


class VerificationTriesExhausted(Refusal):
    code = "verification_tries_exhausted"
    status = 409
    title = "The account can't be verified any more"


class VerificationExpired(Refusal):
    code = "verification_expired"
    status = 409
    title = "The micro-deposits have expired"


class TooManyVerifications(Refusal):
    """The customer may go on tomorrow (UTC), in `wait` seconds."""

    code = "too_many_verifications"
    status = 429
    title = "Too many verifications for today"

    def __init__(self, detail: str, *, wait: float) -> None:
        super().__init__(detail)
        self.wait = wait


def begin(
    ring: encryption.KeyRing, account: BankAccount, amounts: Iterable[Decimal], now: datetime
) -> None:
    """Make a new account wait for its owner to name these amounts; its caller saves it."""
    account.status = BankAccountStatus.PENDING
    account.micro_deposits_encrypted = encryption.seal(
        ring, _text(amounts), row_id=account.pk, purpose=encryption.MICRO_DEPOSITS
    )
    account.verification_expires_at = now + timedelta(days=settings.MICRO_DEPOSIT_DAYS)


def count_start(owner: User, now: datetime) -> None:
    """Count an account to which money is sent. Raises TooManyVerifications: it is real money."""
    day = _locked_day(owner, now)
    if day.started >= settings.MICRO_DEPOSIT_STARTS_A_DAY:
        raise TooManyVerifications(
            "So many accounts were linked today; link the next one tomorrow.", wait=_left_of(now)
        )
    day.started += 1
    day.save()


def tries_left(account: BankAccount) -> int | None:
    """How many tries a pending account has; None for one that is not pending."""
    if account.status != BankAccountStatus.PENDING:
        return None
    return max(settings.MICRO_DEPOSIT_TRIES - account.wrong_tries, 0)


def amounts(ring: encryption.KeyRing, account: BankAccount) -> tuple[Decimal, ...]:
    """The dollars that are sent to a pending account. Raises encryption.Unreadable."""
    return tuple(Decimal(word) for word in _sealed_text(ring, account).split(" "))


def refusal_of(
    ring: encryption.KeyRing, account: BankAccount, named: Iterable[Decimal], now: datetime
) -> Refusal | None:
    """Why these amounts don't prove who owns the account, or None if they do. Counts a wrong try.

    The caller has locked the account. It commits what was counted and raises the refusal after.
    """
    if account.verification_expires_at is None or now >= account.verification_expires_at:
        return VerificationExpired("Unlink the account and link it again, for new micro-deposits.")
    if not tries_left(account):
        return VerificationTriesExhausted(
            "There were too many wrong tries. Unlink the account and link it again."
        )
    day = _locked_day(account.owner, now)
    if day.wrong_tries >= settings.MICRO_DEPOSIT_TRIES_A_DAY:
        return TooManyVerifications(
            "There were too many wrong tries today; try again tomorrow.", wait=_left_of(now)
        )
    if hmac.compare_digest(_text(named), _sealed_text(ring, account)):
        return None
    account.wrong_tries += 1
    account.save(update_fields=["wrong_tries"])
    day.wrong_tries += 1
    day.save()
    return MicroDepositsMismatch(
        f"These are not the amounts that were sent; look at the bank statement. "
        f"Tries left: {tries_left(account)}.",
        field="amounts",
    )


def reseal(ring: encryption.KeyRing, account: BankAccount) -> None:
    """Encrypt the amounts anew, under the newest key; the caller saves. Raises Unreadable."""
    if account.micro_deposits_encrypted is not None:
        account.micro_deposits_encrypted = encryption.seal(
            ring,
            _sealed_text(ring, account),
            row_id=account.pk,
            purpose=encryption.MICRO_DEPOSITS,
        )


def _locked_day(owner: User, now: datetime) -> VerificationDay:
    today = now.astimezone(UTC).date()
    VerificationDay.objects.get_or_create(owner=owner, defaults={"day": today})
    day = VerificationDay.objects.select_for_update().get(owner=owner)
    if day.day != today:
        day.day, day.wrong_tries, day.started = today, 0, 0
    return day


def _left_of(now: datetime) -> float:
    """Seconds until the next day begins."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + A_DAY
    return (midnight - now).total_seconds()


def _sealed_text(ring: encryption.KeyRing, account: BankAccount) -> str:
    sealed = bytes(account.micro_deposits_encrypted or b"")
    return encryption.unseal(ring, sealed, row_id=account.pk, purpose=encryption.MICRO_DEPOSITS)


def _text(amounts: Iterable[Decimal]) -> str:
    """The amounts in one order and notation, so that equal ones are equal texts."""
    return " ".join(formats.plain(amount) for amount in sorted(amounts))
