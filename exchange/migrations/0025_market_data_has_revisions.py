from django.db import migrations, models


class Migration(migrations.Migration):
    """Changes that no round brings are counted."""

    dependencies = [("exchange", "0024_orders_are_filtered_in_their_index")]

    operations = [
        migrations.CreateModel(
            name="MarketRevision",
            fields=[
                ("name", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("count", models.BigIntegerField(default=0)),
            ],
        ),
    ]
