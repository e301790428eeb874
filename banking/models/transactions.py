"""The tables of deposits and withdrawals, of the limits to them, and of their approval."""

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


class Review(models.TextChoices):
    """The approval of a large withdrawal; empty for what needs none."""

    WAITING = "waiting", "waits for two administrators"
    APPROVED = "approved"
    REJECTED = "rejected"


class BankTransaction(models.Model):
    """Money on its way from or to a bank. `cents` is what was asked for, in US cents.

    `due_at` is when the bank is asked next: about the settlement of a pending transaction, or the
    return of a completed one. It is null when the transaction is final, and while the rail itself
    will set it. `sent_at` is when a rail has given it to the bank, beyond recall; null while it can
    be canceled. `settles_on` is the day in New York on which the money moves between the banks;
    null where none will, and while a withdrawal waits for approval. Status and review move by
    `banking/rules/transfer_states.py`.
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
    review = models.CharField(max_length=10, choices=Review, blank=True, default="", db_default="")
    failure_reason = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    settles_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(cents__gt=0), name="bank_transaction_positive"),
            models.CheckConstraint(
                condition=~Q(review="waiting") | Q(type="withdrawal", status="pending"),
                name="bank_transaction_waits_while_pending",
            ),
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
            models.Index(
                fields=["id"], condition=Q(review="waiting"), name="bank_transaction_waiting"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.pk}"


class WithdrawalReview(models.Model):
    """Who has approved or rejected a large withdrawal, and why.

    One administrator proposes to approve it, another one approves it; either may reject it, with a
    reason. `rejected_by` is null where the account's debt did.
    """

    transaction = models.OneToOneField(
        BankTransaction,
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="withdrawal_review",
    )
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    proposed_at = models.DateTimeField(null=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    approved_at = models.DateTimeField(null=True)
    rejected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    rejected_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        permissions: ClassVar = [
            ("propose_withdrawal", "Can propose approval of large withdrawals"),
            ("approve_withdrawal", "Can approve large withdrawals as the second person"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(approved_at__isnull=True) | Q(rejected_at__isnull=True),
                name="withdrawal_review_decided_once",
            ),
        ]

    def __str__(self) -> str:
        return f"review of {self.transaction_id}"


class TransferLimit(models.Model):
    """Limits of one customer's deposits or withdrawals, in cents, in the place of the settings'.

    Rows are never changed: the newest of a customer and type is in force. None is what the setting
    says; zero allows nothing.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="transfer_limits",
        db_index=False,
    )
    type = models.CharField(max_length=10, choices=TransactionType)
    transaction_cents = models.BigIntegerField(null=True, blank=True)
    day_cents = models.BigIntegerField(null=True, blank=True)
    month_cents = models.BigIntegerField(null=True, blank=True)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField()
    reason = models.CharField(max_length=300)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(
                    Q(transaction_cents__isnull=True) | Q(transaction_cents__gte=0),
                    Q(day_cents__isnull=True) | Q(day_cents__gte=0),
                    Q(month_cents__isnull=True) | Q(month_cents__gte=0),
                ),
                name="transfer_limit_not_negative",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["owner", "type", "-id"], name="transfer_limit_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.type} of {self.owner_id}"
