"""Customers, banks, prices and the clock in any order: after each step the books are proved.

`HYPOTHESIS_PROFILE=long` looks for much longer, each time somewhere else (or with
`--hypothesis-seed=N`).
"""

import os

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from banking.tests.factories import BankAccountFactory
from exchange.models import FeeSchedule
from exchange.tests import market
from exchange.tests.order_machine import OrderMachine
from exchange.tests.order_machine_world import BANK_NUMBERS, BOND, COIN, STOCK

PROFILES = {
    "default": settings(max_examples=12, stateful_step_count=30, derandomize=True),
    "long": settings(max_examples=1500, stateful_step_count=60, database=None),
}


def _open_the_market() -> None:
    """Each customer has money; Alice has much of everything to sell, Bob some, Charlie nothing."""
    instruments = {
        STOCK: market.make_instrument(STOCK.symbol),
        COIN: market.make_instrument(COIN.symbol, "crypto"),
        BOND: market.make_bond(BOND.symbol),
    }
    for listing, instrument in instruments.items():
        ask = listing.base + listing.spread
        market.set_quote(instrument, str(listing.base), str(ask), size=listing.sizes[0])
    FeeSchedule.objects.exclude(asset_class="crypto").update(maker_bps=3, taker_bps=7)
    OrderMachine.customers = [
        market.make_customer(f"{name}@example.com", "20000") for name in ("alice", "bob", "charlie")
    ]
    for listing, instrument in instruments.items():
        for customer, amount in zip(OrderMachine.customers, listing.owned, strict=False):
            market.give(customer, instrument.asset, amount)
    OrderMachine.accounts = {}
    for customer in OrderMachine.customers:
        for number in BANK_NUMBERS:
            linked = BankAccountFactory.create(
                owner=customer, account_number=number, now=market.NOW
            )
            OrderMachine.accounts[customer.pk, number] = linked.pk


def test_whatever_happens_the_books_agree_and_orders_keep_their_word(db: None):
    _open_the_market()
    chosen = PROFILES[os.environ.get("HYPOTHESIS_PROFILE", "default")]
    run_state_machine_as_test(
        OrderMachine,
        settings=settings(
            chosen, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
        ),
    )
