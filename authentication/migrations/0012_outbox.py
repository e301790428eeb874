import authentication.models.users
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("authentication", "0011_attempts_of_several_actions")]

    operations = [
        migrations.CreateModel(
            name="OutgoingMail",
            fields=[
                ("id", models.UUIDField(default=authentication.models.users.new_id, editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=32)),
                ("address", models.EmailField(max_length=254)),
                ("user_id", models.UUIDField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
                ("due_at", models.DateTimeField(db_index=True)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
            ],
        ),
    ]
