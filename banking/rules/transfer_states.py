"""The states of a bank transaction and the legal moves between them, as one table.

A large withdrawal begins with `waiting`: its status is pending and its review waiting. In every
other state the status alone says which one it is.
"""

from enum import StrEnum


class State(StrEnum):
    """`waiting`, or a value of `banking.models.TransactionStatus`."""

    WAITING = "waiting"
    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    RETURNED = "returned"


class IllegalMove(RuntimeError):
    """A bug in the caller, which did not check the state under the transaction's lock."""


LEGAL_MOVES: dict[State, frozenset[State]] = {
    # Approved it goes to the bank; rejected it has failed.
    State.WAITING: frozenset({State.PENDING, State.FAILED, State.CANCELED}),
    State.PENDING: frozenset({State.COMPLETED, State.FAILED, State.CANCELED}),
    # The bank may return what it has settled, also weeks later.
    State.COMPLETED: frozenset({State.RETURNED}),
    State.FAILED: frozenset(),
    State.CANCELED: frozenset(),
    State.RETURNED: frozenset(),
}

# The states in which a transaction can be saved for the first time.
STARTS = (State.PENDING, State.WAITING)

_PENDING, _WAITING = "pending", "waiting"


def state_of(status: str, review: str) -> State:
    """The state that status and review together are."""
    return State.WAITING if (status, review) == (_PENDING, _WAITING) else State(status)


def status_in(state: State) -> str:
    """The status of a transaction in this state."""
    return _PENDING if state == State.WAITING else state.value


def require_legal(current: State, following: State) -> None:
    """Raise IllegalMove unless the table has the move."""
    if following not in LEGAL_MOVES[current]:
        raise IllegalMove(f"a bank transaction cannot go from {current} to {following}")


def diagram() -> str:
    """The table as a Mermaid state diagram, for the docs: every move is an arrow."""
    lines = ["stateDiagram-v2"]
    lines += [f"    [*] --> {state.value}" for state in STARTS]
    for state, moves in LEGAL_MOVES.items():
        lines += [f"    {state.value} --> {following.value}" for following in sorted(moves)]
    lines += [f"    {state.value} --> [*]" for state, moves in LEGAL_MOVES.items() if not moves]
    return "\n".join(lines)
