import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """What staff corrects in customers' accounts, and who has asked, approved and declined."""

    dependencies = [
        ("banking", "0025_adjustments_are_entries"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Correction",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                (
                    "cents",
                    models.BigIntegerField(
                        help_text="What it adds to the account; below zero: takes."
                    ),
                ),
                ("reason", models.CharField(max_length=300)),
                ("asked_at", models.DateTimeField()),
                ("carried_out_at", models.DateTimeField(null=True)),
                ("declined_at", models.DateTimeField(null=True)),
                (
                    "approved_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "declined_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="corrections",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "reverses",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reversals",
                        to="banking.correction",
                    ),
                ),
                (
                    "transaction",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="corrections",
                        to="banking.banktransaction",
                    ),
                ),
            ],
            options={
                "permissions": [("approve_correction", "Can take the second look at a correction")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("cents", 0), _negated=True),
                        name="correction_moves_something",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("transaction__isnull", True),
                            ("reverses__isnull", True),
                            _connector="OR",
                        ),
                        name="correction_reverses_one_thing",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("carried_out_at__isnull", True),
                            ("declined_at__isnull", True),
                            _connector="OR",
                        ),
                        name="correction_declined_or_carried_out",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("declined_at__isnull", True), ("transaction__isnull", False)
                        ),
                        fields=("transaction",),
                        name="correction_of_transaction_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("declined_at__isnull", True), ("reverses__isnull", False)
                        ),
                        fields=("reverses",),
                        name="correction_of_correction_once",
                    ),
                ],
            },
        ),
    ]
