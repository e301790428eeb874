
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Who customers say that they are, their documents, and what became of it."""

    dependencies = [
        ('authentication', '0012_outbox'),
    ]

    operations = [
        migrations.AddField(
            model_name='user',
            name='identity_verified_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.CreateModel(
            name='IdentityApplication',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('first_name', models.CharField(max_length=150)),
                ('last_name', models.CharField(max_length=150)),
                ('birth_date', models.DateField()),
                ('street', models.CharField(max_length=200)),
                ('city', models.CharField(max_length=100)),
                ('region', models.CharField(blank=True, max_length=100)),
                ('postal_code', models.CharField(max_length=20)),
                ('country', models.CharField(max_length=2)),
                ('tax_id_encrypted', models.BinaryField()),
                ('tax_id_last4', models.CharField(max_length=4)),
                ('status', models.CharField(choices=[('not_started', 'not_started'), ('submitted', 'submitted'), ('documents_required', 'documents_required'), ('approved', 'approved'), ('refused', 'refused')], max_length=20)),
                ('reason', models.CharField(blank=True, max_length=500)),
                ('documents_asked', models.JSONField(default=list)),
                ('ask_again_at', models.DateTimeField(null=True)),
                ('submitted_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField()),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='identity_applications', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'permissions': [('decide_identity', 'Can approve and refuse identities')],
            },
        ),
        migrations.CreateModel(
            name='IdentityDocument',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('passport', 'passport'), ('driving_licence', 'driving_licence'), ('identity_card', 'identity_card'), ('proof_of_address', 'proof_of_address')], max_length=20)),
                ('media_type', models.CharField(max_length=20)),
                ('size', models.PositiveIntegerField(help_text='In bytes.')),
                ('content_encrypted', models.BinaryField()),
                ('created_at', models.DateTimeField()),
                ('application', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='documents', to='authentication.identityapplication')),
            ],
        ),
        migrations.AddIndex(
            model_name='identityapplication',
            index=models.Index(fields=['user', 'id'], name='identity_by_user'),
        ),
        migrations.AddIndex(
            model_name='identityapplication',
            index=models.Index(condition=models.Q(('ask_again_at__isnull', False)), fields=['ask_again_at'], name='identity_due'),
        ),
        migrations.AddConstraint(
            model_name='identityapplication',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'refused'), _negated=True), fields=('user',), name='identity_application_open_once'),
        ),
    ]
