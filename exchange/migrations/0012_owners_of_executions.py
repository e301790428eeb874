from django.db import migrations

from be.database import immutability


class Migration(migrations.Migration):
    """The owner of an execution is its order's."""

    dependencies = [("exchange", "0011_executions_may_have_an_owner")]

    operations = [
        immutability.allow_changes("exchange_execution"),
        migrations.RunSQL(
            "UPDATE exchange_execution SET owner_id = (SELECT owner_id FROM exchange_order "
            "WHERE exchange_order.id = exchange_execution.order_id)",
            migrations.RunSQL.noop,
        ),
        immutability.forbid_changes("exchange_execution"),
    ]
