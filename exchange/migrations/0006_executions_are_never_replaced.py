from django.db import migrations

from be.database import immutability


class Migration(migrations.Migration):
    """REPLACE, which fires no triggers on most connections to SQLite, is refused as well."""

    dependencies = [("exchange", "0005_executions_are_never_truncated")]

    operations = [immutability.never_replaced("exchange_execution")]
