"""When a transaction is tried again."""

import pytest
from django.db import OperationalError

from be.database import transactions


class Conflict(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def failing(times: int, sqlstate: str):
    """A function that fails so often with a database error of this state."""
    calls = []

    @transactions.atomic
    def work() -> int:
        calls.append(1)
        if len(calls) <= times:
            raise OperationalError("conflict") from Conflict(sqlstate)
        return len(calls)

    return work, calls


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_deadlocks_and_serialisation_failures_are_tried_again(sqlstate: str):
    work, _ = failing(3, sqlstate)
    assert work() == 4


@pytest.mark.django_db(transaction=True)
def test_it_gives_up_after_a_while():
    work, calls = failing(100, "40P01")
    with pytest.raises(OperationalError):
        work()
    assert len(calls) == transactions.ATTEMPTS


@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_is_not_tried_again():
    work, calls = failing(1, "08006")
    with pytest.raises(OperationalError):
        work()
    assert len(calls) == 1


@pytest.mark.django_db
def test_inside_another_transaction_only_the_outer_one_can_start_over():
    work, calls = failing(1, "40001")
    with pytest.raises(OperationalError):
        work()
    assert len(calls) == 1
