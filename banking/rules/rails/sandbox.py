"""The sandbox: a rail that stands in for banks, whose answers follow from the account number."""

import random
from datetime import datetime, timedelta
from decimal import Decimal

from banking.rules.rails.port import BankDetails, Completed, Payment, Pending, Refused, Returned

# The account numbers that force an outcome; every other one is verified and settled at once.
DELAYED = "1000000001"
REFUSED = "1000000002"
RETURNED_LATER = "1000000003"
NEEDS_MICRO_DEPOSITS = "1000000004"
RETURNED_FREE = "1000000005"

MICRO_DEPOSITS = (Decimal("0.32"), Decimal("0.45"))
SETTLES_AFTER = timedelta(seconds=5)
RETURNED_AFTER = timedelta(seconds=10)

SANDBOX_GUIDE = f"""
| `account_number` | what happens |
|---|---|
| `{DELAYED}` | transactions stay `pending` for {SETTLES_AFTER.seconds} s, then complete |
| `{REFUSED}` | transactions fail with `failure_reason: account_closed` |
| `{RETURNED_LATER}` | transactions complete and are returned {RETURNED_AFTER.seconds} s later \
with `failure_reason: returned_by_bank`; until then a deposit is held |
| `{NEEDS_MICRO_DEPOSITS}` | the account stays `pending` until it is verified with the amounts \
`"{MICRO_DEPOSITS[0]}"` and `"{MICRO_DEPOSITS[1]}"` |
| `{RETURNED_FREE}` | the same as `{RETURNED_LATER}`, but a deposit can be spent \
meanwhile: what has been spent is owed then (`debt` of `balances/`) |
| any other | verified at once; transactions complete at once |
"""


class SandboxRail:
    """A rail whose answers follow from the account number: see SANDBOX_GUIDE."""

    name = "sandbox"

    def micro_deposits(self, bank: BankDetails, chance: random.Random) -> tuple[Decimal, ...]:
        """Always the same two amounts, so that every screen can be tried without a bank."""
        return MICRO_DEPOSITS if bank.account_number == NEEDS_MICRO_DEPOSITS else ()

    def submit(self, payment: Payment, now: datetime) -> Pending | Completed | Refused:
        number = payment.bank.account_number
        if number == DELAYED:
            return Pending(SETTLES_AFTER)
        if number == REFUSED:
            return Refused("account_closed")
        if number == RETURNED_LATER:
            return Completed(RETURNED_AFTER)
        if number == RETURNED_FREE:
            return Completed(RETURNED_AFTER, is_free_meanwhile=True)
        return Completed()

    def settle(self, payment: Payment, now: datetime) -> Pending | Completed | Refused:
        return Completed()

    def confirm(self, payment: Payment, now: datetime) -> Completed | Returned:
        if payment.bank.account_number in (RETURNED_LATER, RETURNED_FREE):
            return Returned("returned_by_bank")
        return Completed()
