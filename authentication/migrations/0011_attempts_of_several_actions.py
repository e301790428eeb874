from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("authentication", "0010_present_users_are_verified")]

    operations = [
        migrations.AddField(
            model_name="loginattempt",
            name="action",
            field=models.CharField(default="sign_in", max_length=16),
        ),
        migrations.AddIndex(
            model_name="loginattempt",
            index=models.Index(
                fields=["action", "ip_address", "failed_at"], name="login_attempt_by_address"
            ),
        ),
    ]
