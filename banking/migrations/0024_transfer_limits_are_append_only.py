from django.db import migrations

from be.database import immutability


class Migration(migrations.Migration):
    """Who has set which limit, and why, stays: another limit is another row."""

    dependencies = [("banking", "0023_transfer_limits")]

    operations = [
        immutability.append_only("banking_transferlimit"),
        immutability.never_truncated("banking_transferlimit"),
        immutability.never_replaced("banking_transferlimit"),
    ]
