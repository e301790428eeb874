"""The tables of quotes and candles, and of the simulator that writes them."""

from django.db import models
from django.db.models import Q

from exchange.models.instruments import Instrument


class Quote(models.Model):
    """The newest quote of an instrument, one row each.

    Sizes and volume are units. `bid_size` and `ask_size` are what the feed displayed at the best
    level; `bid_taken` and `ask_taken` count what customers have since taken from that side, over
    all levels, so that nothing is offered twice. A new round resets them.
    `unworked` says that orders which wait for this quote have not been worked yet
    (`exchange/trading/rounds.py`). `came_from` and `low_ahead` describe the price's path inside a
    replayed bar, on which waiting orders trade (`exchange/trading/rules/paths.py`).
    """

    instrument = models.OneToOneField(
        Instrument, primary_key=True, on_delete=models.CASCADE, related_name="quote"
    )
    price = models.DecimalField(max_digits=18, decimal_places=8)
    bid = models.DecimalField(max_digits=18, decimal_places=8)
    ask = models.DecimalField(max_digits=18, decimal_places=8)
    bid_size = models.BigIntegerField()
    ask_size = models.BigIntegerField()
    bid_taken = models.BigIntegerField(default=0)
    ask_taken = models.BigIntegerField(default=0)
    previous_close = models.DecimalField(max_digits=18, decimal_places=8)
    open = models.DecimalField(max_digits=18, decimal_places=8)
    high = models.DecimalField(max_digits=18, decimal_places=8)
    low = models.DecimalField(max_digits=18, decimal_places=8)
    volume = models.BigIntegerField(help_text="Traded in this session, in units.")
    session_date = models.DateField()
    timestamp = models.DateTimeField()
    sequence = models.BigIntegerField(help_text="Counts the quotes of this instrument.")
    unworked = models.BooleanField(default=False)
    came_from = models.DecimalField(
        max_digits=18,
        decimal_places=8,
        null=True,
        help_text="The price from which it came here through all between; empty after a jump.",
    )
    low_ahead = models.DecimalField(
        max_digits=18,
        decimal_places=8,
        null=True,
        help_text="The lowest price that the bar being replayed still goes to.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(bid__gt=0, ask__gt=0), name="quote_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.price} #{self.sequence}"


class Interval(models.TextChoices):
    ONE_MINUTE = "1m"
    FIVE_MINUTES = "5m"
    FIFTEEN_MINUTES = "15m"
    ONE_HOUR = "1h"
    ONE_DAY = "1d"


class Candle(models.Model):
    """Open, high, low, close and volume (units) of one interval, which begins at `time`."""

    # The unique constraint's index begins with it.
    instrument = models.ForeignKey(
        Instrument, on_delete=models.CASCADE, related_name="candles", db_index=False
    )
    interval = models.CharField(max_length=3, choices=Interval)
    time = models.DateTimeField()
    open = models.DecimalField(max_digits=18, decimal_places=8)
    high = models.DecimalField(max_digits=18, decimal_places=8)
    low = models.DecimalField(max_digits=18, decimal_places=8)
    close = models.DecimalField(max_digits=18, decimal_places=8)
    volume = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["instrument", "interval", "time"], name="candle_once"),
        ]

    def __str__(self) -> str:
        return f"{self.interval} {self.time:%Y-%m-%d %H:%M}"


class MarketRevision(models.Model):
    """Counts the changes of market data that no round brings (exchange/market/revisions.py).

    There is a single row, `name` "default".
    """

    name = models.CharField(max_length=20, primary_key=True)
    count = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} {self.count}"


# The name of the one row of Simulator.
SIMULATOR = "default"


class Simulator(models.Model):
    """The lease of the one process that writes prices, and the state to continue from.

    There is a single row, `name` "default". The simulator renews `lease_until` with every round;
    once that has passed, another may take over.
    """

    name = models.CharField(max_length=20, primary_key=True)
    holder = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True)
    rounds = models.BigIntegerField(default=0, help_text="Numbers the rounds ever recorded.")
    state = models.JSONField(null=True, help_text="The model's own state, to continue from.")

    def __str__(self) -> str:
        return self.name
