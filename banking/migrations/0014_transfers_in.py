import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """What customers bring from other brokers, and the kinds of entries that bring it."""

    dependencies = [
        ('banking', '0013_bank_transactions_are_filtered_in_their_index'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='journalentry',
            name='kind',
            field=models.CharField(choices=[('deposit', 'Deposit'), ('deposit_return', 'Deposit Return'), ('withdrawal', 'Withdrawal'), ('hold', 'Hold'), ('release', 'Release'), ('trade', 'Trade'), ('coupon', 'Coupon'), ('redemption', 'Redemption'), ('dividend', 'Dividend'), ('split', 'Split'), ('reversal', 'Reversal'), ('transfer_in', 'Transfer In'), ('delivery', 'Delivery')], max_length=20),
        ),
        migrations.AlterField(
            model_name='ledgeraccount',
            name='house',
            field=models.CharField(blank=True, choices=[('bank_clearing', 'money that came from or went to banks'), ('market', 'the market outside: who sold to and bought from our customers'), ('fees', 'trading fees earned'), ('rounding', 'fractions of a cent between buyer and seller'), ('errors', 'what mistakes cost the house until customers have paid it back'), ('outside', 'other brokers, from where customers brought what they had')], default='', max_length=20),
        ),
        migrations.CreateModel(
            name='TransferIn',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('source', models.CharField(max_length=12)),
                ('digest', models.CharField(max_length=64)),
                ('cents', models.BigIntegerField()),
                ('value_cents', models.BigIntegerField()),
                ('created_at', models.DateTimeField()),
                ('owner', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'transfers in',
            },
        ),
        migrations.CreateModel(
            name='OpeningLot',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('delivery', models.UUIDField(db_index=True)),
                ('asset', models.CharField(max_length=24)),
                ('units', models.BigIntegerField()),
                ('cost_cents', models.BigIntegerField()),
                ('value_cents', models.BigIntegerField()),
                ('acquired_at', models.DateTimeField()),
                ('line', models.IntegerField()),
                ('transfer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='lots', to='banking.transferin')),
            ],
        ),
        migrations.AddConstraint(
            model_name='transferin',
            constraint=models.CheckConstraint(condition=models.Q(('cents__gte', 0), ('value_cents__gte', 0)), name='transfer_in_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='openinglot',
            constraint=models.CheckConstraint(condition=models.Q(('cost_cents__gte', 0), ('units__gt', 0), ('value_cents__gte', 0)), name='opening_lot_not_negative'),
        ),
    ]
