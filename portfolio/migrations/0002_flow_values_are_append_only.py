from django.db import migrations

from be.database import immutability


class Migration(migrations.Migration):
    """What an account was worth at a flow stays what it was."""

    dependencies = [("portfolio", "0001_flow_values")]

    operations = [
        immutability.append_only("portfolio_flowvalue"),
        immutability.never_truncated("portfolio_flowvalue"),
        immutability.never_replaced("portfolio_flowvalue"),
    ]
