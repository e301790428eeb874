import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def owner(**options):
    return models.ForeignKey(
        db_index=False,
        on_delete=django.db.models.deletion.CASCADE,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
        **options,
    )


class Migration(migrations.Migration):
    """Daily sums of the ledger, empty: reads fill them."""

    dependencies = [
        ("banking", "0011_postings_know_their_time"),
        ("portfolio", "0003_lots_are_kept"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="LedgerFold",
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
                ("through", models.BigIntegerField(default=0)),
                ("latest_at", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="BankFlow",
            fields=[
                (
                    "posting",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="banking.posting",
                    ),
                ),
                ("at", models.BigIntegerField()),
                ("cents", models.BigIntegerField()),
                (
                    "entry",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="banking.journalentry",
                    ),
                ),
                ("owner", owner()),
            ],
            options={"indexes": [models.Index(fields=["owner", "at"], name="bank_flow_by_owner")]},
        ),
        migrations.CreateModel(
            name="DailyMovement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.IntegerField()),
                ("asset", models.CharField(max_length=24)),
                ("units", models.BigIntegerField()),
                ("last_at", models.BigIntegerField(null=True)),
                ("first_posting", models.BigIntegerField(null=True)),
                ("traded", models.BigIntegerField()),
                ("spent", models.BigIntegerField()),
                ("received", models.BigIntegerField()),
                ("splits", models.IntegerField()),
                ("price", models.DecimalField(decimal_places=8, max_digits=18, null=True)),
                ("price_at", models.BigIntegerField(null=True)),
                ("price_id", models.UUIDField(null=True)),
                ("owner", owner()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("owner", "day", "asset"), name="daily_movement_once"
                    )
                ]
            },
        ),
    ]
