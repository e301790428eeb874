from django.db import migrations, models


class Migration(migrations.Migration):
    """The few of many orders that ended without being filled are listed from an index of theirs."""

    dependencies = [("exchange", "0026_orders_name_their_lots")]

    operations = [
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                fields=["owner", "status", "-id"],
                condition=models.Q(status__in=["canceled", "expired", "rejected", "replaced"]),
                name="order_unfilled_by_owner",
            ),
        ),
    ]
