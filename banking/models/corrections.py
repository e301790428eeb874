"""The table of what staff has corrected in customers' accounts, and why."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from banking.models.transactions import BankTransaction


class Correction(models.Model):
    """A mistake in a customer's account that staff corrects by another entry; nothing is edited.

    It reverses what a bank transaction has posted, or an earlier adjustment (`reverses`), or is an
    adjustment: `cents` come into the account, or go out of it, and the house's errors account has
    the other side. A large one waits until a second administrator has approved it. The id of an
    adjustment is the reference of its journal entry; what reverses a bank transaction has that of
    the transaction.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="corrections"
    )
    transaction = models.ForeignKey(
        BankTransaction, null=True, on_delete=models.PROTECT, related_name="corrections"
    )
    reverses = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="reversals"
    )
    cents = models.BigIntegerField(help_text="What it adds to the account; below zero: takes.")
    reason = models.CharField(max_length=300)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    asked_at = models.DateTimeField()
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    carried_out_at = models.DateTimeField(null=True)
    declined_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    declined_at = models.DateTimeField(null=True)

    class Meta:
        permissions = [("approve_correction", "Can take the second look at a correction")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(cents=0), name="correction_moves_something"),
            models.CheckConstraint(
                condition=Q(transaction__isnull=True) | Q(reverses__isnull=True),
                name="correction_reverses_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(carried_out_at__isnull=True) | Q(declined_at__isnull=True),
                name="correction_declined_or_carried_out",
            ),
            models.UniqueConstraint(
                fields=["transaction"],
                condition=Q(transaction__isnull=False, declined_at__isnull=True),
                name="correction_of_transaction_once",
            ),
            models.UniqueConstraint(
                fields=["reverses"],
                condition=Q(reverses__isnull=False, declined_at__isnull=True),
                name="correction_of_correction_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def kind(self) -> str:
        """What it is, in words."""
        if self.transaction_id is not None:
            return "reversal of a bank transaction"
        return "adjustment" if self.reverses_id is None else "reversal of an adjustment"

    @property
    def state(self) -> str:
        """Where it stands, in words."""
        if self.declined_at is not None:
            return "declined"
        return "awaits a second look" if self.carried_out_at is None else "carried out"
