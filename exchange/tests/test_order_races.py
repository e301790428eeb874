"""What others do while an order or a round waits for their locks."""

import threading
from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection, transaction

from banking.tests.parallel import at_once
from exchange.models import InstrumentStatus, Order, Quote
from exchange.tests import market
from exchange.tests.market import NOW, place
from exchange.trading import halts, orders, rounds

pytestmark = pytest.mark.django_db(transaction=True)


def is_waited_for() -> bool:
    """Whether a connection waits for a lock. SQLite has one lock, and does not say."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone() != (0,))


def while_waited_for(holds: Callable[[], object], waits: Callable[[], object]) -> object:
    """Run `waits` while `holds` has its locks, then commit; returns what `waits` returns."""
    has_lock, pause = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            holds()
            has_lock.set()
            for _ in range(100):
                if is_waited_for():
                    return
                pause.wait(0.05)

    def wait() -> object:
        assert has_lock.wait(30)
        return waits()

    return at_once([hold, wait])[1]


def test_an_order_sees_those_behind_one_that_is_canceled_meanwhile():
    """Sixteen are locked at first, all would be filled, and one is canceled meanwhile."""
    aapl = market.make_instrument()
    market.set_quote(aapl, "190.00", "190.03")
    alice, bob = market.make_customer(), market.make_customer("bob@example.com")
    market.give(bob, aapl.asset, "20")
    resting = [place(bob, "sell", "1", limit="190.01") for _ in range(16)]
    place(bob, "sell", "4", limit="190.02")

    order = while_waited_for(
        partial(orders.cancel, owner_id=bob.pk, order_id=resting[0].pk, now=NOW),
        partial(place, alice, quantity="19", limit="190.03"),
    )

    assert isinstance(order, Order)
    prices = order.executions.values_list("price", "quantity").order_by("pk")
    assert [(str(price)[:6], units // 1_000_000) for price, units in prices] == [
        *[("190.01", 1)] * 15,
        ("190.02", 4),
    ]
    market.assert_books_are_right()


def test_a_round_does_not_work_what_was_halted_while_it_waited():
    aapl = market.make_instrument()
    market.set_quote(aapl)
    order = place(market.make_customer(), limit="180.00")
    Quote.objects.update(bid="178.98", ask="179.00", price="178.98", unworked=True)

    changed = while_waited_for(
        partial(halts.set_status, symbol="AAPL", status=InstrumentStatus.HALTED, now=NOW),
        partial(rounds.work_quote, aapl.pk, now=NOW),
    )

    order.refresh_from_db()
    assert (changed, order.status) == (0, "new")
