from django.db import migrations, models


class Migration(migrations.Migration):
    """Instruments of one class are listed from an index, in the order of their symbols."""

    dependencies = [("exchange", "0027_unfilled_orders_by_owner")]

    operations = [
        migrations.AddIndex(
            model_name="instrument",
            index=models.Index(fields=["asset_class", "symbol"], name="instrument_by_class"),
        ),
    ]
