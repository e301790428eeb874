"""Who is a user already goes on signing in: nobody was asked for a verified e-mail before."""

from typing import Any

from django.db import migrations
from django.db.models import F


def vouch_for_present_users(apps: Any, schema_editor: Any) -> None:
    User = apps.get_model("authentication", "User")
    User.objects.filter(email_verified_at=None).update(email_verified_at=F("date_joined"))


class Migration(migrations.Migration):
    dependencies = [("authentication", "0009_verified_email")]

    operations = [migrations.RunPython(vouch_for_present_users, migrations.RunPython.noop)]
