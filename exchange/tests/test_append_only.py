"""Executions, entries and postings are written once: the database itself refuses the rest."""

from collections.abc import Iterator
from datetime import date
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction

from authentication import audit, audit_links
from banking.models import OpeningLot, TransferIn, TransferLimit
from be.database import immutability
from exchange.models import Clawback, Entitlement, Instrument
from exchange.tests import market
from exchange.tests.corporate.actions import announce_dividend

TABLES = (
    "exchange_execution",
    "exchange_entitlement",
    "exchange_clawback",
    "banking_journalentry",
    "banking_posting",
    "banking_transferin",
    "banking_openinglot",
    "banking_transferlimit",
    "portfolio_flowvalue",
    "authentication_auditevent",
    "authentication_auditlink",
)
PRIMARY_KEYS = {"authentication_auditlink": "sequence"}
REWRITES = {
    "UPDATE": "UPDATE {table} SET {id} = {id}",
    "DELETE": "DELETE FROM {table}",
    "DELETE one": "DELETE FROM {table} WHERE {id} = (SELECT min({id}) FROM {table})",
    "upsert": "INSERT INTO {table} SELECT * FROM {table} WHERE true "
    "ON CONFLICT ({id}) DO UPDATE SET {id} = excluded.{id}",
    "TRUNCATE": "SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE {table} CASCADE",
    "REPLACE": "REPLACE INTO {table} SELECT * FROM {table}",
}
ONLY = {"TRUNCATE": "postgresql", "REPLACE": "sqlite", "DELETE one": "sqlite"}


@pytest.fixture
def traded(aapl: Instrument) -> None:
    """Each of the tables has rows."""
    alice = market.make_customer()
    market.place(alice)
    transfer = TransferIn.objects.create(
        id=uuid4(),
        owner=alice,
        source="csv",
        digest="0" * 64,
        cents=1,
        value_cents=1,
        created_at=market.NOW,
    )
    TransferLimit.objects.create(
        id=uuid4(), owner=alice, type="deposit", set_by=alice, set_at=market.NOW, reason="r"
    )
    OpeningLot.objects.create(
        id=uuid4(),
        transfer=transfer,
        delivery=uuid4(),
        asset="AAPL",
        units=1,
        cost_cents=1,
        value_cents=1,
        acquired_at=market.NOW,
        line=1,
    )
    dividend = announce_dividend(aapl, "1", ex_date=date(2026, 3, 2), payable_date=date(2026, 3, 9))
    entitlement = Entitlement.objects.create(
        id=uuid4(),
        action=dividend,
        owner=alice,
        units=1,
        units_after=1,
        cents=1,
        carried_out_at=market.NOW,
    )
    Clawback.objects.create(
        id=uuid4(), entitlement=entitlement, cents=1, charged_cents=0, taken_at=market.NOW
    )
    audit.record("frozen", actor=None, subject=alice, at=market.NOW)
    audit_links.link_waiting()


def rows(table: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        key = PRIMARY_KEYS.get(table, "id")
        cursor.execute(f"SELECT * FROM {table} ORDER BY {key}")  # noqa: S608 - one of TABLES
        return list(cursor.fetchall())


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("how", REWRITES)
def test_what_was_written_stays_written(traded: None, table: str, how: str):
    if ONLY.get(how, connection.vendor) != connection.vendor:
        pytest.skip(f"{how} is not of {connection.vendor}")
    before = rows(table)
    assert before
    rewrite = REWRITES[how].format(table=table, id=PRIMARY_KEYS.get(table, "id"))
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(rewrite)
    assert rows(table) == before


@pytest.fixture
def foreign_connection(is_postgresql: bool) -> Iterator[None]:
    """SQLite's own command line, say, where REPLACE deletes without firing triggers."""
    if is_postgresql:
        pytest.skip("REPLACE is of sqlite")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA recursive_triggers=OFF")
        yield
        cursor.execute("PRAGMA recursive_triggers=ON")


@pytest.mark.parametrize("table", TABLES)
def test_a_connection_that_is_not_ours_replaces_nothing(
    traded: None, foreign_connection: None, table: str
):
    """Whichever key the new row has in common with the old one."""
    before = rows(table)
    for key in immutability.unique_keys(connection, table):
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(replace_by(key, table))
        assert rows(table) == before


def replace_by(key: tuple[str, ...], table: str) -> str:
    """A REPLACE that conflicts with the first row by this key, and with no row by another key."""
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA table_info({table})")
        columns = [name for _, name, *_ in cursor.fetchall()]
    fresh = {
        column: f"'{uuid4().hex}'" if column == "id" else f"{column} + 1000"
        for other in immutability.unique_keys(connection, table)
        if other not in (key, ("rowid",))
        for column in other
        if column not in key
    }
    if key == ("rowid",):
        columns.insert(0, "rowid")
    values = ", ".join(fresh.get(column, column) for column in columns)
    return f"REPLACE INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} LIMIT 1"  # noqa: S608


def test_every_table_that_refuses_updates_refuses_the_rest(db: None, is_postgresql: bool):
    """A table that becomes append-only is guarded whole, and tested here."""
    if is_postgresql:
        pytest.skip("the same migrations make both databases")
    with connection.cursor() as cursor:
        cursor.execute("SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'")
        guards: dict[str, set[str]] = {}
        for table, name in cursor.fetchall():
            guards.setdefault(table, set()).add(name.removeprefix(table))
    assert set(guards) == set(TABLES)
    assert all(each == {"_no_update", "_no_delete", "_no_replace"} for each in guards.values())
