"""What staff can do for or to a customer, each by a page that asks for confirmation."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from authentication import privileges, sessions
from authentication.models import User
from authentication.sessions import EndReason
from be.kernel.refusals import Refusal


class MoreRights(Refusal):
    """The customer is staff with permissions that the administrator lacks."""

    code = "more_rights"
    status = 403
    title = "This user has rights that you don't have"


@dataclass(frozen=True, slots=True)
class Step:
    """A button on a customer's page, with a page of its own that asks for a reason.

    `is_possible` decides whether the button is there, `effect` says what the step will do. `apply`
    gets customer, administrator, reason and time, and returns the line for the history; it raises a
    Refusal when it is not the time for the step.
    """

    name: str
    title: str
    permission: str
    is_possible: Callable[[User, datetime], bool]
    effect: Callable[[User, datetime], str]
    apply: Callable[[User, User, str, datetime], str]


def _live_sessions(customer: User, now: datetime) -> int:
    return sessions.live_of(user=customer, now=now).count()


def _end_sessions(customer: User, by: User, reason: str, now: datetime) -> str:
    ended = sessions.end_all(user=customer, now=now, reason=EndReason.ENDED_BY_ADMIN)
    return f"Sessions ended: {ended}."


STEPS = (
    Step(
        "end-sessions",
        "End all sessions",
        "authentication.change_session",
        lambda customer, now: _live_sessions(customer, now) > 0,
        lambda customer, now: (
            f"{_live_sessions(customer, now)} sessions end at once, and with them their sockets. "
            "The customer can sign in again."
        ),
        _end_sessions,
    ),
)


def require_no_more_rights(by: User, customer: User) -> None:
    """Refuse a customer who is staff with more rights than `by`. Raises MoreRights."""
    if not privileges.may_administer(by, customer):
        raise MoreRights(f"{customer.email} has rights that you don't have.")
