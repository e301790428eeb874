"""Cash flows: money that moves between a customer's account and the outside.

It comes from the customer's bank or goes there. What a customer brings from another broker counts
as money that comes in, for which its securities are delivered (`banking/transfers_in.py`). So does
what the house adjusts (`banking/corrections.py`): it is no gain of anything that was held.

Returns are measured between cash flows, so the value of the whole account at each of them has to be
stored. Banking does not know prices. An app that can value the account installs a `listener` here
at start-up. The ledger calls it for every cash flow that it books, in the same transaction, so that
no code that books one can forget it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from banking.models import EntryKind

KINDS = frozenset(
    {
        EntryKind.DEPOSIT,
        EntryKind.DEPOSIT_RETURN,
        EntryKind.WITHDRAWAL,
        EntryKind.TRANSFER_IN,
        EntryKind.ADJUSTMENT,
    }
)


@dataclass(frozen=True, slots=True)
class Flow:
    """Cents that one journal entry moved into a customer's account; negative if out of it.

    The entry is the newest one of this kind and reference.
    """

    owner_id: UUID
    kind: EntryKind
    reference: UUID
    cents: int
    at: datetime


class Listener(Protocol):
    """Called for each flow after it is booked, while the account's dollars are locked."""

    def __call__(self, flow: Flow) -> None: ...


def _not_installed(flow: Flow) -> None:
    raise RuntimeError(f"nobody values the account at its {flow.kind}: no witness is installed")


listener: Listener = _not_installed
