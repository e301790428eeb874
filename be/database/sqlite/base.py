"""Django's backend for SQLite, with the connections of be/database/connections.py."""

from django.db.backends.sqlite3 import base

from be.database.connections import ServerConnection


class DatabaseWrapper(ServerConnection, base.DatabaseWrapper):
    def _start_transaction_under_autocommit(self) -> None:
        """As Django's, but without a cursor of Django's where nothing counts or logs statements."""
        begin = f"BEGIN {self.transaction_mode or ''}"  # type: ignore[attr-defined]  # of Django's
        if self.has_listeners:
            self.cursor().execute(begin)
            return
        with self.wrap_database_errors:
            self.connection.execute(begin)
