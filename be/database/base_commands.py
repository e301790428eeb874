"""What the management commands of all apps share."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor


class PlainCommand(BaseCommand):
    """A command that answers with one line when the database is down or locked."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except (OperationalError, InterfaceError) as error:
            raise CommandError(
                f"The database does not answer ({error}). See that it runs and that no other "
                "process holds it for long, then try again."
            ) from error


class DatabaseCommand(PlainCommand):
    """A command for a migrated database; on another one it stops and says what to run."""

    requires_migrations_checks = True

    def check_migrations(self) -> None:
        """Raises CommandError unless all migrations have been applied."""
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError("The database is not prepared. Run: manage.py migrate")
