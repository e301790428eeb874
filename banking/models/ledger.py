"""The tables of the ledger: accounts, journal entries, postings and holds."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class HouseAccount(models.TextChoices):
    """The broker's side of every movement. Its balance is the sum of its postings."""

    BANK_CLEARING = "bank_clearing", "money that came from or went to banks"
    MARKET = "market", "the market outside: who sold to and bought from our customers"
    FEES = "fees", "trading fees earned"
    ROUNDING = "rounding", "fractions of a cent between buyer and seller"
    ERRORS = "errors", "what mistakes cost the house until customers have paid it back"
    OUTSIDE = "outside", "other brokers, from where customers brought what they had"


class Bucket(models.TextChoices):
    AVAILABLE = "available", "free to use"
    HELD = "held", "reserved by a hold"
    DEBT = "debt", "owed, below zero"


class LedgerAccount(models.Model):
    """What one owner has of one asset, in the asset's smallest unit.

    A customer's account has an owner, and its balances may never be negative. `debt` is what the
    owner owes, the sum of the postings in that bucket with the sign turned; while there is some,
    nothing is available. A house account has a `house` role and no stored balance, so that
    transactions do not wait for its row.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    house = models.CharField(max_length=20, choices=HouseAccount, blank=True, default="")
    asset = models.CharField(max_length=24)
    scale = models.PositiveSmallIntegerField(help_text="Decimals of the asset's smallest unit.")
    available = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    debt = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["owner"], condition=Q(debt__gt=0), name="ledger_account_in_debt"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "asset"],
                condition=Q(owner__isnull=False),
                name="ledger_account_of_owner_once",
            ),
            models.UniqueConstraint(
                fields=["house", "asset"],
                condition=Q(owner__isnull=True),
                name="ledger_account_of_house_once",
            ),
            models.CheckConstraint(
                condition=Q(available__gte=0, held__gte=0), name="ledger_balance_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(owner__isnull=False, house="")
                | Q(owner__isnull=True, available=0, held=0) & ~Q(house=""),
                name="ledger_account_owned_or_house",
            ),
            # What comes in pays the debt first, so that nobody in debt has anything to spend.
            models.CheckConstraint(
                condition=Q(debt=0) | Q(debt__gt=0, available=0, asset="USD", owner__isnull=False),
                name="ledger_debt_is_paid_first",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.owner_id or self.house}: {self.asset}"


class EntryKind(models.TextChoices):
    DEPOSIT = "deposit"
    DEPOSIT_RETURN = "deposit_return"
    WITHDRAWAL = "withdrawal"
    HOLD = "hold"
    RELEASE = "release"
    TRADE = "trade"
    COUPON = "coupon"
    REDEMPTION = "redemption"
    DIVIDEND = "dividend"
    SPLIT = "split"
    REVERSAL = "reversal"
    TRANSFER_IN = "transfer_in"
    DELIVERY = "delivery"
    DEBT_PAYMENT = "debt_payment"
    ADJUSTMENT = "adjustment"


class JournalEntry(models.Model):
    """One movement: two or more postings that sum to zero for each asset. Never changed.

    `reference` is the bank transaction, order, trade, entitlement or transfer that caused it. A
    mistake is corrected by another entry.
    """

    kind = models.CharField(max_length=20, choices=EntryKind)
    reference = models.UUIDField(db_index=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "journal entries"

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Posting(models.Model):
    """A signed number of units that one entry adds to one bucket of one account. Never changed.

    `owner` is the account's and `created_at` the entry's, kept here to list by: a statement costs
    the same for any number of accounts, and lines of other times are passed over in an index.
    """

    entry = models.ForeignKey(JournalEntry, on_delete=models.PROTECT, related_name="postings")
    account = models.ForeignKey(
        LedgerAccount, on_delete=models.PROTECT, related_name="postings", db_index=False
    )
    # The account's key guards it; another check for each posting would be for nothing.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    bucket = models.CharField(max_length=9, choices=Bucket)
    units = models.BigIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account", "-id", "created_at"], name="posting_by_account"),
            models.Index(
                fields=["owner", "-id", "created_at"],
                condition=Q(owner__isnull=False),
                name="posting_by_owner",
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(units=0), name="posting_moves_something"),
        ]

    def __str__(self) -> str:
        return f"{self.bucket} of account {self.account_id}"


class Hold(models.Model):
    """Units reserved for one order or withdrawal: settled in parts or released, and ended once.

    `remaining` is what is still reserved; it is zero once the hold has ended. It can be zero
    before, when what is left of an order costs less than a cent.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    account = models.ForeignKey(
        LedgerAccount, on_delete=models.PROTECT, related_name="holds", db_index=False
    )
    reference = models.UUIDField(unique=True, help_text="The order or withdrawal it is for.")
    units = models.BigIntegerField()
    remaining = models.BigIntegerField()
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(units__gte=0, remaining__gte=0, remaining__lte=F("units")),
                name="hold_within_its_units",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(remaining=0), name="hold_ended_is_empty"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["account"], condition=Q(ended_at__isnull=True), name="hold_live_by_account"
            )
        ]

    def __str__(self) -> str:
        return f"for {self.reference}"
