"""What the management commands of all apps share."""

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


class DatabaseCommand(BaseCommand):
    """A command that reads or writes the database, and says so when that is not prepared yet."""

    requires_migrations_checks = True

    def check_migrations(self) -> None:
        """Raises CommandError unless the database has all tables as this version knows them."""
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError("The database is not prepared. Run: manage.py migrate")
