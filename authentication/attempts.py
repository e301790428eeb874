"""Throttling of sign-ins: too many wrong passwords close an account to tries for a while.

The counts are in the database, so they hold for all server processes. E-mails that nobody has are
counted too. Only failures count, and the right password clears those of its own address. Counting
each address separately keeps a stranger's guesses from locking the owner out elsewhere. Counting
the account as a whole stops guesses spread over many addresses.
"""

import logging
from datetime import datetime, timedelta

from django.utils.crypto import salted_hmac

from authentication.models import LoginAttempt
from be.database import transactions
from be.kernel.refusals import Refusal

logger = logging.getLogger(__name__)

WINDOW = timedelta(minutes=15)
LIMIT_PER_ADDRESS = 10
LIMIT_PER_ACCOUNT = 19


class TooManyAttempts(Refusal):
    """The account is closed to sign-ins, from this address at least, for `wait` more seconds."""

    code = "too_many_attempts"
    status = 429
    title = "Too many wrong passwords"

    def __init__(self, wait: float) -> None:
        super().__init__("Too many wrong passwords for this account; wait, then try again.")
        self.wait = wait


def check(*, email: str, ip_address: str | None, now: datetime) -> None:
    """Raise TooManyAttempts if no further try may be made."""
    _check(_digest(email), ip_address, now, already_made=0)


@transactions.atomic
def _record(account: str, ip_address: str | None, now: datetime) -> None:
    LoginAttempt.objects.create(account=account, ip_address=ip_address, failed_at=now)
    LoginAttempt.objects.filter(failed_at__lte=now - WINDOW).delete()


def record_failure(*, email: str, ip_address: str | None, now: datetime) -> None:
    """Count a wrong password; raise TooManyAttempts if parallel requests have used up the tries.

    A burst of parallel guesses passes `check` before any of them has failed. Checking again here,
    and after a right password, gives all guesses beyond the limit the same answer.
    """
    account = _digest(email)
    _record(account, ip_address, now)
    _check(account, ip_address, now, already_made=1)


def clear(*, email: str, ip_address: str | None) -> None:
    """Clear the failures of this address, after the right password came from it."""
    LoginAttempt.objects.filter(account=_digest(email), ip_address=ip_address).delete()


def _check(account: str, ip_address: str | None, now: datetime, already_made: int) -> None:
    failures = list(
        LoginAttempt.objects.filter(account=account, failed_at__gt=now - WINDOW)
        .order_by("-failed_at")
        .values_list("ip_address", "failed_at")
    )
    everywhere = [failed_at for _, failed_at in failures]
    here = [failed_at for address, failed_at in failures if address == ip_address]
    for times, limit in ((here, LIMIT_PER_ADDRESS), (everywhere, LIMIT_PER_ACCOUNT)):
        if len(times) >= limit + already_made:
            logger.warning("too many wrong passwords, account digest %s", account[:12])
            raise TooManyAttempts((times[limit - 1] + WINDOW - now).total_seconds())


def _digest(email: str) -> str:
    return salted_hmac("authentication.attempts", email, algorithm="sha256").hexdigest()
