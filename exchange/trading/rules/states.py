"""The states of an order and the legal moves between them, as one table."""

from enum import StrEnum


class Status(StrEnum):
    """The values of `exchange.models.OrderStatus`, without Django."""

    ACCEPTED = "accepted"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    REPLACED = "replaced"
    HELD = "held"


class IllegalMove(RuntimeError):
    """A bug in the caller, which did not check the state under the order's lock."""


_ENDS = frozenset({Status.CANCELED, Status.EXPIRED, Status.REPLACED})
_FILLS = frozenset({Status.PARTIALLY_FILLED, Status.FILLED})

LEGAL_MOVES: dict[Status, frozenset[Status]] = {
    # Waits for a fresh quote or an open market; it may fill at once when that comes.
    Status.ACCEPTED: frozenset({Status.NEW, Status.REJECTED}) | _FILLS | _ENDS,
    Status.NEW: _FILLS | _ENDS,
    # A further partial fill is a move from the state to itself.
    Status.PARTIALLY_FILLED: _FILLS | _ENDS,
    Status.HELD: frozenset({Status.ACCEPTED, Status.NEW}) | _FILLS | _ENDS,
    Status.FILLED: frozenset(),
    Status.CANCELED: frozenset(),
    Status.EXPIRED: frozenset(),
    Status.REJECTED: frozenset(),
    Status.REPLACED: frozenset(),
}

# The states in which an order can be saved for the first time.
STARTS = (Status.NEW, Status.ACCEPTED, Status.HELD)

OPEN = frozenset(status for status, moves in LEGAL_MOVES.items() if moves)
# Working orders are the ones that rest in the book.
WORKING = frozenset({Status.NEW, Status.PARTIALLY_FILLED})


def require_legal(current: str, following: str) -> None:
    """Raise IllegalMove unless the table has the move."""
    if Status(following) not in LEGAL_MOVES[Status(current)]:
        raise IllegalMove(f"an order cannot go from {current} to {following}")


def diagram() -> str:
    """The table as a Mermaid state diagram, for the docs: every move is an arrow."""
    lines = ["stateDiagram-v2"]
    lines += [f"    [*] --> {status.value}" for status in STARTS]
    for status, moves in LEGAL_MOVES.items():
        lines += [f"    {status.value} --> {following.value}" for following in sorted(moves)]
    lines += [f"    {status.value} --> [*]" for status in LEGAL_MOVES if status not in OPEN]
    return "\n".join(lines)
