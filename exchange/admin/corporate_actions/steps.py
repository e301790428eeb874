"""What an administrator can do with an existing action: approve, retry, reverse and so on."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from authentication.models import User
from exchange.corporate import preview, reversals, workflow
from exchange.models import CorporateAction

# What is shown before a step is confirmed; None where there is nothing to compute.
Preview = preview.Effects | reversals.Preview | None


@dataclass(frozen=True, slots=True)
class Step:
    """A button on the page of an action, with a page of its own that asks for confirmation.

    `is_possible` decides whether the button is there. `preview` raises a Refusal when it is not the
    time for the step. `apply` returns the action that it has changed or made.
    """

    name: str
    title: str
    permission: str
    is_possible: Callable[[CorporateAction], bool]
    preview: Callable[[CorporateAction], Preview]
    apply: Callable[[CorporateAction, User, datetime], CorporateAction]


STEPS = (
    Step(
        "approve",
        "Approve",
        "approve_corporateaction",
        lambda action: action.awaits_approval and action.carried_out_at is None,
        preview.of,
        lambda action, by, now: workflow.approve(action.pk, by=by, now=now),
    ),
    Step(
        "retry",
        "Try again",
        "change_corporateaction",
        lambda action: action.failed_at is not None and action.carried_out_at is None,
        lambda action: None,
        lambda action, by, now: workflow.retry(action.pk),
    ),
    Step(
        "reverse",
        "Reverse",
        "reverse_corporateaction",
        lambda action: (
            action.kind in reversals.REVERSIBLE
            and action.carried_out_at is not None
            and action.reversed_at is None
        ),
        reversals.preview,
        lambda action, by, now: reversals.reverse(action.pk, by=by, now=now),
    ),
    Step(
        "keep",
        "Don't reverse",
        "reverse_corporateaction",
        lambda action: action.reversal_asked_by_id is not None and action.reversed_at is None,
        lambda action: None,
        lambda action, by, now: reversals.decline(action.pk),
    ),
    Step(
        "collect",
        "Collect what is owed",
        "reverse_corporateaction",
        lambda action: action.reversed_at is not None and bool(reversals.preview(action).due),
        reversals.preview,
        lambda action, by, now: reversals.collect(action.pk, now=now),
    ),
    Step(
        "anew",
        "Announce anew",
        "add_corporateaction",
        workflow.can_announce_anew,
        preview.of,
        lambda action, by, now: workflow.announce_anew(action.pk, by=by, now=now),
    ),
)


def history_text(step: Step, after: CorporateAction, shown: Preview) -> str:
    """The line in the action's history: the step, the new state, and the totals that were shown."""
    return f"{step.title}: it {_state(after)}.{_totals(shown)}"


def _state(action: CorporateAction) -> str:
    texts = {"failed": "has failed", "reversal awaits a second look": "awaits a second look"}
    return texts.get(action.state, f"is {action.state}")


def _totals(shown: Preview) -> str:
    if isinstance(shown, preview.Effects):
        return f" Seen: {shown.holders} holders, ${shown.value:,.2f}."
    if isinstance(shown, reversals.Preview):
        return f" Seen: ${shown.due:,.2f} due, ${shown.now:,.2f} of it at once."
    return ""
