from django.db import migrations, models


class Migration(migrations.Migration):
    """Since when a user may not trade or move money."""

    dependencies = [("authentication", "0007_api_key")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="frozen_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
