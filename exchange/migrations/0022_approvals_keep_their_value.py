from django.db import migrations, models


class Migration(migrations.Migration):
    """What an approval was given for, so that it can be told when an action has outgrown it."""

    dependencies = [
        ('exchange', '0021_clawbacks_are_append_only'),
    ]

    operations = [
        migrations.AddField(
            model_name='corporateaction',
            name='approved_value',
            field=models.DecimalField(decimal_places=2, editable=False, max_digits=30, null=True, verbose_name='approved up to (USD)'),
        ),
        migrations.AlterField(
            model_name='corporateaction',
            name='failure',
            field=models.CharField(blank=True, editable=False, max_length=300, verbose_name='what is in the way'),
        ),
    ]
