from django.db import migrations

# Basis points, maker and taker.
DEFAULTS = {"stock": (0, 0), "etf": (0, 0), "bond": (0, 0), "crypto": (15, 25)}


def enter(apps, schema_editor):
    FeeSchedule = apps.get_model("exchange", "FeeSchedule")
    for asset_class, (maker, taker) in DEFAULTS.items():
        FeeSchedule.objects.get_or_create(
            asset_class=asset_class, defaults={"maker_bps": maker, "taker_bps": taker}
        )


class Migration(migrations.Migration):
    """The fees that were fixed in the code until now."""

    dependencies = [("exchange", "0003_stops_brackets_and_fees")]

    operations = [migrations.RunPython(enter, migrations.RunPython.noop)]
