from django.db import migrations, models


class Migration(migrations.Migration):
    """Orders that a list leaves out are passed over in the index."""

    dependencies = [("exchange", "0023_a_split_is_taken_back_on_its_day")]

    operations = [
        migrations.RemoveIndex(model_name="order", name="order_by_update"),
        migrations.RemoveIndex(model_name="order", name="order_by_owner"),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                fields=["owner", "-id", "updated_at", "status", "instrument", "side"],
                name="order_by_owner",
            ),
        ),
    ]
