from django.db import migrations

from be.database import immutability


class Migration(migrations.Migration):
    """SQLite's REPLACE took a row away that it met by another key than its id."""

    dependencies = [("banking", "0007_bank_transactions_by_owner")]

    operations = [
        immutability.never_replaced_by_any_key("banking_journalentry"),
        immutability.never_replaced_by_any_key("banking_posting"),
    ]
