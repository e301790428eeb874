"""Many customers at once: real threads, real transactions, and books that agree afterwards."""

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from authentication.models import User
from banking.models import LedgerAccount
from be.kernel.refusals import Refusal
from exchange.models import Execution, Order, Quote, TimeInForce
from exchange.tests import market
from exchange.tests.market import make_customer, make_instrument, place, set_quote
from exchange.tests.parallel import in_threads
from exchange.trading import orders

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 8
ORDERS_EACH = 12
SYMBOLS = ("AAPL", "MSFT")


def trade_at_random(customer: User, seed: int) -> int:
    """Place and cancel; returns how much of it was accepted."""
    rng, done = random.Random(seed), 0
    for _ in range(ORDERS_EACH):
        with suppress(Refusal):
            trade_once(customer, rng)
            done += 1
    return done


def trade_once(customer: User, rng: random.Random) -> None:
    choice = rng.random()
    if choice < 0.2:
        orders.cancel_all(owner_id=customer.pk, now=market.NOW)
        return
    limit = None if choice < 0.5 else f"{Decimal(9900 + rng.randrange(300)) / 100:.2f}"
    side = rng.choice(["buy", "buy", "sell"])
    quantity = f"{rng.randrange(1, 4000) / 1000:.3f}"
    place(customer, side, quantity, symbol=rng.choice(SYMBOLS), limit=limit)


def simulate(stop: threading.Event) -> int:
    """Rounds of quotes that jump about, until the event is set."""
    rng, rounds = random.Random(99), 0
    while not stop.is_set():
        rounds += 1
        bids = {symbol: Decimal(9900 + rng.randrange(200)) / 100 for symbol in SYMBOLS}
        ticks = [
            market.tick(symbol, f"{bid:.2f}", f"{bid + 1:.2f}", size="3")
            for symbol, bid in bids.items()
        ]
        market.advance(*ticks, at=market.NOW + timedelta(milliseconds=rounds))
    return rounds


def test_random_orders_of_eight_customers_leave_the_books_right():
    for symbol in SYMBOLS:
        set_quote(make_instrument(symbol), "100.00", "100.02", size="5")
    customers = [make_customer(f"storm-{number}@example.com") for number in range(THREADS)]
    stop = threading.Event()

    def everybody_trades() -> list[object]:
        try:
            return in_threads([partial(trade_at_random, c, n) for n, c in enumerate(customers)])
        finally:
            stop.set()

    done, rounds = in_threads([everybody_trades, partial(simulate, stop)])
    assert isinstance(done, list)
    assert all(isinstance(count, int) and count > 0 for count in done), done
    assert isinstance(rounds, int)
    assert rounds > 0
    assert Execution.objects.count() > THREADS
    market.assert_books_are_right()
    assert not LedgerAccount.objects.filter(available__lt=0).exists()


def test_parallel_orders_for_the_same_money_are_accepted_as_far_as_it_goes():
    set_quote(make_instrument(), "999.98", "1000.00")
    alice = make_customer(dollars="5000")
    outcomes = in_threads([partial(place, alice)] * 20)
    filled = [each for each in outcomes if isinstance(each, Order)]
    refused = [each for each in outcomes if isinstance(each, Refusal)]
    assert (len(filled), len(refused)) == (5, 15)
    assert {refusal.code for refusal in refused} == {"insufficient_funds"}
    assert market.balance(alice) == (0, 0)
    market.assert_books_are_right()


def test_parallel_takers_share_what_a_quote_displays():
    set_quote(make_instrument(), "100.00", "100.02", size="5")
    customers = [make_customer(f"taker-{number}@example.com") for number in range(THREADS)]
    in_threads([buyer(customer, "100.02", "ioc") for customer in customers])
    assert sum(Order.objects.values_list("filled_quantity", flat=True)) == 5_000_000
    market.assert_books_are_right()


def buyer(customer: User, limit: str, time_in_force: str) -> Callable[[], object]:
    """A customer who buys one share when called."""
    return partial(
        place, customer, "buy", "1", limit=limit, time_in_force=TimeInForce(time_in_force)
    )


def test_one_resting_order_is_sold_once_however_many_want_it():
    set_quote(make_instrument(), "100.00", "110.00")
    maker = make_customer("maker@example.com")
    place(maker, "buy", "2", limit="111.00")
    place(maker, "sell", "1", limit="105.00")
    takers = [make_customer(f"taker-{number}@example.com") for number in range(THREADS)]
    outcomes = in_threads([buyer(customer, "105.00", "fok") for customer in takers])
    assert sorted(order.status for order in outcomes if isinstance(order, Order)) == [
        *["canceled"] * (THREADS - 1),
        "filled",
    ]
    market.assert_books_are_right()


def test_cancel_against_fill_has_one_winner_and_leaves_no_hold():
    set_quote(make_instrument())
    for attempt in range(6):
        Quote.objects.update(price="190.00", bid="190.00", ask="190.02")
        alice = make_customer(f"race-{attempt}@example.com")
        order = place(alice, "buy", "1", limit="180.00")
        fill = partial(
            market.advance,
            market.tick("AAPL", "179.00", "179.02"),
            at=market.NOW + timedelta(seconds=attempt + 1),
        )
        cancel = partial(orders.cancel, owner_id=alice.pk, order_id=order.pk, now=market.NOW)
        in_threads([cancel, fill])
        order.refresh_from_db()
        assert order.status in ("canceled", "filled")
        spent = Decimal(0) if order.status == "canceled" else Decimal("179.02")
        assert market.balance(alice) == (10_000 - spent, 0)
    market.assert_books_are_right()
