from django.db import migrations, models


class Migration(migrations.Migration):
    """The way back takes the name from those who inherited it: it was unique before."""

    dependencies = [("exchange", "0017_quotes_know_the_way_of_their_price")]

    operations = [
        migrations.RemoveConstraint(model_name="order", name="client_order_id_once"),
        migrations.AddField(
            model_name="order",
            name="client_order_version",
            field=models.PositiveIntegerField(
                default=0, help_text="Counts the orders that took this client_order_id over."
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(
                fields=("owner", "client_order_id", "client_order_version"),
                name="client_order_id_once",
            ),
        ),
        migrations.RunSQL(
            migrations.RunSQL.noop,
            "UPDATE exchange_order SET client_order_id = NULL WHERE client_order_version > 0",
        ),
    ]
