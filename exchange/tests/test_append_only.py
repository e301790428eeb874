"""Executions, entries and postings are written once: the database itself refuses the rest."""

import pytest
from django.db import DatabaseError, connection, transaction

from exchange.models import Instrument
from exchange.tests import market

TABLES = ("exchange_execution", "banking_journalentry", "banking_posting")
REWRITES = {
    "UPDATE": "UPDATE {table} SET id = id",
    "DELETE": "DELETE FROM {table}",
    "DELETE one": "DELETE FROM {table} WHERE id = (SELECT min(id) FROM {table})",
    "upsert": "INSERT INTO {table} SELECT * FROM {table} WHERE true "
    "ON CONFLICT (id) DO UPDATE SET id = excluded.id",
    "TRUNCATE": "SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE {table} CASCADE",
    "REPLACE": "REPLACE INTO {table} SELECT * FROM {table}",
}
ONLY = {"TRUNCATE": "postgresql", "REPLACE": "sqlite", "DELETE one": "sqlite"}


@pytest.fixture
def traded(aapl: Instrument) -> None:
    """Each of the tables has rows."""
    market.place(market.make_customer())


def rows(table: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY id")  # noqa: S608 - one of TABLES
        return list(cursor.fetchall())


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("how", REWRITES)
def test_what_was_written_stays_written(traded: None, table: str, how: str):
    if ONLY.get(how, connection.vendor) != connection.vendor:
        pytest.skip(f"{how} is not of {connection.vendor}")
    before = rows(table)
    assert before
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(REWRITES[how].format(table=table))
    assert rows(table) == before


@pytest.mark.parametrize("table", TABLES)
def test_a_connection_that_is_not_ours_replaces_nothing(
    traded: None, table: str, is_postgresql: bool
):
    """SQLite's own command line, say, where REPLACE deletes without firing triggers."""
    if is_postgresql:
        pytest.skip("REPLACE is of sqlite")
    before = rows(table)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA recursive_triggers=OFF")
        try:
            with (
                pytest.raises(DatabaseError, match="append-only"),
                transaction.atomic(),
            ):
                cursor.execute(REWRITES["REPLACE"].format(table=table))
        finally:
            cursor.execute("PRAGMA recursive_triggers=ON")
    assert rows(table) == before
