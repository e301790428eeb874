"""Fixtures for every test."""

import os
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from django.core.cache import cache
from django.db import connection
from django.db.backends.base.operations import BaseDatabaseOperations
from django.db.backends.postgresql.base import DatabaseWrapper as PostgreSQL
from django.db.backends.sqlite3.base import DatabaseWrapper as SQLite

from be.database import immutability
from be.kernel import request_context

# No deadlines, since the machine may be busy; in CI the same examples each time.
hypothesis.settings.register_profile("steady", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("steady")

# Not "django_db_blocker", which pytest-django gives to every test.
USES_DATABASE = frozenset({"db", "transactional_db", "django_db_setup"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what would be the same on any server; `make test-servers` leaves it to `make test`."""
    for item in items:
        uses_database = USES_DATABASE.intersection(getattr(item, "fixturenames", ()))
        needs_server = any(item.iter_markers("django_db")) or any(item.iter_markers("servers"))
        if not uses_database and not needs_server:
            item.add_marker("serverless")


APPEND_ONLY = (
    "authentication_auditevent",
    "authentication_auditlink",
    "banking_journalentry",
    "banking_posting",
    "banking_openinglot",
    "banking_transferlimit",
    "banking_transferin",
    "exchange_execution",
    "exchange_entitlement",
    "portfolio_flowvalue",
    "exchange_clawback",
)

FLUSH: dict[type[BaseDatabaseOperations], Any] = {
    database.ops_class: database.ops_class.sql_flush for database in (SQLite, PostgreSQL)
}


def _flush_sqlite(self: Any, style: Any, tables: Any, **options: Any) -> list[str]:
    """Between tests SQLite deletes all rows, which append-only tables refuse."""
    guarded = [table for table in APPEND_ONLY if table in tables]
    drop = [sql for table in guarded for sql in immutability.sqlite_drop(table)]
    create = [sql for table in guarded for sql in immutability.sqlite_create(table)]
    return [*drop, *FLUSH[SQLite.ops_class](self, style, tables, **options), *create]


def _flush_postgresql(self: Any, style: Any, tables: Any, **options: Any) -> list[str]:
    """Between tests PostgreSQL truncates tables, which append-only tables refuse as well."""
    guarded = [table for table in APPEND_ONLY if table in tables]
    disable = [f"ALTER TABLE {table} DISABLE TRIGGER {table}_no_truncate" for table in guarded]
    enable = [f"ALTER TABLE {table} ENABLE TRIGGER {table}_no_truncate" for table in guarded]
    return [*disable, *FLUSH[PostgreSQL.ops_class](self, style, tables, **options), *enable]


@pytest.fixture(scope="session", autouse=True)
def _allow_flush_between_tests() -> Iterator[None]:
    SQLite.ops_class.sql_flush = _flush_sqlite  # type: ignore[method-assign]
    PostgreSQL.ops_class.sql_flush = _flush_postgresql  # type: ignore[method-assign]
    yield
    for operations, sql_flush in FLUSH.items():
        operations.sql_flush = sql_flush  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _fast_passwords(settings: Any) -> None:
    """Argon2 is slow on purpose; tests of password hashing set it themselves."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


@pytest.fixture(autouse=True)
def _no_request() -> None:
    """No request of an earlier test is at hand."""
    request_context.begin(request_id=request_context.NO_REQUEST)


@pytest.fixture
def is_postgresql() -> bool:
    return connection.vendor == "postgresql"
