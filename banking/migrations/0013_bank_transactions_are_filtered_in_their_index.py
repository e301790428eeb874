from django.db import migrations, models


class Migration(migrations.Migration):
    """Transactions that a list leaves out are passed over in the index."""

    dependencies = [("banking", "0012_statements_are_read_by_time")]

    operations = [
        migrations.RemoveIndex(model_name="banktransaction", name="bank_transaction_by_owner"),
        migrations.AddIndex(
            model_name="banktransaction",
            index=models.Index(
                fields=["owner", "-id", "status", "type", "account"],
                name="bank_transaction_by_owner",
            ),
        ),
    ]
