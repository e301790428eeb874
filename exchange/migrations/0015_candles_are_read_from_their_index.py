from django.db import migrations

KEY = "(instrument_id, interval, time)"
VALUES = "(open, high, low, close, volume)"
# An index answers alone only for pages that a vacuum has seen since they changed. The usual fifth of
# the table would be months of candles.
VACUUM = {
    "autovacuum_vacuum_scale_factor": "0.01",
    "autovacuum_vacuum_insert_scale_factor": "0.01",
}


def cover(apps, editor):
    """The candles of one symbol are a run of the index, but lie in as many pages of the table."""
    if editor.connection.vendor != "postgresql":
        return
    editor.execute("ALTER TABLE exchange_candle DROP CONSTRAINT candle_once")
    editor.execute(
        f"ALTER TABLE exchange_candle ADD CONSTRAINT candle_once UNIQUE {KEY} INCLUDE {VALUES}"
    )
    settings = ", ".join(f"{name} = {value}" for name, value in VACUUM.items())
    editor.execute(f"ALTER TABLE exchange_candle SET ({settings})")


def uncover(apps, editor):
    if editor.connection.vendor != "postgresql":
        return
    editor.execute("ALTER TABLE exchange_candle DROP CONSTRAINT candle_once")
    editor.execute(f"ALTER TABLE exchange_candle ADD CONSTRAINT candle_once UNIQUE {KEY}")
    editor.execute(f"ALTER TABLE exchange_candle RESET ({', '.join(VACUUM)})")


class Migration(migrations.Migration):
    """PostgreSQL reads candles from the index of their key, which holds all of them."""

    dependencies = [("exchange", "0014_open_orders_by_owner")]

    operations = [migrations.RunPython(cover, uncover)]
