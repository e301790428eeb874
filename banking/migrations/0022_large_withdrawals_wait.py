import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Large withdrawals wait for the approval of two administrators."""

    dependencies = [("banking", "0021_transactions_have_settlement_dates"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name='WithdrawalReview',
            fields=[
                ('transaction', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='withdrawal_review', serialize=False, to='banking.banktransaction')),
                ('proposed_at', models.DateTimeField(null=True)),
                ('approved_at', models.DateTimeField(null=True)),
                ('rejected_at', models.DateTimeField(null=True)),
                ('reason', models.CharField(blank=True, max_length=300)),
            ],
            options={
                'permissions': [('propose_withdrawal', 'Can propose approval of large withdrawals'), ('approve_withdrawal', 'Can approve large withdrawals as the second person')],
            },
        ),
        migrations.AddField(
            model_name='banktransaction',
            name='review',
            field=models.CharField(blank=True, choices=[('waiting', 'waits for two administrators'), ('approved', 'Approved'), ('rejected', 'Rejected')], db_default='', default='', max_length=10),
        ),
        migrations.AddIndex(
            model_name='banktransaction',
            index=models.Index(condition=models.Q(('review', 'waiting')), fields=['id'], name='bank_transaction_waiting'),
        ),
        migrations.AddConstraint(
            model_name='banktransaction',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('review', 'waiting'), _negated=True), models.Q(('status', 'pending'), ('type', 'withdrawal')), _connector='OR'), name='bank_transaction_waits_while_pending'),
        ),
        migrations.AddField(
            model_name='withdrawalreview',
            name='approved_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='withdrawalreview',
            name='proposed_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='withdrawalreview',
            name='rejected_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='withdrawalreview',
            constraint=models.CheckConstraint(condition=models.Q(('approved_at__isnull', True), ('rejected_at__isnull', True), _connector='OR'), name='withdrawal_review_decided_once'),
        ),
    ]
