"""Removing all factors of somebody who has lost them, by staff who are sure who asks."""

from datetime import datetime

from authentication import audit, factors, privileges, sessions
from authentication.models import User
from authentication.sessions import EndReason
from be.database.transactions import atomic
from be.kernel.refusals import Refusal

PERMISSION = "authentication.reset_factors"


class MayNotReset(Refusal):
    """The actor lacks the permission, or a permission that the subject has; or it is their own."""

    code = "may_not_reset_factors"
    status = 403
    title = "You may not remove these factors"

    def __init__(self) -> None:
        super().__init__(
            "This takes the permission to reset factors and every right that the user has; and "
            "somebody else does it for you."
        )


@atomic
def reset(*, actor: User, subject: User, reason: str = "", now: datetime) -> bool:
    """Remove every factor of `subject` and end their sessions; False if there was no factor.

    The audit log keeps the `reason`. Raises MayNotReset.
    """
    subject = User.objects.select_for_update().get(pk=subject.pk)
    allowed = actor.has_perm(PERMISSION) and privileges.may_administer(actor, subject)
    if not allowed or actor.pk == subject.pk:
        raise MayNotReset
    if not subject.has_second_factor:
        return False
    factors.destroy_all(user=subject)
    sessions.end_all(user=subject, now=now, reason=EndReason.FACTORS_RESET, actor=actor)
    audit.record("factors reset", actor=actor, subject=subject, at=now, reason=reason)
    return True
