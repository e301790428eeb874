import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """The methods that customers have chosen, and lots that are stored by them."""

    dependencies = [
        ("authentication", "0003_session_refreshed_by"),
        ("portfolio", "0006_daily_sums_are_made_again"),
    ]

    operations = [
        migrations.CreateModel(
            name="PortfolioSettings",
            fields=[
                (
                    "owner",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("version", models.PositiveIntegerField(default=0)),
                ("lot_methods", models.JSONField(default=list)),
            ],
        ),
        migrations.AlterField(
            model_name="lotfold", name="lot_method", field=models.CharField(max_length=16)
        ),
    ]
