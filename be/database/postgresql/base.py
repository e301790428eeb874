"""Django's backend for PostgreSQL, with the connections of be/database/connections.py."""

import select

from django.db.backends.postgresql import base

from be.database.connections import ServerConnection


class DatabaseWrapper(ServerConnection, base.DatabaseWrapper):
    def is_alive(self) -> bool:
        """An idle connection has something to read when the server has closed it."""
        if self.connection.closed:
            return False
        poll = select.poll()
        poll.register(self.connection.pgconn.socket, select.POLLIN)
        return not poll.poll(0)
