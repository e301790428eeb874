"""A database that an earlier commit made is migrated with all its rows, and goes on trading.

`earlier_databases/README.md` says which commits, and how their dumps were made.
"""

import gzip
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exchange.tests.server import LiveServer

DUMPS = Path(__file__).parent / "earlier_databases"
EARLIER = ("9ab6f8d", "c33f67e", "67fedc0", "197272c")
MIGRATED = "be.tests.migrated"
INSERT = re.compile(r'^INSERT INTO (?:public\.)?"?(\w+)"?', re.MULTILINE)
# What migrations themselves enter: their own names, permissions, and the fees as installed.
ENTERED = ("django_", "auth_", "sqlite_", "exchange_feeschedule")
TRADED = {"bought": "filled", "rested": "new", "held": ["AAPL", "ACME-2033", "BTC-USD"]}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def vendor(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def server(vendor: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    """An empty database, with a helper process for it; no server is started."""
    env = {}
    if vendor == "postgresql":
        env["DATABASE_URL"] = request.getfixturevalue("own_database")
    server = LiveServer(tmp_path, env=env)
    yield server
    server.close()


def load(server: LiveServer, vendor: str, dump: str) -> None:
    if vendor == "sqlite":
        database = sqlite3.connect(server.env["DATABASE_URL"].removeprefix("sqlite:///"))
        database.executescript(dump)
        database.close()
    else:
        with psycopg.connect(server.env["DATABASE_URL"]) as connection:
            connection.execute(dump.encode())


@pytest.mark.parametrize("commit", EARLIER)
def test_a_database_of_an_earlier_commit_is_migrated_and_goes_on(
    commit: str, vendor: str, server: LiveServer
):
    dump = gzip.decompress((DUMPS / f"{commit}.{vendor}.sql.gz").read_bytes()).decode()
    load(server, vendor, dump)

    server.call("exchange.tests.server:migrate")

    before = Counter(name for name in INSERT.findall(dump) if not name.startswith(ENTERED))
    assert server.call(f"{MIGRATED}:rows", tables=list(before)) == before
    assert before["banking_journalentry"] > 10
    assert before["exchange_execution"] > 5
    assert server.call(f"{MIGRATED}:check_ledger").endswith(" 0 mismatches.\n")
    traded: dict[str, Any] = server.call(f"{MIGRATED}:trade", email="alice@example.com")
    assert traded == {**TRADED, "canceled": 1 if commit == EARLIER[0] else 2}
    assert server.call(f"{MIGRATED}:check_ledger").endswith(" 0 mismatches.\n")


def test_every_migration_runs_on_its_own_and_can_be_taken_back(server: LiveServer):
    assert server.call(f"{MIGRATED}:one_at_a_time") == []
