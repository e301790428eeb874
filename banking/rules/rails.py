"""Payment rails: the interface to banks, and a sandbox that stands in for them.

A rail decides the outcome of a payment; `banking.transactions` moves the money. It is called inside
a database transaction that may be run again, so its answer depends on the payment alone and comes
without waiting. A rail to real banks answers Pending, talks to them outside of the transaction, and
gives their answer when it is called again.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Literal, Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class BankDetails:
    """The numbers of a customer's account at a bank."""

    routing_number: str
    account_number: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Payment:
    """What a rail is asked to carry out. `reference` is the id of the bank transaction."""

    reference: UUID
    direction: Literal["deposit", "withdrawal"]
    cents: int
    bank: BankDetails


@dataclass(frozen=True, slots=True)
class Pending:
    """The bank has not answered yet."""

    ask_again_after: timedelta


@dataclass(frozen=True, slots=True)
class Completed:
    """The money has moved at the bank. With `ask_again_after` it may still be returned."""

    ask_again_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The bank has refused the payment; nothing moved there."""

    reason: str


@dataclass(frozen=True, slots=True)
class Returned:
    """The bank has returned a completed payment."""

    reason: str


class Rail(Protocol):
    """What `banking.transactions` and `banking.bank_accounts` need of banks."""

    def micro_deposits(self, bank: BankDetails) -> tuple[Decimal, ...]:
        """Dollars sent to prove who owns the account; empty when no proof is needed."""

    def submit(self, payment: Payment) -> Pending | Completed | Refused:
        """Called once for a new payment."""

    def settle(self, payment: Payment) -> Pending | Completed | Refused:
        """Called when `Pending.ask_again_after` has passed."""

    def confirm(self, payment: Payment) -> Completed | Returned:
        """Called when `Completed.ask_again_after` has passed."""


# The account numbers that force an outcome; every other one is verified and settled at once.
DELAYED = "1000000001"
REFUSED = "1000000002"
RETURNED_LATER = "1000000003"
NEEDS_MICRO_DEPOSITS = "1000000004"

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
| any other | verified at once; transactions complete at once |
"""


class SandboxRail:
    """A rail whose answers follow from the account number: see SANDBOX_GUIDE."""

    def micro_deposits(self, bank: BankDetails) -> tuple[Decimal, ...]:
        return MICRO_DEPOSITS if bank.account_number == NEEDS_MICRO_DEPOSITS else ()

    def submit(self, payment: Payment) -> Pending | Completed | Refused:
        number = payment.bank.account_number
        if number == DELAYED:
            return Pending(SETTLES_AFTER)
        if number == REFUSED:
            return Refused("account_closed")
        if number == RETURNED_LATER:
            return Completed(RETURNED_AFTER)
        return Completed()

    def settle(self, payment: Payment) -> Pending | Completed | Refused:
        return Completed()

    def confirm(self, payment: Payment) -> Completed | Returned:
        if payment.bank.account_number == RETURNED_LATER:
            return Returned("returned_by_bank")
        return Completed()


current: Rail = SandboxRail()
