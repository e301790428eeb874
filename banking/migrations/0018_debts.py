from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """What customers owe, as a balance of its own, and the entries that pay it."""

    dependencies = [
        ('banking', '0017_unlinked_numbers_are_destroyed'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='ledgeraccount',
            name='debt',
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AlterField(
            model_name='journalentry',
            name='kind',
            field=models.CharField(choices=[('deposit', 'Deposit'), ('deposit_return', 'Deposit Return'), ('withdrawal', 'Withdrawal'), ('hold', 'Hold'), ('release', 'Release'), ('trade', 'Trade'), ('coupon', 'Coupon'), ('redemption', 'Redemption'), ('dividend', 'Dividend'), ('split', 'Split'), ('reversal', 'Reversal'), ('transfer_in', 'Transfer In'), ('delivery', 'Delivery'), ('debt_payment', 'Debt Payment')], max_length=20),
        ),
        migrations.AlterField(
            model_name='posting',
            name='bucket',
            field=models.CharField(choices=[('available', 'free to use'), ('held', 'reserved by a hold'), ('debt', 'owed, below zero')], max_length=9),
        ),
        migrations.AddIndex(
            model_name='ledgeraccount',
            index=models.Index(condition=models.Q(('debt__gt', 0)), fields=['owner'], name='ledger_account_in_debt'),
        ),
        migrations.AddConstraint(
            model_name='ledgeraccount',
            constraint=models.CheckConstraint(condition=models.Q(('debt', 0), models.Q(('asset', 'USD'), ('available', 0), ('debt__gt', 0), ('owner__isnull', False)), _connector='OR'), name='ledger_debt_is_paid_first'),
        ),
    ]
