from django.db import migrations

from be.database import immutability


class Migration(migrations.Migration):
    """The journal is corrected by new entries only; the database refuses anything else."""

    dependencies = [("banking", "0001_initial")]

    operations = [
        immutability.append_only("banking_journalentry"),
        immutability.append_only("banking_posting"),
    ]
