"""Fill a migrated database with a little of everything; run in the worktree of an earlier commit.

Customers with bank accounts and transfers, trades in shares, coins and a bond, open orders with
their holds, and, where the commit has them, stops, a dividend, a coupon and a split. It uses only
names that all commits of README.md have.
"""

import os
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any
from uuid import uuid4

import django

sys.path.insert(0, os.getcwd())
django.setup()

# By name, so that no later renaming of modules or functions changes what is called here.
bank_accounts: Any = import_module("banking.bank_accounts")
transactions: Any = import_module("banking.transactions")
models: Any = import_module("exchange.models")
market: Any = import_module("exchange.tests.market")

NOW: datetime = market.NOW
DIVIDEND, COUPON, SPLIT = date(2026, 3, 4), date(2026, 5, 15), date(2026, 5, 18)


def main() -> None:
    alice, bob = (market.make_customer(f"{name}@example.com", "0") for name in ("alice", "bob"))
    for customer in (alice, bob):
        transfer(customer)
    shares, coin = market.make_instrument("AAPL"), market.make_instrument("BTC-USD", "crypto")
    bond = market.make_bond()
    market.set_quote(shares)
    market.set_quote(coin, "60000.00", "60010.00")
    market.set_quote(bond, "99.000", "99.500", size="100000")

    now = NOW + timedelta(hours=1)
    market.advance(market.tick("AAPL", "190.00", "190.02", volume="10"), at=now)
    market.advance(market.tick("BTC-USD", "60000.00", "60010.00"), at=now)
    market.advance(market.tick(bond.symbol, "99.000", "99.500", size="100000"), at=now)
    market.place(alice, "buy", "10", now=now)
    market.place(alice, "buy", "0.01", symbol="BTC-USD", now=now)
    market.place(alice, "buy", "2000", symbol=bond.symbol, now=now)
    market.place(bob, "buy", "4", now=now)
    market.place(bob, "sell", "3", limit="190.01", now=now)
    market.place(alice, "buy", "2", limit="190.01", now=now)  # meets what bob rests, who keeps 1
    market.place(alice, "buy", "5", limit="180.00", now=now)  # rests with its hold
    market.place(bob, "buy", None, notional="100.00", symbol="BTC-USD", now=now)
    if hasattr(models.OrderType, "STOP"):
        stop = Decimal("150.00")
        market.place(alice, "sell", "1", now=now, order_type=models.OrderType.STOP, stop_price=stop)
    if hasattr(models, "CorporateAction"):
        carry_out(shares)
    transactions.withdraw(
        owner=alice,
        account_id=bank_accounts.linked(alice).get().pk,
        amount=Decimal("250.00"),
        now=now,
    )


def transfer(customer: Any) -> None:
    """Link a bank account and deposit: settled and certain by the first trade."""
    account = bank_accounts.link(
        owner=customer,
        account_holder="A Customer",
        bank_name="First Bank",
        account_type="checking",
        account_number="123456789",
        routing_number="021000021",
        now=NOW - timedelta(days=30),
    )
    for amount in ("15000.00", "5000.00"):
        transactions.deposit(
            owner=customer,
            account_id=account.pk,
            amount=Decimal(amount),
            now=NOW - timedelta(days=30),
        )
    for days in (29, 20, 10, 0):
        transactions.settle_due(now=NOW - timedelta(days=days))


def carry_out(shares: Any) -> None:
    """A dividend, a coupon of the bond and a split; one more dividend is announced only."""
    due = import_module("exchange.corporate.due")
    announce(shares, "dividend", DIVIDEND, amount=Decimal("0.25"))
    due.run(now=noon(DIVIDEND))
    due.run(now=noon(COUPON))
    announce(shares, "split", SPLIT, new_shares=2, old_shares=1)
    due.run(now=noon(SPLIT))
    announce(shares, "dividend", date(2026, 9, 1), amount=Decimal("0.30"))


def announce(shares: Any, kind: str, day: date, **terms: object) -> None:
    models.CorporateAction.objects.create(
        id=uuid4(),
        instrument=shares,
        kind=kind,
        ex_date=day,
        payable_date=day,
        announced_at=NOW,
        **terms,
    )


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 17, 0, tzinfo=UTC)


main()
