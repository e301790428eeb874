import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from be.database import immutability


class Migration(migrations.Migration):
    """SQLite makes the table anew to take the column away again, which loses its triggers."""

    dependencies = [
        ("exchange", "0010_candles_need_one_index"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        immutability.allow_changes("exchange_execution"),
        migrations.AddField(
            model_name="execution",
            name="owner",
            field=models.ForeignKey(
                null=True,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        immutability.forbid_changes("exchange_execution"),
    ]
