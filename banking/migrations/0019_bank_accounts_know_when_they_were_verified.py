from django.db import migrations, models


class Migration(migrations.Migration):
    """When a bank account was verified, since withdrawals may have to wait after that."""

    dependencies = [("banking", "0018_debts")]

    operations = [
        migrations.AddField(
            model_name='bankaccount',
            name='verified_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
