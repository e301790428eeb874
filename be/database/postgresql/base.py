"""Django's backend for PostgreSQL, with the connections of be/database/connections.py."""

import select

from django.db.backends.postgresql import base
from django.db.backends.utils import debug_transaction  # type: ignore[attr-defined]

from be.database.connections import ServerConnection
from be.database.prepared_statements import PreparedStatements


class DatabaseWrapper(ServerConnection, base.DatabaseWrapper):
    def _is_reusable(self) -> bool:
        return super()._is_reusable() and not self._is_wanted()

    def _is_wanted(self) -> bool:
        """Whether other threads wait for a connection, as when PostgreSQL gives out too few."""
        pool = self.pool  # type: ignore[attr-defined]  # the stubs lack it
        return pool is not None and pool.get_stats()["requests_waiting"] > 0

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
        with debug_transaction(self, "BEGIN"), self.wrap_database_errors:
            PreparedStatements.of_connection(self.connection).begin()

    def _commit(self) -> None:
        if self.connection is not None:
            with debug_transaction(self, "COMMIT"), self.wrap_database_errors:
                PreparedStatements.of_connection(self.connection).commit()

    def _set_autocommit(self, autocommit: bool) -> None:
        if self.connection.autocommit != autocommit:
            super()._set_autocommit(autocommit)  # type: ignore[misc]  # the stubs lack it
