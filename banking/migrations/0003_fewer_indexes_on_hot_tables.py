import django.db.models.deletion
from django.db import migrations, models


def without(table: str, index: str) -> migrations.RunSQL:
    """Drop an index by its name: altering the field would rebuild the table on SQLite.

    A rebuilt table loses the triggers that keep it append-only.
    """
    return migrations.RunSQL(
        f"DROP INDEX {index}", f"CREATE INDEX {index} ON {table} (account_id)"
    )


def account(related_name: str) -> models.ForeignKey:
    return models.ForeignKey(
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name=related_name,
        to="banking.ledgeraccount",
    )


class Migration(migrations.Migration):
    """Other indexes of the same tables begin with the account already."""

    dependencies = [("banking", "0002_journal_is_append_only")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                without("banking_hold", "banking_hold_account_id_2142c141"),
                without("banking_posting", "banking_posting_account_id_f02846a8"),
            ],
            state_operations=[
                migrations.AlterField("hold", "account", account("holds")),
                migrations.AlterField("posting", "account", account("postings")),
            ],
        )
    ]
