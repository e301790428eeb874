from django.db import migrations

from be.database import immutability


class Migration(migrations.Migration):
    """What a corporate action did to a holder stays as it happened."""

    dependencies = [("exchange", "0007_corporate_actions")]

    operations = [
        immutability.append_only("exchange_entitlement"),
        immutability.never_truncated("exchange_entitlement"),
        immutability.never_replaced("exchange_entitlement"),
    ]
