import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Lots are kept from one read to the next; empty tables are right, and filled by reads."""

    dependencies = [
        ('portfolio', '0002_flow_values_are_append_only'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='LotFold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lot_method', models.CharField(max_length=7)),
                ('through', models.BigIntegerField()),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='FoldedSale',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('symbol', models.CharField(max_length=24)),
                ('sale_id', models.UUIDField()),
                ('sold', models.BigIntegerField(help_text='Microseconds since 1970.')),
                ('parts', models.JSONField()),
                ('fold', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='portfolio.lotfold')),
            ],
        ),
        migrations.CreateModel(
            name='FoldedPosition',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('symbol', models.CharField(max_length=24)),
                ('units', models.BigIntegerField()),
                ('cost', models.BigIntegerField(help_text='In cents.')),
                ('realized', models.BigIntegerField(help_text='In cents.')),
                ('purchases', models.BigIntegerField()),
                ('last', models.BigIntegerField(help_text='Time of the newest event, microseconds since 1970.')),
                ('complete', models.BooleanField()),
                ('fold', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='portfolio.lotfold')),
            ],
        ),
        migrations.CreateModel(
            name='FoldedLot',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('symbol', models.CharField(max_length=24)),
                ('number', models.BigIntegerField()),
                ('purchase_id', models.UUIDField()),
                ('acquired', models.BigIntegerField(help_text='Microseconds since 1970.')),
                ('units', models.BigIntegerField()),
                ('cost', models.BigIntegerField(help_text='In cents.')),
                ('units_left', models.BigIntegerField()),
                ('cost_left', models.BigIntegerField(help_text='In cents.')),
                ('rank', models.CharField(max_length=57)),
                ('fold', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='portfolio.lotfold')),
            ],
        ),
        migrations.AddConstraint(
            model_name='lotfold',
            constraint=models.UniqueConstraint(fields=('owner', 'lot_method'), name='lot_fold_once'),
        ),
        migrations.AddIndex(
            model_name='foldedsale',
            index=models.Index(fields=['fold', 'symbol', '-sale_id'], name='folded_sale_by_symbol'),
        ),
        migrations.AddConstraint(
            model_name='foldedsale',
            constraint=models.UniqueConstraint(fields=('fold', 'sale_id'), name='folded_sale_once'),
        ),
        migrations.AddConstraint(
            model_name='foldedposition',
            constraint=models.UniqueConstraint(fields=('fold', 'symbol'), name='folded_position_once'),
        ),
        migrations.AddIndex(
            model_name='foldedlot',
            index=models.Index(fields=['fold', 'symbol', '-rank', 'number'], name='folded_lot_in_order'),
        ),
        migrations.AddConstraint(
            model_name='foldedlot',
            constraint=models.UniqueConstraint(fields=('fold', 'purchase_id'), name='folded_lot_once'),
        ),
    ]
