from django.db import migrations

from be.database import immutability


class Migration(migrations.Migration):
    """TRUNCATE, which fires no row triggers, is refused as well."""

    dependencies = [("exchange", "0004_default_fees")]

    operations = [immutability.never_truncated("exchange_execution")]
