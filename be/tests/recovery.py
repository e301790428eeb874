"""What the tests with killed servers read from the database, through `LiveServer.call`.

Each function begins with a new connection, as the database may have been away since the last.
"""

from datetime import timedelta
from io import StringIO

from django.core.management import call_command
from django.db import connection

from authentication.tests.api_client import signed_in
from banking.models import BankTransaction
from banking.tests.factories import BankAccountFactory
from be.api import idempotency
from be.api.models import IdempotentRequest
from exchange.models import Order
from exchange.tests import market, scenes


def open_market(*, customers: int) -> list[dict[str, str]]:
    """One stock, and customers with money and a bank account; how each is known to the server."""
    scenes.list_instruments(bids={"AAPL": "100.00"})
    users = [market.make_customer(f"storm-{number}@example.com") for number in range(customers)]
    return [
        {
            "token": signed_in(user).access_token,
            "account": str(BankAccountFactory.create(owner=user).pk),
        }
        for user in users
    ]


def abandon_claims() -> int:
    """Let the time pass after which an Idempotency-Key without an answer is free again."""
    connection.close()
    claims = IdempotentRequest.objects.filter(answer=None)
    age = idempotency.ABANDONED_AFTER + timedelta(seconds=1)
    for claim in claims:
        IdempotentRequest.objects.filter(pk=claim.pk).update(claimed_at=claim.claimed_at - age)
    return len(claims)


def everything_made() -> list[str]:
    """The ids of all orders and bank transactions."""
    connection.close()
    return [
        str(key)
        for model in (Order, BankTransaction)
        for key in model._default_manager.values_list("pk", flat=True)
    ]


def check_ledger() -> str:
    """What the command of this name says of the books."""
    connection.close()
    said = StringIO()
    call_command("check_ledger", stdout=said, stderr=said)
    return said.getvalue()
