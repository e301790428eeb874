"""A transaction that libpq begins, to cursors and after a failure, is as one of psycopg's."""

from contextlib import nullcontext

import psycopg
import pytest
from django.db import OperationalError, connection, transaction

from authentication.models import Session
from be.tests.test_server_connection import backend, elsewhere

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no libpq"),
]


def are_holdable() -> list[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT is_holdable FROM pg_cursors")
        return [row[0] for row in cursor.fetchall()]


def test_rows_that_are_read_in_pieces_may_be_locked():
    with transaction.atomic():
        assert list(Session.objects.select_for_update().iterator()) == []


@pytest.mark.parametrize("in_transaction", [True, False])
def test_a_cursor_is_kept_beyond_its_transaction_only_where_there_is_none(in_transaction: bool):
    around = transaction.atomic() if in_transaction else nullcontext()
    with around, connection.chunked_cursor() as cursor:
        cursor.execute("SELECT generate_series(1, 9)")
        assert are_holdable() == [not in_transaction]
        assert len(cursor.fetchall()) == 9


def test_a_connection_that_can_not_begin_is_replaced():
    """So whoever has met the error can clean up, as after an error within the transaction."""
    first = backend()
    elsewhere("SELECT pg_terminate_backend(%s, 10000)", first)
    with pytest.raises(OperationalError) as met, transaction.atomic():
        pytest.fail("It has begun.")
    assert isinstance(met.value.__cause__, psycopg.OperationalError)
    assert backend() != first
