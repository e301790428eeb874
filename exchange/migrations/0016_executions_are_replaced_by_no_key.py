from django.db import migrations

from be.database import immutability


class Migration(migrations.Migration):
    """SQLite's REPLACE took a row away that it met by another key than its id."""

    dependencies = [("exchange", "0015_candles_are_read_from_their_index")]

    operations = [
        immutability.never_replaced_by_any_key("exchange_execution"),
        immutability.never_replaced_by_any_key("exchange_entitlement"),
    ]
