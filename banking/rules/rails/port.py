"""The port to banks: what a rail is asked, and what it answers.

A rail decides the outcome of a payment; `banking.transactions` moves the money. It is called inside
a database transaction that may be run again, so its answer depends on its arguments alone and comes
without waiting. A rail to real banks answers Pending, talks to them outside of the transaction, and
gives their answer when it is called again, or as a return (`banking.nacha`).
"""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
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
    """The bank has not answered yet. Without `ask_again_after` the rail itself sets when to ask."""

    ask_again_after: timedelta | None


@dataclass(frozen=True, slots=True)
class Completed:
    """The money has moved at the bank. With `ask_again_after` it may still be returned.

    A deposit that may be is held until then, unless it `is_free_meanwhile`: then a return can find
    its money spent.
    """

    ask_again_after: timedelta | None = None
    is_free_meanwhile: bool = False


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

    @property
    def name(self) -> str:
        """The rail's name in BANK_RAIL; an account that another rail has verified is not taken."""

    def micro_deposits(self, bank: BankDetails, chance: random.Random) -> tuple[Decimal, ...]:
        """Dollars to send, to prove who owns the account; empty when no proof is needed.

        Called once, when the account is linked. `chance` has to be one that nobody can guess.
        """

    def submit(self, payment: Payment, now: datetime) -> Pending | Completed | Refused:
        """Called once for a new payment."""

    def settle(self, payment: Payment, now: datetime) -> Pending | Completed | Refused:
        """Called when `Pending.ask_again_after` has passed."""

    def confirm(self, payment: Payment, now: datetime) -> Completed | Returned:
        """Called when `Completed.ask_again_after` has passed."""
