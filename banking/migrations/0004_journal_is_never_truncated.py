from django.db import migrations

from be.database import immutability


class Migration(migrations.Migration):
    """TRUNCATE, which fires no row triggers, is refused as well."""

    dependencies = [("banking", "0003_fewer_indexes_on_hot_tables")]

    operations = [
        immutability.never_truncated("banking_journalentry"),
        immutability.never_truncated("banking_posting"),
    ]
