from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """One split of a day is to come at most; those that were carried out may share it."""

    dependencies = [
        ('exchange', '0022_approvals_keep_their_value'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='corporateaction',
            name='corporate_action_once',
        ),
        migrations.AddConstraint(
            model_name='corporateaction',
            constraint=models.UniqueConstraint(condition=models.Q(('reversed_at__isnull', True), models.Q(models.Q(('kind', 'split'), _negated=True), ('carried_out_at__isnull', True), _connector='OR')), fields=('instrument', 'kind', 'ex_date'), name='corporate_action_once'),
        ),
    ]
