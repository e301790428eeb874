import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Who did what, when and from where; and the links that seal it."""

    dependencies = [("authentication", "0004_second_factors")]

    operations = [
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("event", models.CharField(max_length=64)),
                ("at", models.DateTimeField()),
                ("client", models.GenericIPAddressField(null=True)),
                ("user_agent", models.CharField(max_length=255)),
                ("request_id", models.CharField(max_length=128)),
                ("before", models.JSONField(null=True)),
                ("after", models.JSONField(null=True)),
                ("details", models.JSONField()),
                (
                    "actor",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "subject",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("subject__isnull", False)),
                        fields=["subject", "id"],
                        name="audit_event_by_subject",
                    ),
                    models.Index(
                        condition=models.Q(("actor__isnull", False)),
                        fields=["actor", "id"],
                        name="audit_event_by_actor",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditLink",
            fields=[
                ("sequence", models.BigIntegerField(primary_key=True, serialize=False)),
                ("previous_hash", models.CharField(max_length=64)),
                ("hash", models.CharField(max_length=64)),
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="link",
                        to="authentication.auditevent",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="UnlinkedAuditEvent",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="authentication.auditevent",
                    ),
                ),
            ],
        ),
    ]
