"""The table of days on which a market is closed by exception."""

from django.db import models


class MarketClosure(models.Model):
    """A day on which stock and bond markets close, or close early, outside the regular holidays."""

    day = models.DateField(primary_key=True)
    closes_at = models.TimeField(
        null=True, blank=True, help_text="New York time of an early close; empty: no session."
    )
    reason = models.CharField(max_length=120)

    class Meta:
        ordering = ["-day"]

    def __str__(self) -> str:
        until = "closed" if self.closes_at is None else f"until {self.closes_at:%H:%M}"
        return f"{self.day}: {until} ({self.reason})"
