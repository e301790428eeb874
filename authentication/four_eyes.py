"""The four-eyes principle: a second administrator approves what the first one began.

Where nobody else has the permission to approve, the first one approves it too, in a separate step:
see docs/decisions/four-eyes.md.
"""

from authentication import privileges
from authentication.models import User
from be.kernel.refusals import Refusal


class NotAnApprover(Refusal):
    """This user may not approve this."""

    code = "second_look_not_yours"
    status = 403
    title = "Somebody else has to take the second look"


def require_approver(by: User, first: User | None, *, permission: str) -> None:
    """Refuse a user without the permission, and the `first` one while others could approve.

    Raises NotAnApprover.
    """
    if not by.has_perm(permission):
        raise NotAnApprover("You may not take second looks: that is a permission of its own.")
    if by == first and (others := other_approvers(by, permission=permission)):
        raise NotAnApprover(f"You entered it. One of these can approve it: {', '.join(others)}.")


def other_approvers(user: User, *, permission: str) -> list[str]:
    """The e-mails of those, `user` aside, who can approve."""
    approvers = privileges.staff_with(permission).exclude(pk=user.pk)
    return list(approvers.order_by("email").values_list("email", flat=True))
