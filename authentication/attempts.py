"""Throttling: too many tries close an account, or all accounts to an address, for a while.

The counts are in the database, so they hold for all server processes. E-mails that nobody has are
counted too, so that a refusal says nothing about who exists.

Of sign-ins only failures count, and the right password clears those of its own address. Counting
each address separately keeps a stranger's guesses from locking the owner out elsewhere. Counting
the account as a whole stops guesses spread over many addresses. Of registrations, and of requests
that send mail, each one counts: by account, so that nobody's mailbox is flooded, and by address.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.crypto import salted_hmac

from authentication import audit
from authentication.models import LoginAttempt, User
from be.database import transactions
from be.kernel.refusals import Refusal

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How many tries of one action a window of time may have; None is any number.

    `per_account_here` counts those on one account from one address, `per_address` those from one
    address on whichever account. `refusal` is what the client reads.
    """

    action: str
    window: timedelta
    per_account: int
    per_account_here: int | None = None
    per_address: int | None = None
    refusal: str


SIGN_INS = Limits(
    action="sign_in",
    window=timedelta(minutes=15),
    per_account=19,
    per_account_here=10,
    refusal="Too many wrong passwords for this account; wait, then try again.",
)


def registrations() -> Limits:
    return _sending_mail("register", "Too many registrations; wait, then try again.")


def resets() -> Limits:
    return _sending_mail("reset", "Too many requests for a new password; wait, then try again.")


def verifications() -> Limits:
    return _sending_mail("verify", "Too many requests for a mail; wait, then try again.")


def _sending_mail(action: str, refusal: str) -> Limits:
    return Limits(
        action=action,
        window=timedelta(hours=1),
        per_account=5,
        per_address=settings.SIGN_UPS_PER_ADDRESS,
        refusal=refusal,
    )


class TooManyAttempts(Refusal):
    """No further try of this kind may be made for `wait` more seconds."""

    code = "too_many_attempts"
    status = 429
    title = "Too many attempts"

    def __init__(self, wait: float, refusal: str = SIGN_INS.refusal) -> None:
        super().__init__(refusal)
        self.wait = wait


def check(*, email: str, ip_address: str | None, now: datetime, limits: Limits = SIGN_INS) -> None:
    """Raise TooManyAttempts if no further try may be made."""
    _check(limits, _digest(email), ip_address, now, already_made=0)


def record_failure(
    *, email: str, ip_address: str | None, now: datetime, limits: Limits = SIGN_INS
) -> None:
    """Count a failure; raise TooManyAttempts if parallel requests have used up the tries.

    A burst of parallel guesses passes `check` before any of them has failed. Checking again here,
    and after a right password, gives all guesses beyond the limit the same answer.
    """
    account = _digest(email)
    _record(limits, account, ip_address, now)
    if limits is SIGN_INS:
        _tell_lockout(email, account, ip_address, now)
    _check(limits, account, ip_address, now, already_made=1)


def _tell_lockout(email: str, account: str, ip_address: str | None, now: datetime) -> None:
    """Write that this was the last try, once: those that are refused unseen are not written."""
    failures = LoginAttempt.objects.filter(
        action=SIGN_INS.action, account=account, failed_at__gt=now - SIGN_INS.window
    )
    addresses = list(failures.values_list("ip_address", flat=True))
    here = addresses.count(ip_address)
    if here == SIGN_INS.per_account_here or len(addresses) == SIGN_INS.per_account:
        user = User.objects.filter(email=email).first()
        audit.record("locked out", actor=None, subject=user, at=now)


def count(*, email: str, ip_address: str | None, now: datetime, limits: Limits) -> None:
    """Count a try, whatever comes of it. Raises TooManyAttempts; a refused try is not counted."""
    check(email=email, ip_address=ip_address, now=now, limits=limits)
    record_failure(email=email, ip_address=ip_address, now=now, limits=limits)


def clear(*, email: str, ip_address: str | None, limits: Limits = SIGN_INS) -> None:
    """Clear the failures of this address, after the right password came from it."""
    LoginAttempt.objects.filter(
        action=limits.action, account=_digest(email), ip_address=ip_address
    ).delete()


@transactions.atomic
def _record(limits: Limits, account: str, ip_address: str | None, now: datetime) -> None:
    tries = LoginAttempt.objects.filter(action=limits.action)
    tries.create(action=limits.action, account=account, ip_address=ip_address, failed_at=now)
    tries.filter(failed_at__lte=now - limits.window).delete()


def _check(
    limits: Limits, account: str, ip_address: str | None, now: datetime, already_made: int
) -> None:
    recent = LoginAttempt.objects.filter(
        action=limits.action, failed_at__gt=now - limits.window
    ).order_by("-failed_at")
    tries = list(recent.filter(account=account).values_list("ip_address", "failed_at"))
    here = [failed_at for address, failed_at in tries if address == ip_address]
    counted: list[tuple[Iterable[datetime], int | None]] = [
        (here, limits.per_account_here),
        ([failed_at for _, failed_at in tries], limits.per_account),
    ]
    if limits.per_address is not None:
        from_address = recent.filter(ip_address=ip_address).values_list("failed_at", flat=True)
        counted.append((from_address[: limits.per_address + already_made], limits.per_address))
    for times, limit in counted:
        newest = list(times)
        if limit is not None and len(newest) >= limit + already_made:
            logger.warning("too many tries: %s, account digest %s", limits.action, account[:12])
            wait = newest[limit - 1] + limits.window - now
            raise TooManyAttempts(wait.total_seconds(), limits.refusal)


def _digest(email: str) -> str:
    return salted_hmac("authentication.attempts", email, algorithm="sha256").hexdigest()
