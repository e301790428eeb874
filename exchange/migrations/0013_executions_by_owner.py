import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from be.database import immutability


class Migration(migrations.Migration):
    """SQLite makes the table anew, which loses its triggers: they are put back."""

    dependencies = [
        ("exchange", "0012_owners_of_executions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        immutability.allow_changes("exchange_execution"),
        migrations.AlterField(
            model_name="execution",
            name="owner",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(fields=["owner", "-id"], name="execution_by_owner"),
        ),
        immutability.forbid_changes("exchange_execution"),
    ]
