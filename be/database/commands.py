"""What the management commands of all apps share."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor


class PlainCommand(BaseCommand):
    """A command that says in a line that the database is away or locked."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except (OperationalError, InterfaceError) as error:
            raise CommandError(
                f"The database does not answer ({error}). See that it runs and that no other "
                "process holds it for long, then try again."
            ) from error


class DatabaseCommand(PlainCommand):
    """A command that reads or writes the database, and says so when that is not prepared yet."""

    requires_migrations_checks = True

    def check_migrations(self) -> None:
        """Raises CommandError unless the database has all tables as this version knows them."""
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError("The database is not prepared. Run: manage.py migrate")
