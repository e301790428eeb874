"""The tables of corporate actions, what holders got of them, and what was taken back."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from exchange.models.instruments import Instrument


class ActionKind(models.TextChoices):
    COUPON = "coupon", "interest of a bond"
    REDEMPTION = "redemption", "repayment of a bond"
    DIVIDEND = "dividend", "cash for each share"
    SPLIT = "split", "new shares for old"


def _administrator() -> "models.ForeignKey[Any, Any]":
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
    )


class CorporateAction(models.Model):
    """What an issuer does for its holders, once for each instrument, kind and date.

    A buyer on or after `ex_date` has no part in it. `amount` is in dollars: of a dividend for
    each share, of a coupon or redemption for each 100 of face value. A split gives `new_shares` for
    `old_shares`. It is carried out on `payable_date` (New York), and `carried_out_at` is set then.

    `entered_by` is the administrator who entered it, if one did. While it `awaits_approval`, and
    once it has failed (`failure` says why), nothing happens to it until an administrator decides.
    `approved_value` is its total when it was approved, in dollars. What was paid can be reversed,
    once.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, related_name="corporate_actions"
    )
    kind = models.CharField(max_length=10, choices=ActionKind)
    ex_date = models.DateField(help_text="The first day on which a buyer has no part in it.")
    payable_date = models.DateField()
    amount = models.DecimalField(
        max_digits=18,
        decimal_places=8,
        null=True,
        blank=True,
        help_text="Dollars for each share (dividend) or for 100 of face value.",
    )
    new_shares = models.PositiveIntegerField(null=True, blank=True, help_text="Of a split.")
    old_shares = models.PositiveIntegerField(null=True, blank=True, help_text="Of a split.")
    announced_at = models.DateTimeField()
    carried_out_at = models.DateTimeField(null=True, editable=False)
    entered_by = _administrator()
    awaits_approval = models.BooleanField("awaits a second look", default=False, editable=False)
    approved_by = _administrator()
    approved_at = models.DateTimeField(null=True, editable=False)
    approved_value = models.DecimalField(
        "approved up to (USD)", max_digits=30, decimal_places=2, null=True, editable=False
    )
    failed_at = models.DateTimeField(null=True, editable=False)
    failure = models.CharField("what is in the way", max_length=300, blank=True, editable=False)
    reversal_asked_by = _administrator()
    reversed_by = _administrator()
    reversed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        permissions = [
            ("approve_corporateaction", "Can take the second look at a corporate action"),
            ("reverse_corporateaction", "Can reverse what a corporate action paid"),
        ]
        constraints = [
            # A reversed action may be entered again, corrected. A split is undone by another split,
            # possibly on the same day.
            models.UniqueConstraint(
                fields=["instrument", "kind", "ex_date"],
                condition=Q(reversed_at__isnull=True)
                & (~Q(kind="split") | Q(carried_out_at__isnull=True)),
                name="corporate_action_once",
            ),
            models.CheckConstraint(
                condition=Q(payable_date__gte=models.F("ex_date")),
                name="corporate_action_pays_after_ex_date",
            ),
            # NULL > 0 is NULL, which a check constraint lets pass; so IS NOT NULL is checked too.
            models.CheckConstraint(
                condition=Q(
                    kind="split",
                    amount__isnull=True,
                    new_shares__isnull=False,
                    new_shares__gt=0,
                    old_shares__isnull=False,
                    old_shares__gt=0,
                )
                | Q(
                    kind__in=["coupon", "redemption", "dividend"],
                    amount__isnull=False,
                    amount__gt=0,
                    new_shares__isnull=True,
                    old_shares__isnull=True,
                ),
                name="corporate_action_amount_or_ratio",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["payable_date"],
                condition=Q(carried_out_at__isnull=True),
                name="corporate_action_due",
            )
        ]
        ordering = ["-ex_date", "-id"]

    def __str__(self) -> str:
        return f"{self.kind} of {self.instrument} on {self.ex_date}"

    @property
    def state(self) -> str:
        """Where it stands, in words."""
        states = {
            "reversed": self.reversed_at,
            "reversal awaits a second look": self.reversal_asked_by_id,
            "carried out": self.carried_out_at,
            "failed": self.failed_at,
            "awaits a second look": self.awaits_approval,
        }
        return next((name for name, given in states.items() if given), "to come")


class Entitlement(models.Model):
    """What one corporate action did to one holder. Never changed.

    `units` are the holding that it was calculated on, `units_after` the holding afterwards (the
    same, except for a split or a redemption); `cents` were paid. Its id is the reference of its
    journal entry.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    action = models.ForeignKey(
        CorporateAction, on_delete=models.PROTECT, related_name="entitlements"
    )
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    units = models.BigIntegerField()
    units_after = models.BigIntegerField()
    cents = models.BigIntegerField()
    carried_out_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["action", "owner"], name="entitlement_once"),
            models.CheckConstraint(
                condition=Q(units__gt=0, units_after__gte=0, cents__gte=0),
                name="entitlement_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"entitlement of {self.owner_id}"


class Clawback(models.Model):
    """What was taken back of an entitlement that was reversed. Never changed.

    `cents` came from the holder. `charged_cents` came from the house; the holder owes them. What is
    collected later is another clawback, with negative `charged_cents`: the sum of both over all
    clawbacks is what the entitlement paid. Its id is the reference of its journal entry.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    entitlement = models.ForeignKey(Entitlement, on_delete=models.PROTECT, related_name="clawbacks")
    cents = models.BigIntegerField()
    charged_cents = models.BigIntegerField()
    taken_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(cents__gte=0), name="clawback_not_negative"),
        ]

    def __str__(self) -> str:
        return f"clawback of {self.entitlement_id}"
