"""What accounts were worth at each deposit and withdrawal; lots and daily sums as last folded.

Lots and sums are a copy of what follows from executions and postings, kept so that a read begins
where an earlier one ended. All of a customer's together may be deleted: the next read makes them
again.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models

from banking.models import JournalEntry, Posting
from portfolio.rules.lots import RANK_DIGITS


class FlowValue(models.Model):
    """The value of an account at a deposit or withdrawal, one for each journal entry. Append-only.

    `equity_cents` is the equity just before the flow, at the quotes of that moment. `prices` are
    those of each instrument then, by symbol, as text: for one share or coin, or for 100 of a bond's
    face value.
    """

    entry = models.OneToOneField(JournalEntry, on_delete=models.PROTECT, related_name="+")
    equity_cents = models.BigIntegerField()
    prices = models.JSONField()

    def __str__(self) -> str:
        return f"{self.equity_cents} cents before entry {self.entry_id}"


class PortfolioSettings(models.Model):
    """What a customer has chosen: `lot_methods` are [day, method] of each change, by day.

    `version` counts these changes. Without `fees_in_cost`, costs and proceeds leave fees out.
    """

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    version = models.PositiveIntegerField(default=0)
    lot_methods = models.JSONField(default=list)
    fees_in_cost = models.BooleanField(default=True, db_default=True)

    def __str__(self) -> str:
        return f"version {self.version} of {self.owner_id}"


class LotFold(models.Model):
    """One customer's lots by one method, complete up to the posting `through`.

    `lot_method` is `own` and a version for those by the methods that the customer has chosen; it
    ends with `-net` if their costs leave fees out.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    lot_method = models.CharField(max_length=16)
    through = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "lot_method"], name="lot_fold_once")
        ]

    def __str__(self) -> str:
        return f"{self.lot_method} of {self.owner_id} through {self.through}"


def _fold() -> "models.ForeignKey[LotFold, LotFold]":
    # Rows are written in one transaction with the fold's; a check for each would be for nothing.
    return models.ForeignKey(
        LotFold, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )


class FoldedPosition(models.Model):
    """The sums of one instrument: `portfolio.rules.lots.Totals`."""

    fold = _fold()
    symbol = models.CharField(max_length=24)
    units = models.BigIntegerField()
    cost = models.BigIntegerField(help_text="In cents.")
    realized = models.BigIntegerField(help_text="In cents.")
    purchases = models.BigIntegerField()
    last = models.BigIntegerField(help_text="Time of the newest event, microseconds since 1970.")
    complete = models.BooleanField()
    fees = models.BigIntegerField(default=0, db_default=0, help_text="In cents.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["fold", "symbol"], name="folded_position_once")
        ]

    def __str__(self) -> str:
        return f"{self.units} of {self.symbol}"


class FoldedLot(models.Model):
    """One open lot: `portfolio.rules.lots.OpenLot`. Its execution or opening lot is `purchase_id`.

    `rank` is the cost of a unit as digits of one length, which sort as numbers do. Only lots that
    are sold by their cost have one.
    """

    fold = _fold()
    symbol = models.CharField(max_length=24)
    number = models.BigIntegerField()
    purchase_id = models.UUIDField()
    acquired = models.BigIntegerField(help_text="Microseconds since 1970.")
    units = models.BigIntegerField()
    cost = models.BigIntegerField(help_text="In cents.")
    units_left = models.BigIntegerField()
    cost_left = models.BigIntegerField(help_text="In cents.")
    rank = models.CharField(max_length=RANK_DIGITS)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["fold", "purchase_id"], name="folded_lot_once")
        ]
        indexes: ClassVar = [
            # The order of each method; the newest first is this index read backwards.
            models.Index(fields=["fold", "symbol", "-rank", "number"], name="folded_lot_in_order")
        ]

    def __str__(self) -> str:
        return f"{self.units_left} of {self.symbol}"


class FoldedSale(models.Model):
    """One sale: `portfolio.rules.lots.Sale`. Its execution or entitlement is `sale_id`.

    `parts` are lists of the values of `portfolio.rules.lots.Part`.
    """

    fold = _fold()
    symbol = models.CharField(max_length=24)
    sale_id = models.UUIDField()
    sold = models.BigIntegerField(help_text="Microseconds since 1970.")
    parts = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["fold", "sale_id"], name="folded_sale_once")]
        indexes: ClassVar = [
            models.Index(fields=["fold", "symbol", "-sale_id"], name="folded_sale_by_symbol")
        ]

    def __str__(self) -> str:
        return f"sale of {self.symbol}"


class LedgerFold(models.Model):
    """How far an owner's postings are in the daily sums: all of them up to and with `through`.

    `latest_at` is the latest time of one of these.
    """

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    through = models.BigIntegerField(default=0)
    latest_at = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.owner_id} up to posting {self.through}"


class DailyMovement(models.Model):
    """What moved in one asset of an owner on a day, added up over the postings folded so far.

    `day` counts from 1970; it is the time after a midnight, UTC, up to and at the next one. `units`
    is the net change, all buckets together; `last_at` is when the last of it was booked,
    `first_posting` and `last_posting` the lowest and the highest id of what is in it; all three are
    null where no unit has moved.

    Of a security, `traded` is in units (what was no flow), `spent` and `received` are in cents, and
    `splits` is a number, all as `day_activity` has them. `fees` are cents that trades cost; they
    are in `spent` and `received` too. `price` is that of the owner's newest trade of the day, which
    `price_at` and `price_id` name. Times are microseconds since 1970.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    day = models.IntegerField()
    asset = models.CharField(max_length=24)
    units = models.BigIntegerField()
    last_at = models.BigIntegerField(null=True)
    first_posting = models.BigIntegerField(null=True)
    last_posting = models.BigIntegerField(null=True)
    traded = models.BigIntegerField()
    spent = models.BigIntegerField()
    received = models.BigIntegerField()
    fees = models.BigIntegerField()
    splits = models.IntegerField()
    price = models.DecimalField(max_digits=18, decimal_places=8, null=True)
    price_at = models.BigIntegerField(null=True)
    price_id = models.UUIDField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "day", "asset"], name="daily_movement_once")
        ]
        indexes: ClassVar = [
            # The newest price before a day.
            models.Index(
                fields=["owner", "asset", "day"],
                condition=models.Q(price__isnull=False),
                name="daily_price_by_asset",
            )
        ]

    def __str__(self) -> str:
        return f"{self.units} of {self.asset} on day {self.day}"


class BankFlow(models.Model):
    """One posting of a deposit, a return or a withdrawal, where flows are read from."""

    posting = models.OneToOneField(
        Posting, primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    entry = models.ForeignKey(
        JournalEntry, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    at = models.BigIntegerField()
    cents = models.BigIntegerField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["owner", "at"], name="bank_flow_by_owner")]

    def __str__(self) -> str:
        return f"{self.cents} cents"
