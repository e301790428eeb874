"""Four eyes: what moves a lot, a second administrator has to approve.

A house with one administrator has no second pair of eyes. Where nobody else could approve, the one
who entered it takes the second look too, in a step of its own that is written down like any other.
"""

from decimal import Decimal

from django.conf import settings

from authentication import powers
from authentication.models import User
from be.kernel.refusals import Refusal
from exchange.corporate import limits, preview
from exchange.models import ActionKind, CorporateAction

PERMISSION = "exchange.approve_corporateaction"


class Wanted(Refusal):
    """It moves so much that it is not done before it has been approved."""

    code = "second_look_wanted"
    title = "A second administrator has to approve this"


class NotForYou(Refusal):
    """Whoever asks may not approve this one."""

    code = "second_look_not_yours"
    status = 403
    title = "Somebody else has to take the second look"


def is_wanted(value: Decimal) -> bool:
    """Whether so many dollars are not moved on one person's word."""
    return bool(value >= settings.SECOND_LOOK_DOLLARS)


def wants(action: CorporateAction, seen: preview.Preview) -> bool:
    """Whether an action that an administrator enters awaits approval."""
    return is_wanted(seen.value) or limits.is_unusual(action)


def require_if_wanted(action: CorporateAction) -> None:
    """Refuse to carry out what has grown since it was entered, or approved. Raises Wanted.

    What was approved may grow by less than what one administrator may enter alone. A split that was
    approved is: its shares become dearer by the hour, and it gives nobody more than they had.
    """
    if action.approved_at is not None and action.kind == ActionKind.SPLIT:
        return
    seen = preview.of(action)
    since = "entered" if action.approved_at is None else "approved"
    more = seen.value - (action.approved_value or 0)
    if is_wanted(more) and (more or action.approved_at is None):
        raise Wanted(f"It has come to ${seen.value:,.2f} since it was {since}.")
    if action.approved_at is None and limits.is_unusual(action):
        raise Wanted(
            f"It has come to a quarter of the price, or more, since it was {since}: "
            f"{action.instrument.symbol} is at {seen.price_before}."
        )


def require_approver(by: User, first: User | None) -> None:
    """Refuse whoever may not approve, or entered it while others could approve it.

    Raises NotForYou.
    """
    if not by.has_perm(PERMISSION):
        raise NotForYou("You may not take second looks: that is a permission of its own.")
    if by == first and (others := others_than(by)):
        raise NotForYou(f"You entered it. One of these can approve it: {', '.join(others)}.")


def others_than(user: User) -> list[str]:
    """The e-mails of those, `user` aside, who can take a second look."""
    able = powers.who_may(PERMISSION).exclude(pk=user.pk)
    return list(able.order_by("email").values_list("email", flat=True))
