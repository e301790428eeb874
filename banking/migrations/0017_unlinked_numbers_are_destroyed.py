from django.db import migrations
from django.db.models import Exists, F, OuterRef, Q


def destroy(apps, schema_editor):
    """As bank_accounts.destroy_unlinked_numbers: but for those that the bank is still asked about.

    Accounts that waited for micro-deposits have none stored; they are to be linked again.
    """
    accounts = apps.get_model('banking', 'BankAccount').objects
    transactions = apps.get_model('banking', 'BankTransaction').objects
    still_needed = transactions.filter(
        Q(status='pending') | Q(due_at__isnull=False), account=OuterRef('pk')
    )
    accounts.filter(status='unlinked').exclude(Exists(still_needed)).update(
        account_number_encrypted=b'', account_number_fingerprint=''
    )
    accounts.filter(status='pending').update(verification_expires_at=F('created_at'))


class Migration(migrations.Migration):
    """What was unlinked earlier loses its number, too. Back leads nowhere: they are gone."""

    dependencies = [
        ('banking', '0016_verification_is_bounded'),
    ]

    operations = [
        migrations.RunPython(destroy, migrations.RunPython.noop),
    ]
