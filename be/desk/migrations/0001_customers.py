from django.db import migrations


class Migration(migrations.Migration):
    """Customers: a view of the users, without a table."""

    initial = True

    dependencies = [("authentication", "0003_session_refreshed_by")]

    operations = [
        migrations.CreateModel(
            name="Customer",
            fields=[],
            options={
                "permissions": [
                    ("freeze_customer", "Can freeze a customer"),
                    ("unfreeze_customer", "Can unfreeze a customer"),
                ],
                "proxy": True,
                "default_permissions": ("view",),
                "indexes": [],
                "constraints": [],
            },
            bases=("authentication.user",),
        ),
    ]
