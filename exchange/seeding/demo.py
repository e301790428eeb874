"""The users of the demo: an admin, and a customer who has traded for a year.

Her deposits and trades go through the same code as everybody's, with the time passed in.
"""

import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings

from authentication import registration
from authentication.models import User
from banking import bank_accounts, transactions
from banking.models import BankAccount
from be.kernel.refusals import Refusal
from exchange import engine
from exchange.models import OrderType, Side, TimeInForce
from exchange.seeding.history import History
from exchange.trading import orders
from exchange.trading.intake.requests import OrderRequest

FIRST_DEPOSIT = Decimal("25000.00")
MONTHLY_DEPOSIT = Decimal("3500.00")
WITHDRAWAL = Decimal("2000.00")
# What she buys, and for how many dollars at a time.
FAVORITES = (
    ("AAPL", "1500.00"),
    ("SPY", "2500.00"),
    ("MSFT", "1800.00"),
    ("BTC-USD", "1200.00"),
    ("ETH-USD", "600.00"),
    ("QQQ", "1500.00"),
    ("TSLA", "900.00"),
    ("GOOGL", "1100.00"),
    ("SOL-USD", "400.00"),
)
TREASURY = "UST-10Y"
TREASURY_FACE = Decimal(3000)


@dataclass(frozen=True, slots=True)
class Event:
    at: datetime
    kind: str  # "deposit", "withdrawal", "buy", "sell", "bond"
    symbol: str = ""
    dollars: Decimal = Decimal(0)


def create_admin(*, now: datetime) -> bool:
    """Create the demo's admin; False if it exists. Never call this outside of development."""
    if User.objects.filter(email=settings.ADMIN_EMAIL).exists():
        return False
    User.objects.create_superuser(settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD, date_joined=now)
    return True


def create_customer(history: History, *, seed: int) -> int:
    """Register the demo customer and carry out her year; returns the number of events."""
    began = history.start + timedelta(days=1)
    owner = registration.register(
        email=settings.DEMO_EMAIL,
        password=settings.DEMO_PASSWORD,
        first_name="Dana",
        last_name="Demo",
        now=began,
    )
    account = bank_accounts.link(
        owner=owner,
        account_holder="Dana Demo",
        bank_name="First Demo Bank",
        account_type="checking",
        account_number="4400123456789",
        routing_number="021000021",
        now=began,
    )
    done = 0
    for event in _year(history, seed):
        engine.advance(history.round_at(event.at))
        # A refused event, such as a sale with nothing to sell yet, is left out.
        with suppress(Refusal):
            _carry_out(owner, account, event)
            done += 1
    return done


def _year(history: History, seed: int) -> Iterator[Event]:
    """Deposits at the start of each month, a purchase a week, a sale now and then, a bond."""
    rng = random.Random(seed)
    at = history.start + timedelta(days=2, hours=15)
    yield Event(at, "deposit", dollars=FIRST_DEPOSIT)
    last = history.coarse.times[-1]
    week = 0
    while (at := at + timedelta(days=7, minutes=15 * rng.randrange(-8, 9))) < last:
        week += 1
        symbol, dollars = FAVORITES[week % len(FAVORITES)]
        if week % 4 == 0:
            yield Event(at - timedelta(minutes=30), "deposit", dollars=MONTHLY_DEPOSIT)
        if week % 7 == 0:
            yield Event(at, "sell", symbol=FAVORITES[rng.randrange(len(FAVORITES))][0])
        elif week % 10 == 0:
            yield Event(at, "bond", symbol=TREASURY)
        elif week % 24 == 0:
            yield Event(at, "withdrawal", dollars=WITHDRAWAL)
        else:
            yield Event(at, "buy", symbol=symbol, dollars=Decimal(dollars))


def _carry_out(owner: User, account: BankAccount, event: Event) -> None:
    match event.kind:
        case "deposit":
            transactions.deposit(
                owner=owner, account_id=account.pk, amount=event.dollars, now=event.at
            )
        case "withdrawal":
            transactions.withdraw(
                owner=owner, account_id=account.pk, amount=event.dollars, now=event.at
            )
        case _:
            orders.place(owner_id=owner.pk, request=_request(event), now=event.at)


def _request(event: Event) -> OrderRequest:
    side = Side.SELL if event.kind == "sell" else Side.BUY
    bond = event.kind == "bond"
    dollars = Decimal("350.00") if side == Side.SELL else event.dollars
    return OrderRequest(
        symbol=event.symbol,
        side=side,
        order_type=OrderType.MARKET,
        quantity=TREASURY_FACE if bond else None,
        notional=None if bond else dollars,
        time_in_force=TimeInForce.GTC,
    )
