"""Django's backend for PostgreSQL, with the connections of `be.database.connections`."""

import select

from django.db.backends.postgresql import base

from be.database.connections import ServerConnection


class DatabaseWrapper(ServerConnection, base.DatabaseWrapper):
    def is_still_there(self) -> bool:
        """A server that says something unasked says, as a rule, that it is gone."""
        if self.connection.closed:
            return False
        poll = select.poll()
        poll.register(self.connection.pgconn.socket, select.POLLIN)
        return not poll.poll(0)
