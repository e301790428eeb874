import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from be.database import immutability


class Migration(migrations.Migration):
    """The owner of a posting is its account's."""

    dependencies = [
        ("banking", "0009_errors_account_and_reversals"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        immutability.allow_changes("banking_posting"),
        migrations.AddField(
            model_name="posting",
            name="owner",
            field=models.ForeignKey(
                null=True,
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RunSQL(
            "UPDATE banking_posting SET owner_id = (SELECT owner_id FROM banking_ledgeraccount "
            "WHERE banking_ledgeraccount.id = banking_posting.account_id)",
            migrations.RunSQL.noop,
        ),
        immutability.forbid_changes("banking_posting"),
        migrations.AddIndex(
            model_name="posting",
            index=models.Index(
                fields=["owner", "-id"],
                condition=models.Q(("owner__isnull", False)),
                name="posting_by_owner",
            ),
        ),
    ]
