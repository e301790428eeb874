from django.db import migrations

from be.database import immutability

TABLES = ("banking_transferin", "banking_openinglot")


class Migration(migrations.Migration):
    """What a customer brought, and at which cost, stays as it was booked."""

    dependencies = [("banking", "0014_transfers_in")]

    operations = [
        step(table)
        for table in TABLES
        for step in (
            immutability.append_only,
            immutability.never_truncated,
            immutability.never_replaced,
        )
    ]
