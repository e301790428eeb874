from django.db import migrations, models


class Migration(migrations.Migration):
    """The day on which the money of a deposit or withdrawal moves between the banks."""

    dependencies = [("banking", "0020_verified_accounts_were_so_when_linked")]

    operations = [
        migrations.AddField(
            model_name='banktransaction',
            name='settles_on',
            field=models.DateField(blank=True, null=True),
        ),
    ]
