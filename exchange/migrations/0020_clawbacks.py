import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """What was taken back of an entitlement that was reversed."""

    dependencies = [
        ("exchange", "0019_corporate_actions_have_a_second_look"),
    ]

    operations = [
        migrations.CreateModel(
            name="Clawback",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("cents", models.BigIntegerField()),
                ("charged_cents", models.BigIntegerField()),
                ("taken_at", models.DateTimeField()),
                (
                    "entitlement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="clawbacks",
                        to="exchange.entitlement",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("cents__gte", 0)), name="clawback_not_negative"
                    )
                ],
            },
        ),
    ]
