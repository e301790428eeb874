"""The table of deposits and withdrawals."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from banking.models.bank_accounts import BankAccount


class TransactionType(models.TextChoices):
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"


class TransactionStatus(models.TextChoices):
    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    RETURNED = "returned"


class BankTransaction(models.Model):
    """Money on its way from or to a bank. `cents` is what was asked for, in US cents.

    `due_at` is when the bank is asked next: about the settlement of a pending transaction, or the
    return of a completed one. It is null when the transaction is final, and while the rail itself
    will set it. `sent_at` is when a rail has given it to the bank, beyond recall; null while it can
    be canceled.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="bank_transactions",
        db_index=False,
    )
    account = models.ForeignKey(BankAccount, on_delete=models.PROTECT, related_name="transactions")
    type = models.CharField(max_length=10, choices=TransactionType)
    cents = models.BigIntegerField()
    status = models.CharField(max_length=10, choices=TransactionStatus)
    failure_reason = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(cents__gt=0), name="bank_transaction_positive"),
        ]
        indexes: ClassVar = [
            # What a list is filtered by: rows that it leaves out are passed over in the index.
            models.Index(
                fields=["owner", "-id", "status", "type", "account"],
                name="bank_transaction_by_owner",
            ),
            models.Index(
                fields=["due_at"], condition=Q(due_at__isnull=False), name="bank_transaction_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.pk}"
