from django.db import migrations, models


class Migration(migrations.Migration):
    """Customers may leave fees out of costs; they are added up beside the sums of lots then."""

    dependencies = [("portfolio", "0008_the_newest_price_before_a_day")]

    operations = [
        migrations.AddField(
            model_name="portfoliosettings",
            name="fees_in_cost",
            field=models.BooleanField(db_default=True, default=True),
        ),
        migrations.AddField(
            model_name="foldedposition",
            name="fees",
            field=models.BigIntegerField(db_default=0, default=0, help_text="In cents."),
        ),
    ]
