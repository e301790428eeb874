"""The parts of a customer's story, and the right that each of them asks for."""

from collections.abc import Callable
from datetime import datetime

from authentication.models import User
from be.desk.story import access, money, risk, trading
from be.desk.story.parts import Facts, Table

Part = Facts | Table
Told = Part | tuple[Part, ...]

# In the order of the page. Every part reads a bounded number of rows.
PARTS: tuple[tuple[str, Callable[[User, datetime], Told]], ...] = (
    ("desk.view_customer", access.identity),
    ("banking.view_ledgeraccount", risk.risk),
    ("banking.view_ledgeraccount", money.balances),
    ("exchange.view_order", trading.open_orders),
    ("banking.view_banktransaction", money.transactions),
    ("banking.view_correction", money.corrections),
    ("banking.view_bankaccount", money.bank_accounts),
    ("exchange.view_order", trading.past_orders),
    ("banking.view_posting", money.postings),
    ("authentication.view_session", access.sessions),
    ("authentication.view_apikey", access.api_keys),
    ("authentication.view_auditevent", access.audit_events),
)


def tell(customer: User, *, to: User, now: datetime) -> list[Part]:
    """The parts that `to` has the right to see."""
    told: list[Part] = []
    for permission, part in PARTS:
        if to.has_perm(permission):
            found = part(customer, now)
            told += found if isinstance(found, tuple) else (found,)
    return told
