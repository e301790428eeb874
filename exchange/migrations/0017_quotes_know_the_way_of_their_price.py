from django.db import migrations, models


class Migration(migrations.Migration):
    """Orders that wait inside a replayed bar are met on the price's way to its next tick."""

    dependencies = [("exchange", "0016_executions_are_replaced_by_no_key")]

    operations = [
        migrations.AddField(
            model_name="quote",
            name="came_from",
            field=models.DecimalField(
                decimal_places=8,
                help_text="The price from which it came here through all between; "
                "empty after a jump.",
                max_digits=18,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="quote",
            name="low_ahead",
            field=models.DecimalField(
                decimal_places=8,
                help_text="The lowest price that the bar being replayed still goes to.",
                max_digits=18,
                null=True,
            ),
        ),
    ]
