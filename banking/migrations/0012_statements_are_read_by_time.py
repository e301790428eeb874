from django.db import migrations, models


class Migration(migrations.Migration):
    """Lines of other times are passed over in the index."""

    dependencies = [("banking", "0011_postings_know_their_time")]

    operations = [
        migrations.RemoveIndex(model_name="posting", name="posting_by_account"),
        migrations.RemoveIndex(model_name="posting", name="posting_by_owner"),
        migrations.AddIndex(
            model_name="posting",
            index=models.Index(fields=["account", "-id", "created_at"], name="posting_by_account"),
        ),
        migrations.AddIndex(
            model_name="posting",
            index=models.Index(
                fields=["owner", "-id", "created_at"],
                condition=models.Q(("owner__isnull", False)),
                name="posting_by_owner",
            ),
        ),
    ]
