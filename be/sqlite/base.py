"""Django's backend for SQLite, with the connections of `be.server_connection`."""

from django.db.backends.sqlite3 import base

from be.server_connection import ServerConnection


class DatabaseWrapper(ServerConnection, base.DatabaseWrapper):
    pass
