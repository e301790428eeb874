"""The tables of NACHA files: what was sent in which file, and what came back of it."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from banking.models.bank_accounts import BankAccount
from banking.models.transactions import BankTransaction


class NachaSequence(models.Model):
    """One row: the last sequence number of a trace. Who makes a file locks it, one at a time."""

    last = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.last}"


class NachaFile(models.Model):
    """A file to the bank. Its content follows from its entries, so that it can be written again.

    `day` and `modifier` are its creation date in New York and its file id modifier. `sha256` is the
    digest of its content. `written_at` is null until it stands on the disk.
    """

    created_at = models.DateTimeField()
    day = models.DateField()
    modifier = models.CharField(max_length=1)
    effective_date = models.DateField()
    sha256 = models.CharField(max_length=64)
    written_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["day", "modifier"], name="nacha_file_once_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.day}-{self.modifier}.ach"


class NachaEntry(models.Model):
    """One entry of a file: a deposit or withdrawal, or one of the micro-deposits of an account."""

    file = models.ForeignKey(NachaFile, on_delete=models.PROTECT, related_name="entries")
    trace_number = models.CharField(max_length=15, db_index=True)
    transaction = models.OneToOneField(
        BankTransaction, on_delete=models.PROTECT, null=True, related_name="nacha_entry"
    )
    account = models.ForeignKey(BankAccount, on_delete=models.PROTECT, related_name="nacha_entries")
    micro_deposit = models.PositiveSmallIntegerField(null=True, help_text="Which one, from 0.")

    class Meta:
        verbose_name_plural = "nacha entries"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "micro_deposit"], name="nacha_micro_deposit_sent_once"
            ),
            models.CheckConstraint(
                condition=Q(transaction__isnull=True) ^ Q(micro_deposit__isnull=True),
                name="nacha_entry_is_of_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return self.trace_number


class NachaReturn(models.Model):
    """What the bank has returned of an entry; there is at most one, which is applied once."""

    entry = models.OneToOneField(NachaEntry, on_delete=models.PROTECT, related_name="returned")
    code = models.CharField(max_length=3)
    trace_number = models.CharField(max_length=15)
    received_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.code} of {self.entry_id}"
