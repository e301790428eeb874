from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("authentication", "0008_users_can_be_frozen")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="email_verified_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
