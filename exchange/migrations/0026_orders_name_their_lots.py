from django.db import migrations, models


class Migration(migrations.Migration):
    """An order to sell may say which lots it is taken from."""

    dependencies = [("exchange", "0025_market_data_has_revisions")]

    operations = [
        migrations.AddField(
            model_name="order",
            name="lots",
            field=models.JSONField(
                help_text="What it names: [[execution, units], ...].", null=True
            ),
        ),
    ]
