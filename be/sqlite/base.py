"""Django's backend for SQLite, with the connections of `be.server_connection`."""

from django.db.backends.sqlite3 import base

from be.server_connection import ServerConnection


class DatabaseWrapper(ServerConnection, base.DatabaseWrapper):
    def _start_transaction_under_autocommit(self) -> None:
        """Begin as Django does, but without its cursor, unless somebody listens."""
        begin = f"BEGIN {self.transaction_mode or ''}"  # type: ignore[attr-defined]  # of Django's
        if self.is_heard:
            self.cursor().execute(begin)
            return
        with self.wrap_database_errors:
            self.connection.execute(begin)
