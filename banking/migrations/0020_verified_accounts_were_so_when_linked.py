from django.db import migrations


class Migration(migrations.Migration):
    """Accounts that are verified already have been so since they were linked, as far as is known."""

    dependencies = [("banking", "0019_bank_accounts_know_when_they_were_verified")]

    operations = [
        migrations.RunSQL(
            "UPDATE banking_bankaccount SET verified_at = created_at WHERE status <> 'pending'",
            migrations.RunSQL.noop,
        )
    ]
