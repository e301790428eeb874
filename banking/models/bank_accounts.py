"""The table of customers' links to accounts at banks."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class AccountType(models.TextChoices):
    CHECKING = "checking"
    SAVINGS = "savings"


class BankAccountStatus(models.TextChoices):
    PENDING = "pending", "waits for the micro-deposit amounts"
    VERIFIED = "verified"
    UNLINKED = "unlinked"


class BankAccount(models.Model):
    """A customer's account at a bank. Its number is stored encrypted and never shown again."""

    id = models.UUIDField(primary_key=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="bank_accounts"
    )
    account_holder = models.CharField(max_length=150)
    bank_name = models.CharField(max_length=150)
    account_type = models.CharField(max_length=10, choices=AccountType)
    account_number_encrypted = models.BinaryField(help_text="AES-GCM, bound to this row's id.")
    account_number_fingerprint = models.CharField(
        max_length=64, help_text="Keyed hash of routing and account number, to find duplicates."
    )
    account_number_last4 = models.CharField(max_length=4)
    routing_number = models.CharField(max_length=9)
    status = models.CharField(max_length=10, choices=BankAccountStatus)
    created_at = models.DateTimeField()
    unlinked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "account_number_fingerprint"],
                condition=~Q(status="unlinked"),
                name="bank_account_linked_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.bank_name} …{self.account_number_last4}"
