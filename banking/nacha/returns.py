"""What the bank sends back: each return is applied to its transfer, once, whatever is read twice.

A return names the trace number of the entry that it is of. It is applied when amount and bank agree
with it, too; otherwise it is reported to whoever reads the file, and moves nothing. Notifications
of change and disputes about returns are reported only: they are for people.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from banking import bank_accounts, transactions
from banking.models import NachaEntry, NachaReturn
from banking.nacha import files
from banking.rules import encryption
from banking.rules.nacha import reasons
from banking.rules.nacha.incoming import Notice
from be.database.transactions import atomic
from be.logs import events


class Outcome(Enum):
    """What became of a notice; `needs_people` says that somebody has to look at it."""

    APPLIED = ("applied", False)
    APPLIED_BEFORE = ("applied before", False)
    NOTHING_TO_RETURN = ("its transfer moved nothing", True)
    UNMATCHED = ("no entry was sent with this trace number, amount and bank", True)
    CHANGE = ("a notification of change", True)
    DISPUTE = ("a dispute about a return", True)

    def __init__(self, words: str, needs_people: bool) -> None:
        self.words = words
        self.needs_people = needs_people


@dataclass(frozen=True, slots=True)
class Handled:
    """A notice and what became of it; `entry` is the one that it is of, if it was found."""

    notice: Notice
    outcome: Outcome
    entry: NachaEntry | None


def apply_all(notices: list[Notice], *, now: datetime) -> Iterator[Handled]:
    """Apply the returns among the notices, each in a transaction of its own."""
    for notice in notices:
        yield _apply(notice, now)


@atomic
def _apply(notice: Notice, now: datetime) -> Handled:
    entry = _entry_of(notice)
    if entry is None:
        outcome = Outcome.UNMATCHED
    elif notice.kind == "change":
        outcome = Outcome.CHANGE
    elif notice.kind == "dispute":
        outcome = Outcome.DISPUTE
    else:
        outcome = _return(entry, notice, now)
    events.log_on_commit(
        f"nacha {notice.kind}: {outcome.words}",
        code=notice.code,
        trace_number=notice.original_trace_number,
        transaction_id=entry.transaction_id if entry else None,
    )
    return Handled(notice, outcome, entry)


def _entry_of(notice: Notice) -> NachaEntry | None:
    """The newest entry of this trace number, locked; None if it is another than the notice says."""
    entry = (
        NachaEntry.objects.select_for_update(of=("self",))
        .select_related("transaction", "account")
        .filter(trace_number=notice.original_trace_number, file__written_at__isnull=False)
        .order_by("-pk")
        .first()
    )
    if entry is None or notice.original_rdfi not in ("", entry.account.routing_number[:8]):
        return None
    # A change moves nothing, and its amount is zero.
    return entry if notice.kind == "change" or _is_amount_of(entry, notice.cents) else None


def _is_amount_of(entry: NachaEntry, cents: int) -> bool:
    try:
        return cents == files.cents_of(entry)
    except encryption.Unreadable:  # the micro-deposit of an account that is unlinked by now
        return True


def _return(entry: NachaEntry, notice: Notice, now: datetime) -> Outcome:
    if NachaReturn.objects.filter(entry=entry).exists():
        return Outcome.APPLIED_BEFORE
    reason = reasons.reason(notice.code)
    if reason.ends_link or entry.transaction_id is None:  # locked before the transaction, as always
        bank_accounts.require_new_link(entry.account_id, now=now)
    if entry.transaction_id is not None:
        try:
            transactions.return_payment(
                transaction_id=entry.transaction_id, reason=reason.code, now=now
            )
        except transactions.TransactionNotReturnable:
            return Outcome.NOTHING_TO_RETURN
    NachaReturn.objects.create(
        entry=entry, code=notice.code, trace_number=notice.trace_number, received_at=now
    )
    return Outcome.APPLIED
