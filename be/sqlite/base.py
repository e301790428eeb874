"""Django's backend for SQLite, with connections that a thread may keep."""

from django.db.backends.sqlite3 import base

from be.kept_connection import KeptConnection


class DatabaseWrapper(KeptConnection, base.DatabaseWrapper):
    pass
