"""Statements that are prepared and sent by libpq directly."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import (
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
    connection,
    transaction,
)
from django.test.utils import CaptureQueriesContext

from be.database import statements
from be.database.prepared_statements import MAX_STATEMENTS

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no libpq"),
]

VALUES: list[tuple[str, Any]] = [
    ("uuid", UUID(int=2**127 + 1)),
    ("text", 'a "quoted" \\ é ₿ text'),
    ("bigint", 2**63 - 1),
    ("int", 7),
    ("numeric", Decimal("123456789012345678.000000000000000001")),
    ("boolean", True),
    ("date", date(2026, 2, 28)),
    ("timestamptz", datetime(2026, 2, 28, 23, 59, 59, 123456, UTC)),
    ("uuid[]", [UUID(int=1), UUID(int=2)]),
    ("text[]", ["a,b", '"', "{}"]),
    ("text", None),
]


def names() -> list[str]:
    """What this connection has prepared."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return [row[0] for row in cursor.fetchall()]


@pytest.mark.parametrize(("kind", "value"), VALUES, ids=str)
def test_values_come_back_as_they_went(kind: str, value: Any):
    assert statements.execute(f"SELECT $1::{kind}", [value]) == [(value,)]


def test_json_comes_back_decoded():
    assert statements.execute("SELECT $1::jsonb", ['{"a": [1, "2"]}']) == [({"a": [1, "2"]},)]


@pytest.mark.parametrize(("kind", "value"), VALUES, ids=str)
def test_whoever_listens_hears_the_same(kind: str, value: Any):
    with CaptureQueriesContext(connection) as heard:
        rows = statements.execute(f"SELECT $1::{kind}", [value])
    assert rows == [(value,)]
    assert [query["sql"] for query in heard.captured_queries] == [f"SELECT $1::{kind}"]


def test_a_statement_is_prepared_once():
    sql = "SELECT 'once', $1::int"
    for number in range(5):
        assert statements.execute(sql, [number]) == [("once", number)]
    assert [name for name in names() if name == sql] == [sql]


def test_numbers_of_any_size_are_understood():
    for number in (1, 2**20, 2**40, 2**62):
        assert statements.execute("SELECT $1::bigint + 0", [number]) == [(number,)]


def test_there_are_never_too_many():
    for number in range(2 * MAX_STATEMENTS + 1):
        assert statements.execute(f"SELECT {number}", []) == [(number,)]
        assert statements.execute("SELECT 'often', $1::int", [number]) == [("often", number)]
    assert len(names()) <= MAX_STATEMENTS


def test_a_connection_has_its_statements_still_when_it_comes_from_the_pool_again():
    sql = "SELECT 'again', $1::int"
    statements.execute(sql, [0])
    own = connection.connection
    for number in range(1, settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"] + 1):
        connection.close()  # to the end of the pool's line
        assert statements.execute(sql, [number]) == [("again", number)]
        if connection.connection is own:
            break
    assert connection.connection is own
    assert [name for name in names() if name == sql] == [sql]


def test_without_a_transaction_each_statement_is_one():
    statements.execute("SELECT 1", [])
    (first,) = statements.execute("SELECT txid_current()", [])
    (second,) = statements.execute("SELECT txid_current()", [])
    assert first != second


def test_a_transaction_begins_with_its_first_statement_and_takes_all_of_them_back():
    with transaction.atomic():
        statements.execute("CREATE TABLE prepared_here (id int)", [])
        (first,) = statements.execute("SELECT txid_current()", [])
        (second,) = statements.execute("SELECT txid_current()", [])
        assert first == second
        transaction.set_rollback(True)
    with pytest.raises(ProgrammingError):
        statements.execute("SELECT id FROM prepared_here", [])


def test_a_transaction_that_ends_well_is_seen_by_others_and_another_can_follow():
    for number in (1, 2):
        with transaction.atomic():
            statements.execute("SELECT set_config('be.mark', $1, false)", [str(number)])
            (inside,) = statements.execute("SELECT txid_current()", [])
        assert statements.execute("SELECT current_setting('be.mark')", []) == [(str(number),)]
        assert statements.execute("SELECT txid_status($1)", inside) == [("committed",)]
        assert not connection.in_atomic_block


def test_what_only_the_commit_refuses_is_djangos_error_and_taken_back():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(IntegrityError), transaction.atomic():
        statements.execute("INSERT INTO late VALUES (1), (1) RETURNING id", [])
    assert statements.execute("SELECT * FROM late", []) == []
    with transaction.atomic():
        statements.execute("INSERT INTO late VALUES (1) RETURNING id", [])
    assert statements.execute("SELECT * FROM late", []) == [(1,)]


def test_a_cursor_of_djangos_is_in_the_same_transaction():
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT txid_current()")
        assert [cursor.fetchone()] == statements.execute("SELECT txid_current()", [])


def test_a_refusal_of_the_database_is_djangos_error_with_its_state():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE taken (id int PRIMARY KEY)")
    statements.execute("INSERT INTO taken VALUES ($1) RETURNING id", [1])
    with pytest.raises(IntegrityError) as refused:
        statements.execute("INSERT INTO taken VALUES ($1) RETURNING id", [1])
    assert getattr(refused.value.__cause__, "sqlstate", None) == "23505"
    assert statements.execute("INSERT INTO taken VALUES ($1) RETURNING id", [2]) == [(2,)]


def test_a_table_that_was_changed_below_costs_one_error():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE changed (id int)")
    statements.execute("SELECT * FROM changed", [])
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE changed ADD COLUMN name text DEFAULT 'new'")
        cursor.execute("INSERT INTO changed VALUES (1)")
    with pytest.raises(NotSupportedError):
        statements.execute("SELECT * FROM changed", [])
    assert statements.execute("SELECT * FROM changed", []) == [(1, "new")]


def test_statements_that_somebody_has_thrown_away_cost_one_error():
    texts = [f"SELECT 'thrown away', {number}" for number in range(3)]
    # As a new one: a connection that earlier tests have filled would make room between these.
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    connection.connection.prepared_statements = None
    for sql in texts:
        statements.execute(sql, [])
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    with pytest.raises(ProgrammingError):
        statements.execute(texts[0], [])
    assert [statements.execute(sql, [])[0][1] for sql in texts] == [0, 1, 2]
