from django.db import migrations, models


class Migration(migrations.Migration):
    """Entries that take back a payment, and the account of what mistakes cost the house."""

    dependencies = [
        ('banking', '0008_journal_is_replaced_by_no_key'),
    ]

    operations = [
        migrations.AlterField(
            model_name='journalentry',
            name='kind',
            field=models.CharField(choices=[('deposit', 'Deposit'), ('deposit_return', 'Deposit Return'), ('withdrawal', 'Withdrawal'), ('hold', 'Hold'), ('release', 'Release'), ('trade', 'Trade'), ('coupon', 'Coupon'), ('redemption', 'Redemption'), ('dividend', 'Dividend'), ('split', 'Split'), ('reversal', 'Reversal')], max_length=20),
        ),
        migrations.AlterField(
            model_name='ledgeraccount',
            name='house',
            field=models.CharField(blank=True, choices=[('bank_clearing', 'money that came from or went to banks'), ('market', 'the market outside: who sold to and bought from our customers'), ('fees', 'trading fees earned'), ('rounding', 'fractions of a cent between buyer and seller'), ('errors', 'what mistakes cost the house until customers have paid it back')], default='', max_length=20),
        ),
    ]
