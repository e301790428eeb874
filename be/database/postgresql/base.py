"""Django's backend for PostgreSQL, with the connections of be/database/connections.py."""

import select
import time
from typing import Any, ClassVar

from django.db import Error
from django.db.backends.postgresql import base
from django.db.backends.utils import debug_transaction  # type: ignore[attr-defined]  # not in the stubs

from be.database.connections import MAX_AGE_SECONDS, ServerConnection
from be.database.prepared_statements import PreparedStatements


class DatabaseWrapper(ServerConnection, base.DatabaseWrapper):
    # Of the process: attempts to connect that failed so far, and how long they are remembered.
    _failures: ClassVar[int] = 0
    _few_until: ClassVar[float] = float("-inf")

    def _may_be_kept(self) -> bool:
        return super()._may_be_kept() and not self._is_wanted()

    def _is_wanted(self) -> bool:
        """Whether other threads need the connection: they wait, or PostgreSQL refused another."""
        pool = self.pool  # type: ignore[attr-defined]  # the stubs lack it
        if pool is None:
            return False
        figures, now = pool.get_stats(), time.monotonic()
        failures = figures.get("connections_errors", 0)
        if failures > DatabaseWrapper._failures:
            DatabaseWrapper._failures = failures
            DatabaseWrapper._few_until = now + MAX_AGE_SECONDS
        return figures["requests_waiting"] > 0 or now < DatabaseWrapper._few_until

    def is_alive(self) -> bool:
        """An idle connection has something to read when the server has closed it."""
        if self.connection.closed:
            return False
        poll = select.poll()
        poll.register(self.connection.pgconn.socket, select.POLLIN)
        return not poll.poll(0)

    def _start_transaction_under_autocommit(self) -> None:
        """Begin what `atomic` opens. psycopg stays in its autocommit mode, and begins nothing.

        To leave that mode and to return to it costs psycopg more than BEGIN costs libpq.
        """
        try:
            with debug_transaction(self, "BEGIN"), self.wrap_database_errors:
                PreparedStatements.of_connection(self.connection).begin()
        except Error:
            self.close()  # as `atomic` does when it can't roll back: the next use gets another one
            raise

    def _commit(self) -> None:
        if self.connection is not None:
            with debug_transaction(self, "COMMIT"), self.wrap_database_errors:
                PreparedStatements.of_connection(self.connection).commit()

    def create_cursor(self, name: str | None = None) -> Any:
        """A named cursor lasts beyond its transaction only where there is none.

        Django asks psycopg's connection, which does not know of the transaction.
        """
        cursor: Any = super().create_cursor(name)
        if name:
            cursor._withhold = self.autocommit
        return cursor

    def _set_autocommit(self, autocommit: bool) -> None:
        if self.connection.autocommit != autocommit:
            super()._set_autocommit(autocommit)  # type: ignore[misc]  # the stubs lack it
