from django.db import migrations, models


class Migration(migrations.Migration):
    """Days on which the exchange is closed, or closes early, though no rule says so."""

    dependencies = [("exchange", "0008_entitlements_are_append_only")]

    operations = [
        migrations.CreateModel(
            name="MarketClosure",
            fields=[
                ("day", models.DateField(primary_key=True, serialize=False)),
                (
                    "closes_at",
                    models.TimeField(
                        blank=True,
                        help_text="New York time of an early close; empty: no session.",
                        null=True,
                    ),
                ),
                ("reason", models.CharField(max_length=120)),
            ],
            options={"ordering": ["-day"]},
        ),
    ]
