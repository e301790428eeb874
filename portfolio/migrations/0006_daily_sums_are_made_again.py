from django.db import migrations


def forget(apps, schema_editor):
    for name in ("DailyMovement", "BankFlow", "LedgerFold"):
        apps.get_model("portfolio", name).objects.all().delete()


class Migration(migrations.Migration):
    """What was stored before has no fees. Reads store it again."""

    dependencies = [("portfolio", "0005_fees_by_day")]

    operations = [migrations.RunPython(forget, migrations.RunPython.noop)]
