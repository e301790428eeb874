from django.db import migrations

from be.database import immutability

TABLES = ("authentication_auditevent", "authentication_auditlink")


class Migration(migrations.Migration):
    """What the audit log tells, and what seals it, stays as it was written."""

    dependencies = [("authentication", "0005_audit_log")]

    operations = [
        step(table)
        for table in TABLES
        for step in (
            immutability.append_only,
            immutability.never_truncated,
            immutability.never_replaced,
        )
    ]
