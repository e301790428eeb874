"""The tables of what customers brought from other brokers, as they brought it. Append-only."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q


class TransferIn(models.Model):
    """Cash and securities that came from outside into a new account: once for each customer.

    `cents` is cash, `value_cents` what the securities were worth on arrival. `digest` is that of
    what was brought; `source` says from which kind of file it was read.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    source = models.CharField(max_length=12)
    digest = models.CharField(max_length=64)
    cents = models.BigIntegerField()
    value_cents = models.BigIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "transfers in"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(cents__gte=0, value_cents__gte=0), name="transfer_in_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"transfer in {self.pk}"


class OpeningLot(models.Model):
    """Units of one security that were acquired elsewhere, in units and cents.

    `cost_cents` is what they cost there, fees included; `value_cents` what they were worth on
    arrival. `delivery` is the reference of the journal entry that brought them, which is that of
    all lots of the security. `line` is where they were read from.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    transfer = models.ForeignKey(TransferIn, on_delete=models.PROTECT, related_name="lots")
    delivery = models.UUIDField(db_index=True)
    asset = models.CharField(max_length=24)
    units = models.BigIntegerField()
    cost_cents = models.BigIntegerField()
    value_cents = models.BigIntegerField()
    acquired_at = models.DateTimeField()
    line = models.IntegerField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(units__gt=0, cost_cents__gte=0, value_cents__gte=0),
                name="opening_lot_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.units} of {self.asset}"
