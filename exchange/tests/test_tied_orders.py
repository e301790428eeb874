"""Examples of what the order machine once found: fills, time and replacing among tied orders.

The books are proved after each.
"""

from datetime import timedelta
from decimal import Decimal

import pytest

from authentication.models import User
from banking.rules.assets import USD
from exchange.market import book
from exchange.models import Instrument, Order, OrderClass, OrderType, Quote, TimeInForce
from exchange.tests import market
from exchange.tests.market import NOW
from exchange.trading import orders
from exchange.trading.intake.requests import ReplaceRequest, StopLoss, TakeProfit
from exchange.trading.orders import OrderNotReplaceable

pytestmark = pytest.mark.usefixtures("books_must_agree")

ONE_SECOND_LEFT = NOW.replace(hour=23, minute=59, second=59)
MIDNIGHT = ONE_SECOND_LEFT + timedelta(seconds=1)


def bracket(owner: User, *, quantity: str) -> Order:
    return market.place(
        owner,
        quantity=quantity,
        limit="190.02",
        order_class=OrderClass.BRACKET,
        time_in_force=TimeInForce.GTC,
        take_profit=TakeProfit(Decimal("195.00")),
        stop_loss=StopLoss(Decimal("180.00")),
    )


def offer(shares: int) -> None:
    """What the street displays at the best ask."""
    Quote.objects.update(ask_size=shares * 1_000_000)


def exits(entry: Order) -> list[tuple[str, int | None]]:
    """The status and the shares of both."""
    legs = Order.objects.filter(side="sell", pair_id__isnull=False, owner=entry.owner_id)
    return [
        (leg.status, None if leg.quantity is None else leg.quantity // 1_000_000)
        for leg in legs.order_by("pk")
    ]


def test_the_exits_sell_what_was_bought_before_the_entry_was_replaced_too(
    alice: User, aapl: Instrument
):
    offer(4)
    entry = bracket(alice, quantity="10")
    cheaper = ReplaceRequest(limit_price=Decimal("189.00"))

    orders.replace(owner_id=alice.pk, order_id=entry.pk, request=cheaper, now=NOW)
    market.advance(market.tick("AAPL", "188.00", "188.02"))

    assert market.balance(alice, aapl.asset) == (0, 10)
    assert exits(entry) == [("new", 10), ("new", 10)]


def test_the_exits_of_a_replaced_entry_that_is_canceled_sell_what_the_first_one_bought(
    alice: User, aapl: Instrument
):
    offer(4)
    entry = bracket(alice, quantity="10")
    cheaper = ReplaceRequest(limit_price=Decimal("189.00"))
    new = orders.replace(owner_id=alice.pk, order_id=entry.pk, request=cheaper, now=NOW)

    orders.cancel(owner_id=alice.pk, order_id=new.pk, now=NOW)

    assert exits(entry) == [("accepted", 4), ("accepted", 4)]


def test_the_exits_sell_what_is_left_when_their_owner_has_promised_some_elsewhere(
    alice: User, aapl: Instrument
):
    offer(5)
    entry = bracket(alice, quantity="10")
    market.place(alice, "sell", "3", limit="200.00")

    market.advance(market.tick("AAPL", "190.00", "190.02"))

    assert Order.objects.get(pk=entry.pk).status == "filled"
    assert exits(entry) == [("new", 7), ("new", 7)]
    assert market.balance(alice, aapl.asset) == (0, 10)


def test_the_exits_end_when_nothing_is_left_for_them(alice: User, aapl: Instrument):
    offer(5)
    entry = bracket(alice, quantity="10")
    market.place(alice, "sell", "5", limit="200.00")

    orders.cancel(owner_id=alice.pk, order_id=entry.pk, now=NOW)

    assert [status for status, _ in exits(entry)] == ["canceled", "canceled"]
    reasons = Order.objects.filter(pair_id__isnull=False).values_list("reject_reason", flat=True)
    assert set(reasons) == {"insufficient_position"}


def test_one_buyer_who_reaches_both_exits_of_a_pair_meets_the_better_one(
    alice: User, bob: User, aapl: Instrument
):
    market.give(alice, aapl.asset, "10")
    market.give(bob, USD, "10000")
    market.place(
        alice,
        "sell",
        "10",
        limit="195.00",
        order_class=OrderClass.OCO,
        time_in_force=TimeInForce.GTC,
        stop_loss=StopLoss(Decimal("180.00"), Decimal("185.00")),
    )
    market.advance(market.tick("AAPL", "179.00", "179.02", size="1"))
    met = Order.objects.get(order_type=OrderType.STOP_LIMIT)
    assert (met.status, met.armed) == ("new", False)
    asks = book.document(aapl, 50, now=NOW)["asks"]
    assert ["185.00", "10"] in asks  # the same ten shares as those at 195.00
    assert sum(Decimal(size) for price, size in asks if Decimal(price) > 185) == 0

    market.place(bob, quantity="40", limit="200.00", now=NOW + timedelta(seconds=3))

    met.refresh_from_db()
    assert met.status == "filled"
    assert [str(fill.price) for fill in met.executions.all()] == ["185.00000000"]
    other = Order.objects.get(owner=alice, order_type=OrderType.LIMIT)
    assert (other.status, other.filled_quantity) == ("canceled", 0)
    assert market.balance(alice, aapl.asset) == (0, 0)


def test_an_order_whose_day_is_over_is_not_replaced_even_before_it_has_expired(
    alice: User, aapl: Instrument
):
    Quote.objects.update(timestamp=ONE_SECOND_LEFT)
    order = market.place(alice, limit="180.00", now=ONE_SECOND_LEFT)
    dearer = ReplaceRequest(limit_price=Decimal("191.00"))

    with pytest.raises(OrderNotReplaceable):
        orders.replace(owner_id=alice.pk, order_id=order.pk, request=dearer, now=MIDNIGHT)

    assert market.balance(alice) == (9_820, 180)


def test_a_stop_whose_day_is_over_is_not_triggered_by_the_order_that_does_the_rounds_work(
    alice: User, bob: User, aapl: Instrument
):
    """The round that recorded the price died before it worked the orders."""
    Quote.objects.update(timestamp=ONE_SECOND_LEFT)
    stop = market.place(
        alice,
        limit=None,
        order_type=OrderType.STOP,
        stop_price=Decimal("195.00"),
        now=ONE_SECOND_LEFT,
    )
    Quote.objects.update(price=Decimal("196.00"), unworked=True)

    market.place(bob, now=MIDNIGHT)

    assert Order.objects.get(pk=stop.pk).status == "new"
    orders.expire_due(now=MIDNIGHT)
    assert Order.objects.get(pk=stop.pk).status == "expired"
    assert market.balance(alice) == (10_000, 0)


def test_a_trailing_stop_that_waited_for_a_quote_follows_from_that_quote_on(
    alice: User, aapl: Instrument
):
    market.give(alice, aapl.asset, "1")
    stop = market.place(
        alice,
        "sell",
        order_type=OrderType.TRAILING_STOP,
        trail_amount=Decimal("5.00"),
        now=NOW + timedelta(minutes=5),
    )
    assert (stop.status, stop.stop_price) == ("accepted", Decimal("185.00"))

    market.advance(market.tick("AAPL", "200.00", "200.02"), at=NOW + timedelta(minutes=6))

    stop.refresh_from_db()
    assert (stop.status, stop.stop_price) == ("new", Decimal("195.00"))
