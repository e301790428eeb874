"""What the test of a rotation beside a running server does in the server's environment."""

from django.db import transaction
from django.test import override_settings

from authentication.models import User
from banking import bank_accounts
from banking.models import BankAccount
from banking.tests.factories import BankAccountFactory


@transaction.atomic
def link_many(*, count: int, keys: str) -> None:
    """So many accounts of one customer, linked while the ring was `keys`."""
    owner = User.objects.create(email="many@example.com")
    with override_settings(BANKING_ENCRYPTION_KEY=keys):
        for number in range(count):
            BankAccountFactory.create(owner=owner, account_number=f"{600_000_000 + number}")


def left() -> int:
    """How many accounts are under an older key."""
    return bank_accounts.under_older_keys().count()


def opened_by(*, keys: str) -> int:
    """How many accounts this ring opens; one that it does not open is an error."""
    with override_settings(BANKING_ENCRYPTION_KEY=keys):
        numbers = [bank_accounts.details(each).account_number for each in BankAccount.objects.all()]
    return len(set(numbers))
