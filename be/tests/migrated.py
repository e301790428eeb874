"""What a test of migrations calls in a server's environment, where the migrated database is."""

from datetime import timedelta
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from authentication.models import User
from exchange.tests import market
from exchange.trading import orders
from portfolio import holdings
from portfolio.rules.lots import LotMethod

HISTORY = "django_migrations"


def rows(tables: list[str]) -> dict[str, int]:
    """How many rows each table has."""
    with connection.cursor() as cursor:
        counts = {}
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608
            (counts[table],) = cursor.fetchone()
    return counts


def check_ledger() -> str:
    """What the command says; it raises when something does not agree."""
    said = StringIO()
    call_command("check_ledger", stdout=said)
    return said.getvalue()


def trade(email: str) -> dict[str, Any]:
    """All open orders are canceled; after a new round one order is filled and another rests."""
    now = market.NOW + timedelta(days=200)
    customer = User.objects.get(email=email)
    canceled = orders.cancel_all(owner_id=customer.pk, now=now)
    market.advance(market.tick("AAPL", "100.00", "100.02"), at=now)
    bought = market.place(customer, "buy", "1", now=now)
    rested = market.place(customer, "buy", "1", limit="50.00", now=now)
    found = holdings.holdings(owner_id=customer.pk, lot_method=LotMethod.FIFO, now=now)
    return {
        "canceled": len(canceled),
        "bought": str(bought.status),
        "rested": str(rested.status),
        "held": [row.instrument.symbol for row in found.results if row.cost_basis is not None],
    }


def one_at_a_time() -> list[str]:
    """Apply every migration on its own, then take each back; the tables that are left."""
    executor = MigrationExecutor(connection)
    plan = [each for each, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    for migration in plan:
        _migrate_to(migration.app_label, migration.name)
    for migration in reversed(plan):
        earlier = [name for app, name in migration.dependencies if app == migration.app_label]
        _migrate_to(migration.app_label, max(earlier, default=None))
    return [name for name in connection.introspection.table_names() if name != HISTORY]


def _migrate_to(app: str, name: str | None) -> None:
    MigrationExecutor(connection).migrate([(app, name)])
