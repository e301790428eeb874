"""Which corporate actions a second administrator approves: those that move a lot of money.

The admin calls it "the second look". The rule itself is in `authentication/four_eyes.py`.
"""

from decimal import Decimal

from django.conf import settings

from authentication import four_eyes
from authentication.models import User
from be.kernel.refusals import Refusal
from exchange.corporate import limits, preview
from exchange.models import ActionKind, CorporateAction

PERMISSION = "exchange.approve_corporateaction"


class ApprovalRequired(Refusal):
    """The action moves so much that it is not carried out before it is approved."""

    code = "second_look_wanted"
    title = "A second administrator has to approve this"


def exceeds_limit(value: Decimal) -> bool:
    """Whether `value` dollars are too much for one administrator to move alone."""
    return bool(value >= settings.SECOND_LOOK_DOLLARS)


def is_required(action: CorporateAction, effects: preview.Effects) -> bool:
    """Whether an action that an administrator enters has to be approved."""
    return exceeds_limit(effects.value) or limits.is_unusual(action)


def require_if_grown(action: CorporateAction) -> None:
    """Refuse to carry out what has grown since it was entered or approved.

    What was approved may grow by less than the limit for one administrator. A split that was
    approved may grow without limit: its shares change their price by the hour, and a split gives
    nobody more than they had. Raises ApprovalRequired.
    """
    if action.approved_at is not None and action.kind == ActionKind.SPLIT:
        return
    effects = preview.of(action)
    since = "entered" if action.approved_at is None else "approved"
    growth = effects.value - (action.approved_value or 0)
    if exceeds_limit(growth) and (growth or action.approved_at is None):
        raise ApprovalRequired(f"It has come to ${effects.value:,.2f} since it was {since}.")
    if action.approved_at is None and limits.is_unusual(action):
        raise ApprovalRequired(
            f"It has come to a quarter of the price, or more, since it was {since}: "
            f"{action.instrument.symbol} is at {effects.price_before}."
        )


def require_approver(by: User, first: User | None) -> None:
    """Refuse a user without the permission, and the `first` one while others could approve.

    `first` entered the action, or asked for its reversal. Raises authentication's NotAnApprover.
    """
    four_eyes.require_approver(by, first, permission=PERMISSION)


def other_approvers(user: User) -> list[str]:
    """The e-mails of those, `user` aside, who can approve."""
    return four_eyes.other_approvers(user, permission=PERMISSION)
