"""The tables of orders, their executions, and the numbers of owners' updates."""

from decimal import Decimal
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from exchange.models.instruments import Instrument


class Side(models.TextChoices):
    BUY = "buy"
    SELL = "sell"


class OrderType(models.TextChoices):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop", "a market order once the stop price has traded"
    STOP_LIMIT = "stop_limit", "a limit order once the stop price has traded"
    TRAILING_STOP = "trailing_stop", "a stop that follows the market at a distance"


STOP_TYPES: tuple[str, ...] = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP)
LIMIT_TYPES: tuple[str, ...] = (OrderType.LIMIT, OrderType.STOP_LIMIT)


class OrderClass(models.TextChoices):
    """How an order is tied to others; rules: `exchange/trading/settlement/lifecycle.py`."""

    SIMPLE = "simple"
    BRACKET = "bracket", "an entry with a take-profit and a stop-loss"
    OCO = "oco", "a take-profit and a stop-loss, one cancels the other"
    OTO = "oto", "an entry that triggers one exit"


class TimeInForce(models.TextChoices):
    DAY = "day"
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"


class OrderStatus(models.TextChoices):
    """The table of legal moves between them is in `exchange.trading.rules.states`."""

    ACCEPTED = "accepted", "waits for a fresh quote or for the market to open"
    NEW = "new", "working"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    REPLACED = "replaced"
    HELD = "held", "a leg that waits for its entry"


OPEN_STATUSES: tuple[str, ...] = (
    OrderStatus.ACCEPTED,
    OrderStatus.NEW,
    OrderStatus.PARTIALLY_FILLED,
    OrderStatus.HELD,
)

# The ones that rest in the book, where others trade with them; a stop waits there `armed`.
WORKING_STATUSES: tuple[str, ...] = (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


class Order(models.Model):
    """An instruction to buy or sell.

    `quantity` and `filled_quantity` are units of the instrument; `notional_cents` is set instead
    of a quantity given by the customer, for market orders sized at the quote. `collar_price` is
    the worst price that a market order may trade at. Fee rates are frozen when it is placed.

    A `client_order_id` is unique among an owner's orders, with its version: a new order has version
    0, and one that replaces it keeps the name in the next version.

    An `armed` order waits for its stop price and is not in the book. A trailing stop's
    `stop_price` follows `peak_price`, the best price for its owner since it was placed.

    `lots` are those that a sale is to be taken from (`exchange.trading.rules.naming`); null leaves
    that to the owner's lot method. They sum to `quantity`, also after a split.

    `parent` is the order that a leg belongs to. Orders with the same `pair_id` cancel each other
    and share one hold, whose reference is the pair's id.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="orders", db_index=False
    )
    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, related_name="orders", db_index=False
    )
    client_order_id = models.CharField(max_length=128, null=True)  # noqa: DJ001 - unique if given
    client_order_version = models.PositiveIntegerField(
        default=0, help_text="Counts the orders that took this client_order_id over."
    )
    side = models.CharField(max_length=4, choices=Side)
    order_type = models.CharField(max_length=16, choices=OrderType)
    time_in_force = models.CharField(max_length=3, choices=TimeInForce)
    quantity = models.BigIntegerField(null=True, help_text="Units; null until a notional is sized.")
    notional_cents = models.BigIntegerField(null=True)
    limit_price = models.DecimalField(max_digits=18, decimal_places=8, null=True)
    collar_price = models.DecimalField(max_digits=18, decimal_places=8, null=True)
    stop_price = models.DecimalField(max_digits=18, decimal_places=8, null=True)
    trail_amount = models.DecimalField(max_digits=18, decimal_places=8, null=True)
    trail_percent = models.DecimalField(max_digits=6, decimal_places=4, null=True)
    peak_price = models.DecimalField(max_digits=18, decimal_places=8, null=True)
    armed = models.BooleanField(default=False, help_text="Waits for its stop price.")
    order_class = models.CharField(max_length=7, choices=OrderClass, default=OrderClass.SIMPLE)
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="legs", db_index=False
    )
    pair_id = models.UUIDField(null=True)
    replaces = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    replaced_by = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    lots = models.JSONField(null=True, help_text="What it names: [[execution, units], ...].")
    maker_fee_bps = models.PositiveSmallIntegerField(default=0)
    taker_fee_bps = models.PositiveSmallIntegerField(default=0)
    status = models.CharField(max_length=16, choices=OrderStatus)
    filled_quantity = models.BigIntegerField(default=0)
    reject_reason = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    filled_at = models.DateTimeField(null=True)
    canceled_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "client_order_id", "client_order_version"],
                name="client_order_id_once",
            ),
            models.CheckConstraint(
                condition=Q(quantity__isnull=True) | Q(quantity__gt=0), name="order_positive"
            ),
            models.CheckConstraint(
                condition=Q(filled_quantity=0)
                | Q(filled_quantity__gt=0, filled_quantity__lte=F("quantity")),
                name="order_never_overfilled",
            ),
            models.CheckConstraint(
                condition=Q(order_type__in=["limit", "stop_limit"], limit_price__gt=0)
                | Q(order_type__in=["market", "stop", "trailing_stop"], limit_price__isnull=True),
                name="order_limit_price_iff_limit",
            ),
            models.CheckConstraint(
                condition=Q(
                    order_type__in=["stop", "stop_limit", "trailing_stop"], stop_price__gt=0
                )
                | Q(order_type__in=["market", "limit"], stop_price__isnull=True, armed=False),
                name="order_stop_price_iff_stop",
            ),
            models.CheckConstraint(
                condition=Q(quantity__isnull=False) | Q(notional_cents__gt=0),
                name="order_quantity_or_notional",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["instrument", "side", "limit_price", "id"],
                condition=Q(status__in=["new", "partially_filled"], armed=False),
                name="order_in_book",
            ),
            models.Index(
                fields=["instrument", "side", "stop_price", "id"],
                condition=Q(status__in=["new", "partially_filled"], armed=True),
                name="order_armed",
            ),
            models.Index(
                fields=["instrument", "id"],
                condition=Q(status="accepted"),
                name="order_waiting",
            ),
            models.Index(
                fields=["instrument", "side", "peak_price"],
                condition=Q(
                    status__in=["new", "partially_filled"], armed=True, peak_price__isnull=False
                ),
                name="order_trailing",
            ),
            models.Index(fields=["parent"], condition=Q(parent__isnull=False), name="order_legs"),
            models.Index(fields=["pair_id"], condition=Q(pair_id__isnull=False), name="order_pair"),
            # What a list is filtered by: orders that it leaves out are passed over in the index.
            models.Index(
                fields=["owner", "-id", "updated_at", "status", "instrument", "side"],
                name="order_by_owner",
            ),
            models.Index(
                fields=["owner", "-id"],
                condition=Q(status__in=["accepted", "new", "partially_filled", "held"]),
                name="order_open_by_owner",
            ),
            # Few of many orders end without being filled. Nothing is written here for the others.
            models.Index(
                fields=["owner", "status", "-id"],
                condition=Q(status__in=["canceled", "expired", "rejected", "replaced"]),
                name="order_unfilled_by_owner",
            ),
            models.Index(
                fields=["expires_at"],
                condition=Q(
                    status__in=["accepted", "new", "partially_filled"], expires_at__isnull=False
                ),
                name="order_expiry",
            ),
        ]

    # Related rows that are in memory already, so that they are not read from the database again.
    loaded_fills: "list[Execution] | None" = None
    loaded_legs: "list[Order] | None" = None
    # The document of the order's last update, when this process wrote it: the answer shows it too.
    document: "dict[str, Any] | None" = None

    def __str__(self) -> str:
        return f"{self.side} {self.instrument_id} {self.status}"

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES

    @property
    def remaining_quantity(self) -> int:
        """Units not filled yet; zero for a notional that was never sized."""
        return (self.quantity or 0) - self.filled_quantity

    @property
    def worst_price(self) -> Decimal:
        """The worst price that the order may trade at: its limit, or the collar of a market order.

        Raises ValueError when it has neither, which no saved order has.
        """
        worst = self.limit_price or self.collar_price
        if worst is None:
            raise ValueError(f"order {self.pk} has neither a limit nor a collar")
        return worst


class Liquidity(models.TextChoices):
    MAKER = "maker", "it rested and was met"
    TAKER = "taker", "it met what rested"


class Execution(models.Model):
    """One fill of one order. Never changed. `owner` is the order's, kept here to list by.

    `cents` is the money that moved for the securities: paid by a buyer, received by a seller,
    accrued interest included; the fee comes on top (or off). `accrued_interest` is per 100 of a
    bond's face value. Two customers who trade with each other share a `trade_id`.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="executions")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    trade_id = models.UUIDField()
    price = models.DecimalField(max_digits=18, decimal_places=8)
    accrued_interest = models.DecimalField(max_digits=18, decimal_places=8, default=0)
    quantity = models.BigIntegerField()
    cents = models.BigIntegerField()
    fee_cents = models.BigIntegerField()
    liquidity = models.CharField(max_length=5, choices=Liquidity)
    executed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(quantity__gt=0, price__gt=0, cents__gte=0, fee_cents__gte=0),
                name="execution_positive",
            ),
        ]
        indexes = [models.Index(fields=["owner", "-id"], name="execution_by_owner")]

    def __str__(self) -> str:
        return f"{self.liquidity} at {self.price}"


class OrderFeed(models.Model):
    """Numbers the order updates of one user, so that a client sees when it missed one."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    sequence = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.sequence)
