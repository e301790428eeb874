import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Accounts are valued when money comes or goes. Older flows have no value, and get none."""

    initial = True

    dependencies = [("banking", "0008_journal_is_replaced_by_no_key")]

    operations = [
        migrations.CreateModel(
            name="FlowValue",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("equity_cents", models.BigIntegerField()),
                ("prices", models.JSONField()),
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="banking.journalentry",
                    ),
                ),
            ],
        ),
    ]
