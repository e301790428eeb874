"""The table of an order's states and legal moves."""

import pytest
from django.conf import settings

from exchange.models import OPEN_STATUSES, WORKING_STATUSES, OrderStatus
from exchange.trading.rules import states
from exchange.trading.rules.states import IllegalMove, Status


def test_the_table_speaks_of_the_same_states_as_the_database():
    assert {status.value for status in Status} == set(OrderStatus.values)
    assert {status.value for status in states.OPEN} == set(OPEN_STATUSES)
    assert {status.value for status in states.WORKING} == set(WORKING_STATUSES)


@pytest.mark.parametrize("ended", ["filled", "canceled", "expired", "rejected", "replaced"])
@pytest.mark.parametrize("following", [status.value for status in Status])
def test_an_order_that_has_ended_never_moves_again(ended: str, following: str):
    with pytest.raises(IllegalMove):
        states.require_legal(ended, following)


@pytest.mark.parametrize(
    ("current", "following"),
    [
        ("accepted", "new"),
        ("new", "partially_filled"),
        ("partially_filled", "partially_filled"),
        ("partially_filled", "canceled"),
        ("new", "expired"),
    ],
)
def test_moves_of_the_table_pass(current: str, following: str):
    states.require_legal(current, following)


@pytest.mark.parametrize(
    ("current", "following"), [("new", "accepted"), ("partially_filled", "new")]
)
def test_an_order_never_goes_back(current: str, following: str):
    with pytest.raises(IllegalMove):
        states.require_legal(current, following)


def test_the_diagram_in_the_docs_is_the_table():
    page = (settings.BASE_DIR / "docs" / "life-of-an-order.md").read_text()
    assert f"```mermaid\n{states.diagram()}\n```" in page
