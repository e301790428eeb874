"""The table of what accounts were worth at each deposit and withdrawal."""

from django.db import models

from banking.models import JournalEntry


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
