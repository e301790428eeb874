"""How many statements the hot paths send: few, and as many as it says here.

Counted on the database at hand. PostgreSQL writes everything in one trip; SQLite, which has no
trips to save, executes each INSERT and UPDATE on its own.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from authentication.models import User
from exchange.models import Instrument
from exchange.tests import market
from exchange.tests.market import NOW, place, tick
from exchange.trading import orders, rounds

SAVEPOINTS = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT")


def statements(work: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        work()
    # A statement that was prepared before is logged without its text.
    sent = [query["sql"] or "prepared" for query in captured.captured_queries]
    return [sql for sql in sent if not sql.startswith(SAVEPOINTS)]


@pytest.fixture
def on_postgresql(is_postgresql: bool) -> None:
    if not is_postgresql:
        pytest.skip("SQLite is in this process: its statements are no trips")


@pytest.mark.usefixtures("on_postgresql")
def test_a_market_order_is_placed_and_filled_with_four_statements(alice: User, aapl: Instrument):
    place(alice)  # opens the accounts
    sent = statements(lambda: place(alice))
    assert len(sent) == 4, sent


@pytest.mark.usefixtures("on_postgresql")
def test_a_limit_order_rests_with_four_statements(alice: User, aapl: Instrument):
    place(alice)
    assert len(statements(lambda: place(alice, limit="180.00"))) == 4


@pytest.mark.usefixtures("on_postgresql")
def test_two_customers_trade_with_six_statements(alice: User, bob: User, aapl: Instrument):
    place(alice, "buy", "2")
    place(bob, "buy", "1", limit="190.01")
    place(alice, "sell", "0.5", limit="190.01")
    # The first has half-filled the maker, whose fills are read then.
    assert len(statements(lambda: place(alice, "sell", "0.4", limit="190.01"))) == 6


@pytest.mark.usefixtures("on_postgresql")
def test_a_cancel_takes_five_statements(alice: User, aapl: Instrument):
    order = place(alice, "buy", "1", limit="180.00")
    cancel = lambda: orders.cancel(owner_id=alice.pk, order_id=order.pk, now=NOW)  # noqa: E731
    assert len(statements(cancel)) == 5


@pytest.mark.usefixtures("on_postgresql")
def test_a_round_fills_a_hundred_orders_with_as_many_statements_as_one(
    aapl: Instrument,
):
    market.advance(tick("AAPL", "190.00", "190.02"), at=NOW + timedelta(seconds=1))
    users = [market.make_customer(f"many-{number}@example.com") for number in range(100)]
    place(users[0], "buy", "1", limit="180.00")
    one = statements(lambda: market.advance(tick("AAPL", "179.00", "179.02")))
    for user in users:
        place(user, "buy", "1", limit="175.00", now=NOW + timedelta(seconds=3))
    hundred = statements(
        lambda: market.advance(tick("AAPL", "174.00", "174.02"), at=NOW + timedelta(seconds=4))
    )
    assert len(hundred) == len(one), hundred


def test_on_sqlite_a_market_order_is_eleven_statements(
    alice: User, aapl: Instrument, is_postgresql: bool
):
    if is_postgresql:
        pytest.skip("counted above")
    place(alice)
    assert len(statements(lambda: place(alice))) == 11


def test_an_unworked_quote_is_worked_before_an_order_that_arrives(
    alice: User, bob: User, aapl: Instrument, monkeypatch: pytest.MonkeyPatch
):
    """Between the recording of a round and its work, another customer wants the same shares."""
    first = place(alice, "buy", "3", limit="180.00")
    with monkeypatch.context() as patch:
        patch.setattr(rounds, "work_quote", lambda pk, now: 0)
        market.advance(tick("AAPL", "179.98", "180.00", size="3"))
    later = place(bob, "buy", "3", limit="180.00", now=NOW + timedelta(seconds=3))
    first.refresh_from_db()
    assert (first.status, later.status) == ("filled", "new")
