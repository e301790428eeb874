"""A server's database connections: kept between requests, and without a log of queries."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import (
    IntegrityError,
    OperationalError,
    ProgrammingError,
    close_old_connections,
    connection,
    reset_queries,
)
from django.test.utils import CaptureQueriesContext

from authentication.models import Session
from be.database import statements
from be.database.connections import MAX_AGE_SECONDS

pytestmark = pytest.mark.django_db(transaction=True)
servers_may_go = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has no server"
)


@pytest.fixture
def keeps() -> Iterator[None]:
    """This thread is like one that answers requests."""
    own: Any = connection
    close_old_connections()
    own.stays_open = True
    yield
    own.stays_open = False
    close_old_connections()


def ask() -> Any:
    """Something of the database; the connection that answered."""
    assert statements.query("SELECT 1", ()) == [(1,)]
    return connection.connection


def backend() -> int:
    """Which process of PostgreSQL answers this thread."""
    (row,) = statements.query("SELECT pg_backend_pid()", ())
    return int(row[0])


def end_request() -> None:
    close_old_connections()


def elsewhere(sql: str, *values: Any) -> None:
    """Run a statement on another connection, which is given back afterwards."""

    def run() -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
        connection.close()

    with ThreadPoolExecutor(1) as other:
        other.submit(run).result()


def test_others_give_theirs_back():
    ask()
    end_request()
    assert connection.connection is None


@pytest.mark.usefixtures("keeps")
def test_the_next_request_has_the_same_connection():
    first = ask()
    end_request()
    assert connection.connection is first
    assert ask() is first


@servers_may_go
@pytest.mark.usefixtures("keeps")
def test_one_that_the_server_has_closed_costs_no_request():
    first = backend()
    elsewhere("SELECT pg_terminate_backend(%s, 10000)", first)
    end_request()
    assert backend() != first


@pytest.mark.usefixtures("keeps")
def test_one_that_has_met_an_error_goes_back():
    with pytest.raises((ProgrammingError, OperationalError)):
        statements.query("SELECT nonsense", ())
    end_request()
    assert connection.connection is None


@pytest.mark.usefixtures("keeps")
def test_one_that_has_only_refused_a_value_is_kept():
    first = ask()
    with pytest.raises(IntegrityError):
        statements.query("INSERT INTO authentication_session (id) VALUES (NULL) RETURNING id", ())
    end_request()
    assert connection.connection is first


@pytest.mark.usefixtures("keeps")
def test_one_whose_transaction_was_never_ended_goes_back():
    connection.set_autocommit(False)
    ask()
    end_request()
    assert connection.connection is None


@pytest.mark.usefixtures("keeps")
def test_after_some_time_it_goes_back(monkeypatch: pytest.MonkeyPatch):
    ask()
    assert connection.close_at is not None
    monkeypatch.setattr(connection, "close_at", connection.close_at - MAX_AGE_SECONDS)
    end_request()
    assert connection.connection is None


@servers_may_go
@pytest.mark.usefixtures("keeps")
def test_one_that_is_lost_within_a_request_is_an_operational_error_and_then_replaced():
    first = backend()
    elsewhere("SELECT pg_terminate_backend(%s, 10000)", first)
    with pytest.raises(OperationalError):
        backend()
    end_request()
    assert backend() != first


@servers_may_go
@pytest.mark.usefixtures("keeps")
def test_one_that_was_closed_by_our_side_is_replaced():
    first = ask()
    first.close()
    end_request()
    assert ask() is not first


# Notes of what was asked --------------------------------------------------------------------------


def remembered() -> list[str]:
    return [query["sql"] for query in connection.queries]


def test_in_development_no_statement_is_remembered(settings: Any):
    settings.DEBUG = True
    reset_queries()
    ask()
    list(Session.objects.all())
    assert remembered() == []


def test_who_wants_to_see_statements_does(settings: Any, caplog: pytest.LogCaptureFixture):
    settings.DEBUG = True
    reset_queries()
    with caplog.at_level(logging.DEBUG, "django.db.backends"):
        ask()
    assert remembered() == ["SELECT 1"]
    assert "SELECT 1" in caplog.text
    reset_queries()


def test_who_counts_statements_counts_them():
    with CaptureQueriesContext(connection) as counted:
        ask()
    assert [query["sql"] for query in counted] == ["SELECT 1"]
