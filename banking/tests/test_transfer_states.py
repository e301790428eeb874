"""The table of a bank transaction's states and legal moves."""

import pytest
from django.conf import settings

from banking.models import Review, TransactionStatus
from banking.rules import transfer_states
from banking.rules.transfer_states import LEGAL_MOVES, IllegalMove, State

MOVES = {
    ("waiting", "pending"),
    ("waiting", "failed"),
    ("waiting", "canceled"),
    ("pending", "completed"),
    ("pending", "failed"),
    ("pending", "canceled"),
    ("completed", "returned"),
}


def test_the_table_speaks_of_the_same_states_as_the_database():
    assert {state.value for state in State} == {*TransactionStatus.values, "waiting"}
    assert {transfer_states.status_in(state) for state in State} == {*TransactionStatus.values}
    assert LEGAL_MOVES.keys() == set(State)


@pytest.mark.parametrize("current", State)
@pytest.mark.parametrize("following", State)
def test_the_moves_of_the_table_pass_and_no_others(current: State, following: State):
    if (current, following) in MOVES:
        transfer_states.require_legal(current, following)
    else:
        with pytest.raises(IllegalMove):
            transfer_states.require_legal(current, following)


def test_a_pending_one_waits_while_its_review_does():
    assert transfer_states.state_of("pending", Review.WAITING) == State.WAITING
    assert transfer_states.state_of("pending", Review.APPROVED) == State.PENDING
    assert transfer_states.state_of("pending", "") == State.PENDING
    assert transfer_states.state_of("failed", Review.REJECTED) == State.FAILED


def test_the_diagram_in_the_docs_is_the_table():
    page = (settings.BASE_DIR / "docs" / "banking.md").read_text()
    assert f"```mermaid\n{transfer_states.diagram()}\n```" in page
