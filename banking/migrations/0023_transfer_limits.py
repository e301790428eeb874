import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Limits of deposits and withdrawals of one customer."""

    dependencies = [("banking", "0022_large_withdrawals_wait"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name='TransferLimit',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('type', models.CharField(choices=[('deposit', 'Deposit'), ('withdrawal', 'Withdrawal')], max_length=10)),
                ('transaction_cents', models.BigIntegerField(blank=True, null=True)),
                ('day_cents', models.BigIntegerField(blank=True, null=True)),
                ('month_cents', models.BigIntegerField(blank=True, null=True)),
                ('set_at', models.DateTimeField()),
                ('reason', models.CharField(max_length=300)),
            ],
        ),
        migrations.AddField(
            model_name='transferlimit',
            name='owner',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='transfer_limits', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='transferlimit',
            name='set_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='transferlimit',
            index=models.Index(fields=['owner', 'type', '-id'], name='transfer_limit_newest'),
        ),
        migrations.AddConstraint(
            model_name='transferlimit',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('transaction_cents__isnull', True), ('transaction_cents__gte', 0), _connector='OR'), models.Q(('day_cents__isnull', True), ('day_cents__gte', 0), _connector='OR'), models.Q(('month_cents__isnull', True), ('month_cents__gte', 0), _connector='OR')), name='transfer_limit_not_negative'),
        ),
    ]
