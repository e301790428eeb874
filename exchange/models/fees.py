"""The table of fees by asset class."""

from django.db import models

from exchange.models.instruments import AssetClass


class FeeSchedule(models.Model):
    """What trades of an asset class cost, in basis points of their value.

    An order keeps the rates that are in force when it is placed.
    """

    asset_class = models.CharField(max_length=6, choices=AssetClass, primary_key=True)
    maker_bps = models.PositiveSmallIntegerField("maker", help_text="Basis points; it rested.")
    taker_bps = models.PositiveSmallIntegerField("taker", help_text="Basis points; it met one.")

    class Meta:
        verbose_name_plural = "fee schedule"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(maker_bps__lte=1000, taker_bps__lte=1000),
                name="fee_at_most_ten_percent",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.asset_class}: {self.maker_bps}/{self.taker_bps}"
