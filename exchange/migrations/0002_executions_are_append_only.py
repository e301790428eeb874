from django.db import migrations

from be.database import immutability


class Migration(migrations.Migration):
    """A fill that happened stays as it happened."""

    dependencies = [("exchange", "0001_initial")]

    operations = [immutability.append_only("exchange_execution")]
