"""The tables of customers' links to accounts at banks, and of their tries to verify them."""

from typing import ClassVar

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
    """A customer's account at a bank. Its number is stored encrypted and never shown again.

    Ciphertext and fingerprint are emptied when the account is unlinked and no transaction needs the
    number any more (`bank_accounts.destroy_unlinked_numbers`); the row stays.
    """

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
    # What was sent to prove who owns the account; null when nothing had to be proved.
    micro_deposits_encrypted = models.BinaryField(
        null=True, help_text="AES-GCM, bound to this row's id."
    )
    wrong_tries = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Wrong amounts that were sent to verify the account."
    )
    verification_expires_at = models.DateTimeField(null=True, blank=True)
    rail = models.CharField(
        max_length=10,
        default="sandbox",
        db_default="sandbox",
        help_text="The rail that has verified the account, or sends its micro-deposits.",
    )
    account_number_last4 = models.CharField(max_length=4)
    routing_number = models.CharField(max_length=9)
    status = models.CharField(max_length=10, choices=BankAccountStatus)
    created_at = models.DateTimeField()
    verified_at = models.DateTimeField(null=True, blank=True)
    unlinked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "account_number_fingerprint"],
                condition=~Q(status="unlinked"),
                name="bank_account_linked_once",
            )
        ]
        indexes: ClassVar = [
            # Who else has linked the same account. Emptied ones are alike and tell nothing.
            models.Index(
                fields=["account_number_fingerprint"],
                condition=~Q(account_number_fingerprint=""),
                name="bank_account_by_fingerprint",
            )
        ]

    def __str__(self) -> str:
        return f"{self.bank_name} …{self.account_number_last4}"


class VerificationDay(models.Model):
    """What a customer has done in one day (UTC) to verify bank accounts; a new day starts anew.

    Tries are counted for the customer, too: who unlinks an account and links it again has new tries
    for it.
    """

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="+",
    )
    day = models.DateField()
    wrong_tries = models.PositiveSmallIntegerField(default=0)
    started = models.PositiveSmallIntegerField(
        default=0, help_text="Accounts to which micro-deposits are sent."
    )

    def __str__(self) -> str:
        return f"{self.owner_id} on {self.day}"
