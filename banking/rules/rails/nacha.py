"""The rail of real banks in the US: what it answers. `banking.nacha` writes and reads its files.

A payment waits until it stands in a file that has been written. It is settled on the file's date,
if it was not returned before. A deposit is held for some business days after that.
"""

import random
from datetime import datetime, timedelta
from decimal import Decimal

from banking.rules.nacha import days
from banking.rules.rails.port import BankDetails, Completed, Payment, Pending, Refused, Returned

CENTS_BELOW_A_DOLLAR = 99
NOT_HELD = timedelta(0)


class NachaRail:
    """Transfers by the files of a day. Deposits are held for `hold_days` business days."""

    name = "nacha"

    def __init__(self, *, hold_days: int) -> None:
        self._hold_days = hold_days

    def micro_deposits(self, bank: BankDetails, chance: random.Random) -> tuple[Decimal, ...]:
        """Two amounts from 0.01 to 0.99, each as likely as any other."""
        return tuple(Decimal(chance.randint(1, CENTS_BELOW_A_DOLLAR)).scaleb(-2) for _ in "ab")

    def submit(self, payment: Payment, now: datetime) -> Pending | Completed | Refused:
        """It waits for the day's file, which sets when it is settled."""
        return Pending(ask_again_after=None)

    def settle(self, payment: Payment, now: datetime) -> Pending | Completed | Refused:
        """The date has come, and no return. Withdrawals can't be spent, so they aren't held."""
        if payment.direction == "withdrawal" or not self._hold_days:
            return Completed()
        return Completed(ask_again_after=days.held_until(now, self._hold_days) - now)

    def confirm(self, payment: Payment, now: datetime) -> Completed | Returned:
        """No return came while it was held."""
        return Completed()
