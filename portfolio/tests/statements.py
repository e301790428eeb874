"""What tests of statements share: the account of docs/statements.md, and its statements."""

from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from exchange.models import ActionKind, Instrument
from portfolio.tests.accounts import buy, carry_out, closes, open_account, sell, shown, withdraw

OPENED = datetime(2026, 3, 2, 15, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
APRIL = datetime(2026, 4, 20, 12, tzinfo=UTC)
MAY = datetime(2026, 5, 1, tzinfo=UTC)
LATER = datetime(2026, 5, 3, 9, tzinfo=UTC)
ROOM = "/api/portfolio/statements"


def ada_lovelace(aapl: Instrument) -> User:
    """The account of docs/statements.md."""
    ada = open_account("ada@example.com", deposits="10000", at=OPENED)
    ada.first_name, ada.last_name = "Ada", "Lovelace"
    ada.save()
    buy(ada, aapl, "10", "190.00", at=OPENED + DAY)
    closes(aapl, ["198.00"], first=datetime(2026, 3, 31, tzinfo=UTC))
    sell(ada, aapl, "4", "195.00", at=APRIL)
    carry_out(aapl, ActionKind.DIVIDEND, at=APRIL + DAY, amount="0.25")
    withdraw(ada, "1000", at=APRIL + 2 * DAY)
    closes(aapl, ["200.00"], first=datetime(2026, 4, 30, tzinfo=UTC))
    return ada


def statement(user: Any, period: str, *, now: datetime = LATER) -> Any:
    return shown(user, f"statements/{period}", now=now)


def file(user: Any, period: str, format: str, **headers: str) -> Any:
    with time_machine.travel(LATER, tick=False):
        client = signed_in_client(user)
        return client.get(f"{ROOM}/{period}/", {"format": format}, headers=headers)
