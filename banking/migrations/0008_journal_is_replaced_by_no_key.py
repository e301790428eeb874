from django.db import migrations

from be.database import immutability


class Migration(migrations.Migration):
    """SQLite's REPLACE took a row away that it met by another key than its id."""

    dependencies = [("banking", "0007_bank_transactions_by_owner")]

    operations = [
        immutability.replaced_by_no_key("banking_journalentry"),
        immutability.replaced_by_no_key("banking_posting"),
    ]
