"""Money that crosses the border between a customer's account and the customer's bank.

Returns are measured between such flows, so what the whole account was worth at each of them must be
known for good. Banking knows the money only. Whoever can value the rest puts a `witness` here when
the program starts; the ledger calls it for every flow that it books, inside the same transaction,
so that no way of booking one can forget it.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from banking.models import EntryKind
from banking.rules.assets import USD

if TYPE_CHECKING:
    from banking.ledger import Line

KINDS = frozenset({EntryKind.DEPOSIT, EntryKind.DEPOSIT_RETURN, EntryKind.WITHDRAWAL})


@dataclass(frozen=True, slots=True)
class Flow:
    """What one entry of the journal moved into (or, below zero, out of) a customer's account.

    The entry is the newest one of this kind and reference.
    """

    owner_id: UUID
    kind: EntryKind
    reference: UUID
    cents: int
    at: datetime


class Witness(Protocol):
    """Is told of each flow once it is booked, while the account's dollars are locked."""

    def __call__(self, flow: Flow) -> None: ...


def _nobody(flow: Flow) -> None:
    raise RuntimeError(f"nobody values the account at its {flow.kind}: no witness is installed")


witness: Witness = _nobody


def of(kind: EntryKind, *, reference: UUID, lines: Iterable["Line"], at: datetime) -> list[Flow]:
    """The flows among the lines of an entry; none if it is of another kind."""
    if kind not in KINDS:
        return []
    moved: dict[UUID, int] = defaultdict(int)
    for line in lines:
        if line.account.owner_id is not None and line.account.asset == USD.code:
            moved[line.account.owner_id] += line.units
    return [Flow(owner_id, kind, reference, cents, at) for owner_id, cents in moved.items()]
