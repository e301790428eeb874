from django.db import migrations, models


class Migration(migrations.Migration):
    """The newest of the owner's prices before a period is found without reading all before it."""

    dependencies = [("portfolio", "0007_customers_choose_their_lot_method")]

    operations = [
        migrations.AddIndex(
            model_name="dailymovement",
            index=models.Index(
                fields=["owner", "asset", "day"],
                condition=models.Q(price__isnull=False),
                name="daily_price_by_asset",
            ),
        ),
    ]
