from django.db import migrations

from be.database import immutability


class Migration(migrations.Migration):
    """What was taken back, and what is owed, stays as it was written."""

    dependencies = [("exchange", "0020_clawbacks")]

    operations = [
        immutability.append_only("exchange_clawback"),
        immutability.never_truncated("exchange_clawback"),
        immutability.never_replaced("exchange_clawback"),
    ]
