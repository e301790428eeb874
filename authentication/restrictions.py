"""What a user may not do for now: a frozen account trades and moves no money, nor does, where
KYC_REQUIRED is on, one whose owner's identity was not approved.

A frozen customer can sign in, look at everything, and cancel what is open. What decides stands in
the user's row, which authentication reads with every request: a gate costs no query, and holds for
every request that begins after the freeze was answered.
"""

from datetime import datetime

from django.conf import settings

from authentication import audit, privileges
from authentication.models import User
from be.database.transactions import atomic
from be.kernel.refusals import Invalid, Refusal

MAX_REASON_LENGTH = 500


class AccountFrozen(Refusal):
    """Staff has frozen the account. Why, it does not say: that is for staff to tell."""

    code = "account_frozen"
    status = 403
    title = "The account is frozen"

    def __init__(self) -> None:
        super().__init__(
            "You can look and cancel orders, but not trade or move money; ask the support desk."
        )


class IdentityNotVerified(Refusal):
    """Where KYC_REQUIRED is on, a customer trades and transfers once their identity is approved."""

    code = "identity_not_verified"
    status = 403
    title = "Your identity is not verified"

    def __init__(self) -> None:
        super().__init__(
            "Apply at /api/auth/identity/ first, or see there what your application lacks."
        )


class FreezeRefused(Refusal):
    """The account is in that state already, or is of somebody with more rights."""

    code = "freeze_refused"
    status = 409
    title = "The account can't be frozen or unfrozen"


def require_may_trade(user: User) -> None:
    """Raise AccountFrozen or IdentityNotVerified unless `user` may place and replace orders."""
    _require_unrestricted(user)


def require_may_transfer(user: User) -> None:
    """Raise what `require_may_trade` raises unless `user` may deposit, withdraw and import."""
    _require_unrestricted(user)


def _require_unrestricted(user: User) -> None:
    """Without a query: the user is as read for this request."""
    if user.is_frozen:
        raise AccountFrozen
    if settings.KYC_REQUIRED and user.identity_verified_at is None:
        raise IdentityNotVerified


@atomic
def freeze(*, actor: User, subject: User, reason: str, now: datetime) -> None:
    """Keep the account of `subject` from trading and moving money, until it is unfrozen.

    Open orders stay: cancel them too, if they should not be filled. Raises Invalid without a
    reason, and FreezeRefused.
    """
    _check(actor, subject, reason)
    changed = User.objects.filter(pk=subject.pk, frozen_at=None).update(frozen_at=now)
    if not changed:
        raise FreezeRefused("The account is frozen already.")
    _record("account frozen", actor, subject, reason, now, before=None, after=now)
    subject.frozen_at = now


@atomic
def unfreeze(*, actor: User, subject: User, reason: str, now: datetime) -> None:
    """Let the account trade and move money again. Raises what `freeze` raises."""
    _check(actor, subject, reason)
    frozen = User.objects.select_for_update().filter(pk=subject.pk, frozen_at__isnull=False).first()
    if frozen is None:
        raise FreezeRefused("The account is not frozen.")
    User.objects.filter(pk=subject.pk).update(frozen_at=None)
    _record("account unfrozen", actor, subject, reason, now, before=frozen.frozen_at, after=None)
    subject.frozen_at = None


def _check(actor: User, subject: User, reason: str) -> None:
    if not reason.strip() or len(reason) > MAX_REASON_LENGTH:
        raise Invalid(
            f"Say why, in at most {MAX_REASON_LENGTH} characters; it is kept in the audit log.",
            field="reason",
        )
    if not privileges.may_administer(actor, subject):
        raise FreezeRefused("Somebody with more rights than you have can only be frozen by others.")


def _record(
    event: str,
    actor: User,
    subject: User,
    reason: str,
    now: datetime,
    *,
    before: datetime | None,
    after: datetime | None,
) -> None:
    audit.record(
        event,
        actor=actor,
        subject=subject,
        at=now,
        before={"frozen_at": before},
        after={"frozen_at": after},
        reason=reason.strip(),
    )
