from django.db import models

from banking.models import JournalEntry


class FlowValue(models.Model):
    """What an account was worth when money came or went, kept with the entry. Never changed.

    `equity_cents` is the whole account just before the flow, at the quotes of that moment;
    `prices` is what one share or coin (of a bond, 100 of face value) of each instrument cost then,
    as text, by symbol.
    """

    entry = models.OneToOneField(JournalEntry, on_delete=models.PROTECT, related_name="+")
    equity_cents = models.BigIntegerField()
    prices = models.JSONField()

    def __str__(self) -> str:
        return f"{self.equity_cents} cents before entry {self.entry_id}"
