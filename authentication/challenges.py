"""Challenges: random bytes that a passkey signs, so that no answer can be used twice.

A challenge is stored, and whoever brings an answer to it deletes it: of racing answers one finds
it. It is for one purpose and one user, and ends after LIFETIME.
"""

import secrets
from datetime import datetime, timedelta
from enum import StrEnum

from authentication.models import PasskeyChallenge, User
from be.kernel.refusals import Refusal

LIFETIME = timedelta(minutes=5)
BYTES = 32
# Of one user, or of one address that has not said who it is. People need one or two.
MAX_WAITING = 30


class Purpose(StrEnum):
    """What a passkey's answer is for."""

    REGISTER = "register"
    SIGN_IN = "sign_in"
    STEP_UP = "step_up"


class TooManyChallenges(Refusal):
    """So many challenges wait for answers that no more are made for a while."""

    code = "too_many_challenges"
    status = 429
    title = "Too many unanswered challenges"

    def __init__(self) -> None:
        super().__init__("Too many passkeys were asked for and not used; wait five minutes.")
        self.wait = LIFETIME.total_seconds()


def issue(*, purpose: Purpose, user: User | None, ip_address: str | None, now: datetime) -> bytes:
    """New random bytes, for an answer of `user`, or of whoever the passkey says.

    Raises TooManyChallenges.
    """
    PasskeyChallenge.objects.filter(expires_at__lte=now).delete()
    waiting = PasskeyChallenge.objects.filter(user=user)
    if user is None:
        waiting = waiting.filter(ip_address=ip_address)
    if waiting.count() >= MAX_WAITING:
        raise TooManyChallenges
    challenge = secrets.token_bytes(BYTES)
    PasskeyChallenge.objects.create(
        challenge=challenge,
        purpose=purpose,
        user=user,
        ip_address=ip_address,
        expires_at=now + LIFETIME,
    )
    return challenge


def take(challenge: bytes, *, purpose: Purpose, user: User | None, now: datetime) -> bool:
    """Whether this challenge waits for such an answer; it waits no more after that."""
    deleted, _ = PasskeyChallenge.objects.filter(
        challenge=challenge, purpose=purpose, user=user, expires_at__gt=now
    ).delete()
    return deleted == 1
