from django.db import migrations, models


class Migration(migrations.Migration):
    """Adjustments: entries between the house's errors account and a customer."""

    dependencies = [("banking", "0024_transfer_limits_are_append_only")]

    operations = [
        migrations.AlterField(
            model_name="journalentry",
            name="kind",
            field=models.CharField(
                choices=[
                    ("deposit", "Deposit"),
                    ("deposit_return", "Deposit Return"),
                    ("withdrawal", "Withdrawal"),
                    ("hold", "Hold"),
                    ("release", "Release"),
                    ("trade", "Trade"),
                    ("coupon", "Coupon"),
                    ("redemption", "Redemption"),
                    ("dividend", "Dividend"),
                    ("split", "Split"),
                    ("reversal", "Reversal"),
                    ("transfer_in", "Transfer In"),
                    ("delivery", "Delivery"),
                    ("debt_payment", "Debt Payment"),
                    ("adjustment", "Adjustment"),
                ],
                max_length=20,
            ),
        ),
    ]
