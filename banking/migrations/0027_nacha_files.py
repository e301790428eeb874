
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """What goes to the bank in which file, and what comes back of it."""

    dependencies = [
        ('banking', '0026_corrections'),
    ]

    operations = [
        migrations.CreateModel(
            name='NachaSequence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('last', models.IntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='NachaFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField()),
                ('day', models.DateField()),
                ('modifier', models.CharField(max_length=1)),
                ('effective_date', models.DateField()),
                ('sha256', models.CharField(max_length=64)),
                ('written_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('day', 'modifier'), name='nacha_file_once_a_day')],
            },
        ),
        migrations.CreateModel(
            name='NachaEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('trace_number', models.CharField(db_index=True, max_length=15)),
                ('micro_deposit', models.PositiveSmallIntegerField(help_text='Which one, from 0.', null=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='nacha_entries', to='banking.bankaccount')),
                ('transaction', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='nacha_entry', to='banking.banktransaction')),
                ('file', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='banking.nachafile')),
            ],
            options={
                'verbose_name_plural': 'nacha entries',
            },
        ),
        migrations.CreateModel(
            name='NachaReturn',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=3)),
                ('trace_number', models.CharField(max_length=15)),
                ('received_at', models.DateTimeField()),
                ('entry', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='returned', to='banking.nachaentry')),
            ],
        ),
        migrations.AddConstraint(
            model_name='nachaentry',
            constraint=models.UniqueConstraint(fields=('account', 'micro_deposit'), name='nacha_micro_deposit_sent_once'),
        ),
        migrations.AddConstraint(
            model_name='nachaentry',
            constraint=models.CheckConstraint(condition=models.Q(('transaction__isnull', True), ('micro_deposit__isnull', True), _connector='XOR'), name='nacha_entry_is_of_one_thing'),
        ),
    ]
