"""Step-up: what can do the most harm asks a signed-in user to prove again who they are.

A step-up lasts five minutes and holds for one session. Signing in counts as one. A user with a
second factor steps up by it, and a user without one by the password.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from authentication import attempts, audit, factors, passkeys, passwords
from authentication.challenges import Purpose
from authentication.factors import NoSecondFactor, Proof, WrongFactor
from authentication.grants import AccessGrant, SessionRequired
from authentication.models import Session, User
from be.database.transactions import atomic
from be.kernel.refusals import Refusal

LIFETIME = timedelta(minutes=5)


class StepUpRequired(Refusal):
    """The session has not stepped up within the last five minutes."""

    code = "step_up_required"
    status = 403
    title = "Prove again that it is you"

    def __init__(self) -> None:
        super().__init__(
            "This needs a step-up of the last five minutes: POST /api/auth/step-up/, then send the "
            "request again."
        )


class SecondFactorNeeded(Refusal):
    """The server lets nobody withdraw without a second factor, and the user has none."""

    code = "second_factor_required"
    status = 403
    title = "A second factor is needed"

    def __init__(self) -> None:
        super().__init__("Set up an authenticator app or a passkey; withdrawals need one here.")


def require(grant: AccessGrant, *, now: datetime) -> None:
    """Raise StepUpRequired if the user has a second factor and the session has not stepped up.

    An API key does not step up: whoever made it had, and it can do no more than its scopes say.
    """
    if grant.user.has_second_factor and grant.session_id is not None:
        require_of_everybody(grant, now=now)


def require_of_everybody(grant: AccessGrant, *, now: datetime) -> None:
    """As `require`, also for users without a second factor, for whom the password counts.

    So a stolen access token cannot add a factor that locks the owner out.
    """
    if stepped_up_until(grant, now=now) is None:
        raise StepUpRequired


def require_for_withdrawal(grant: AccessGrant, *, now: datetime) -> None:
    """As `require`; where REQUIRE_SECOND_FACTOR_FOR_TRANSFERS is on, a second factor is needed.

    Raises SecondFactorNeeded and StepUpRequired.
    """
    if settings.REQUIRE_SECOND_FACTOR_FOR_TRANSFERS and not grant.user.has_second_factor:
        raise SecondFactorNeeded
    require(grant, now=now)


def stepped_up_until(grant: AccessGrant, *, now: datetime) -> datetime | None:
    """Until when the session's last step-up counts; None if that is past."""
    stepped_up_at = (
        Session.objects.filter(pk=session_of(grant), stepped_up_at__gt=now - LIFETIME)
        .values_list("stepped_up_at", flat=True)
        .first()
    )
    return stepped_up_at and stepped_up_at + LIFETIME


def session_of(grant: AccessGrant) -> UUID:
    """The session by which somebody is signed in. Raises SessionRequired for an API key."""
    if grant.session_id is None:
        raise SessionRequired
    return grant.session_id


def by_factor(
    grant: AccessGrant, *, proof: Proof, ip_address: str | None, now: datetime
) -> datetime:
    """Step up by a second factor; returns until when that counts.

    Raises NoSecondFactor, WrongFactor and TooManyAttempts.
    """
    if not grant.user.has_second_factor:
        raise NoSecondFactor
    factors.check(
        user=grant.user, proof=proof, purpose=Purpose.STEP_UP, ip_address=ip_address, now=now
    )
    return _stepped_up(grant, now)


def by_password(
    grant: AccessGrant, *, password: str, ip_address: str | None, now: datetime
) -> datetime:
    """Step up by the password, of a user without a second factor; returns until when that counts.

    Raises WrongFactor for a wrong password, and for any of a user who has a second factor, and
    TooManyAttempts.
    """
    user = grant.user
    attempts.check(email=user.email, ip_address=ip_address, now=now)
    correct, _ = passwords.verify(password, user.password)
    if not correct or user.has_second_factor:
        attempts.record_failure(email=user.email, ip_address=ip_address, now=now)
        raise WrongFactor(field="password")
    attempts.check(email=user.email, ip_address=ip_address, now=now)
    return _stepped_up(grant, now)


def passkey_options(grant: AccessGrant, *, ip_address: str | None, now: datetime) -> dict[str, Any]:
    """What a browser needs to step up by a passkey. Raises NoSecondFactor, TooManyChallenges."""
    if not grant.user.has_second_factor:
        raise NoSecondFactor
    return passkeys.request_options(
        user=grant.user, purpose=Purpose.STEP_UP, ip_address=ip_address, now=now
    )


@atomic
def _stepped_up(grant: AccessGrant, now: datetime) -> datetime:
    """Raise StepUpRequired if the user has gained or lost factors since the request began."""
    user = User.objects.select_for_update().get(pk=grant.user.pk)
    live = Session.objects.filter(pk=session_of(grant), ended_at=None)
    if user.has_second_factor != grant.user.has_second_factor or not live.update(stepped_up_at=now):
        raise StepUpRequired
    audit.record("stepped up", actor=user, subject=user, at=now, session_id=grant.session_id)
    return now + LIFETIME
