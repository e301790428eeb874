from datetime import UTC, datetime

from django.db import migrations, models

from be.database import immutability


class Migration(migrations.Migration):
    """The time of a posting is its entry's."""

    dependencies = [("banking", "0010_postings_by_owner")]

    operations = [
        immutability.allow_changes("banking_posting"),
        migrations.AddField(
            model_name="posting",
            name="created_at",
            field=models.DateTimeField(default=datetime(1970, 1, 1, tzinfo=UTC)),
            preserve_default=False,
        ),
        migrations.RunSQL(
            "UPDATE banking_posting SET created_at = (SELECT created_at FROM banking_journalentry "
            "WHERE banking_journalentry.id = banking_posting.entry_id)",
            migrations.RunSQL.noop,
        ),
        immutability.forbid_changes("banking_posting"),
    ]
