import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Who entered, approved and reversed a corporate action, and why one has failed."""

    dependencies = [
        ('exchange', '0018_replacements_keep_their_client_order_id'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='corporateaction',
            options={'ordering': ['-ex_date', '-id'], 'permissions': [('approve_corporateaction', 'Can take the second look at a corporate action'), ('reverse_corporateaction', 'Can reverse what a corporate action paid')]},
        ),
        migrations.RemoveConstraint(
            model_name='corporateaction',
            name='corporate_action_once',
        ),
        migrations.AddField(
            model_name='corporateaction',
            name='approved_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='corporateaction',
            name='approved_by',
            field=models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='corporateaction',
            name='awaits_approval',
            field=models.BooleanField(default=False, editable=False, verbose_name='awaits a second look'),
        ),
        migrations.AddField(
            model_name='corporateaction',
            name='entered_by',
            field=models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='corporateaction',
            name='failed_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='corporateaction',
            name='failure',
            field=models.CharField(blank=True, editable=False, max_length=300, verbose_name='reason of the failure'),
        ),
        migrations.AddField(
            model_name='corporateaction',
            name='reversal_asked_by',
            field=models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='corporateaction',
            name='reversed_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='corporateaction',
            name='reversed_by',
            field=models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='corporateaction',
            constraint=models.UniqueConstraint(condition=models.Q(('reversed_at__isnull', True)), fields=('instrument', 'kind', 'ex_date'), name='corporate_action_once'),
        ),
    ]
