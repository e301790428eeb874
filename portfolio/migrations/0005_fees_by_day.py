from django.db import migrations, models


class Migration(migrations.Migration):
    """Daily sums have fees, and the highest posting of a day. The next migration empties them."""

    dependencies = [("portfolio", "0004_daily_movements")]

    operations = [
        migrations.AddField(
            model_name="dailymovement",
            name="fees",
            field=models.BigIntegerField(default=0),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="dailymovement",
            name="last_posting",
            field=models.BigIntegerField(null=True),
        ),
    ]
