"""The tables of instruments and of the terms of bonds."""

from decimal import Decimal
from functools import cached_property
from typing import ClassVar

from django.db import models

from banking.rules.assets import Asset


class AssetClass(models.TextChoices):
    STOCK = "stock"
    ETF = "etf"
    CRYPTO = "crypto"
    BOND = "bond"


class InstrumentStatus(models.TextChoices):
    ACTIVE = "active"
    HALTED = "halted"


class Instrument(models.Model):
    """Something that is traded here.

    Quantities are shares, coins, or dollars of face value; in the database they are integers of
    the smallest unit (`scale` decimals). Prices are dollars a share or coin; a bond's is clean and
    per 100 of face value, which `price_divisor` expresses.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    symbol = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=120)
    asset_class = models.CharField(max_length=6, choices=AssetClass)
    currency = models.CharField(max_length=3, default="USD")
    scale = models.PositiveSmallIntegerField(help_text="Decimals of the smallest unit.")
    price_increment = models.DecimalField(max_digits=18, decimal_places=8)
    quantity_increment = models.DecimalField(max_digits=18, decimal_places=8)
    min_quantity = models.DecimalField(max_digits=18, decimal_places=8)
    tradable = models.BooleanField(default=True, help_text="Off for good: no new orders.")
    status = models.CharField(
        max_length=6, choices=InstrumentStatus, default=InstrumentStatus.ACTIVE
    )

    class Meta:
        ordering = ["symbol"]
        indexes: ClassVar = [
            models.Index(fields=["asset_class", "symbol"], name="instrument_by_class"),
        ]

    def __str__(self) -> str:
        return self.symbol

    @cached_property
    def asset(self) -> Asset:
        """The asset that the ledger accounts for."""
        return Asset(self.symbol, self.scale)

    @property
    def is_bond(self) -> bool:
        return self.asset_class == AssetClass.BOND

    @property
    def price_divisor(self) -> Decimal:
        """Quantity × price / price_divisor is dollars."""
        return Decimal(100) if self.is_bond else Decimal(1)


class DayCount(models.TextChoices):
    ACT_ACT = "ActAct", "actual/actual (ICMA)"
    THIRTY_360 = "30/360"


class Bond(models.Model):
    """The terms of a bond. `coupon_rate` is the annual rate as a fraction of face value."""

    instrument = models.OneToOneField(
        Instrument, primary_key=True, on_delete=models.CASCADE, related_name="bond"
    )
    coupon_rate = models.DecimalField(max_digits=9, decimal_places=6)
    issue_date = models.DateField()
    maturity_date = models.DateField()
    frequency = models.PositiveSmallIntegerField(help_text="Coupons a year; 0 for a bill.")
    day_count = models.CharField(max_length=6, choices=DayCount)
    face_value = models.DecimalField(max_digits=12, decimal_places=2)

    def __str__(self) -> str:
        return f"{self.coupon_rate:%} {self.maturity_date}"
