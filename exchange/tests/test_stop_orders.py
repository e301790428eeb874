"""Stop, stop-limit and trailing-stop orders: what triggers them and what they fill at."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from authentication.models import User
from banking.rules.assets import USD
from exchange.models import Instrument, Order, OrderType
from exchange.tests import market
from exchange.tests.market import NOW, advance, balance, place, tick
from exchange.trading import orders
from exchange.trading.intake.requests import ReplaceRequest, StopPriceReached

pytestmark = pytest.mark.usefixtures("books_must_agree")

URL = "/api/exchange/api/v1/orders/"


def stop(user: User, side: str, stop_price: str, **fields: Any) -> Order:
    return place(
        user,
        side,
        order_type=OrderType.STOP_LIMIT if "limit_price" in fields else OrderType.STOP,
        stop_price=Decimal(stop_price),
        **fields,
    )


def trailing(user: User, side: str = "sell", **trail: Any) -> Order:
    return place(user, side, order_type=OrderType.TRAILING_STOP, **trail)


def prices(*bids: str, start: int = 2) -> None:
    """One round for each of these bids, two cents wide, two seconds apart."""
    for number, bid in enumerate(bids):
        ask = f"{Decimal(bid) + Decimal('0.02'):.2f}"
        advance(tick("AAPL", bid, ask), at=NOW + timedelta(seconds=start + 2 * number))


def state(order: Order) -> tuple[str, str | None]:
    order.refresh_from_db()
    fill = order.executions.first()
    return order.status, None if fill is None else f"{fill.price:.2f}"


@pytest.fixture
def holder(alice: User, aapl: Instrument) -> User:
    """Alice, who has bought ten shares at 190.02."""
    place(alice, "buy", "10")
    return alice


def test_a_sell_stop_waits_until_its_price_trades_and_sells_at_the_market(holder: User):
    order = stop(holder, "sell", "185.00")
    assert (order.status, order.armed) == ("new", True)
    assert balance(holder, order.instrument.asset) == (9, 1)
    prices("185.01")
    assert state(order) == ("new", None)
    prices("185.00", start=4)
    assert state(order) == ("filled", "185.00")
    assert balance(holder, order.instrument.asset) == (9, 0)


def test_a_buy_stop_fills_when_the_price_has_risen_to_it(alice: User, aapl: Instrument):
    order = stop(alice, "buy", "195.00")
    # At worst a collar of 5 % above the stop price.
    assert balance(alice) == (Decimal("9795.25"), Decimal("204.75"))
    prices("194.99", "195.10")
    assert state(order) == ("filled", "195.12")
    assert balance(alice) == (Decimal("9804.88"), 0)


@pytest.mark.parametrize(
    ("side", "stop_price", "gap", "filled_at"),
    [("sell", "185.00", "150.00", "150.00"), ("buy", "195.00", "240.00", "240.02")],
)
def test_after_a_gap_a_stop_fills_at_the_gap_s_price(
    holder: User, side: str, stop_price: str, gap: str, filled_at: str
):
    order = stop(holder, side, stop_price)
    prices(gap)
    assert state(order) == ("filled", filled_at)


def test_a_gap_that_nobody_can_pay_for_cancels_the_stop(aapl: Instrument):
    poor = market.make_customer("poor@example.com", dollars="210.00")
    order = stop(poor, "buy", "195.00")
    prices("300.00")
    assert state(order) == ("canceled", None)
    assert order.reject_reason == "insufficient_funds"
    assert balance(poor) == (210, 0)


def test_a_gap_that_costs_more_than_the_hold_takes_the_rest_from_what_is_available(
    alice: User, aapl: Instrument
):
    """Several fills; after the first of them the others still cost more than all of the hold."""
    order = stop(alice, "buy", "195.00", quantity="10")
    assert balance(alice) == (Decimal("7952.50"), Decimal("2047.50"))
    advance(tick("AAPL", "230.00", "230.02", size="2.5"))
    order.refresh_from_db()
    assert order.status == "filled"
    spent = USD.amount(sum(fill.cents for fill in order.executions.all()))
    assert order.executions.count() > 2
    assert spent > Decimal("2300.20")
    assert balance(alice) == (10_000 - spent, 0)


def test_a_stop_limit_becomes_a_limit_order_and_rests_when_the_gap_is_too_wide(holder: User):
    order = stop(holder, "sell", "185.00", limit_price=Decimal("184.00"))
    prices("180.00")
    assert state(order) == ("new", None)
    assert not order.armed
    prices("184.50", start=4)
    assert state(order) == ("filled", "184.50")


def test_an_armed_stop_limit_is_not_in_the_book(client: APIClient, holder: User, bob: User):
    stop(holder, "sell", "185.00", limit_price=Decimal("184.00"))
    book = client.get("/api/exchange/api/v1/market-data/AAPL/book/").json()
    assert ["184.00", "1"] not in book["asks"]
    bid = place(bob, "buy", "1", limit="189.00")
    assert bid.status == "new"


def test_a_stop_is_refused_when_its_price_has_been_reached_already(holder: User):
    before = balance(holder)
    with pytest.raises(StopPriceReached):
        stop(holder, "sell", "190.00")
    with pytest.raises(StopPriceReached):
        stop(holder, "buy", "190.00")
    assert balance(holder) == before
    assert Order.objects.count() == 1


def test_a_stop_is_not_triggered_by_customers_trades_beside_the_tape(holder: User, bob: User):
    order = stop(holder, "sell", "189.00")
    # Bob sweeps the book far below; the street's last price stays where it is.
    place(holder, "buy", "1", limit="188.00")
    market.give(bob, order.instrument.asset, "1")
    place(bob, "sell", "1", limit="188.00")
    assert state(order) == ("new", None)


def test_a_trailing_stop_follows_the_market_up_and_never_down(holder: User):
    order = trailing(holder, trail_amount=Decimal("5.00"))
    stands = []
    for number, bid in enumerate(["192.00", "191.00", "200.00", "197.00"]):
        prices(bid, start=2 + 2 * number)
        order.refresh_from_db()
        stands.append(f"{order.stop_price:.2f}")
    assert stands == ["187.00", "187.00", "195.00", "195.00"]
    prices("195.00", start=20)
    assert state(order) == ("filled", "195.00")


def test_a_trail_that_would_be_triggered_at_once_is_refused(holder: User):
    order = trailing(holder, trail_amount=Decimal("20.00"))
    prices("200.00", "190.00")
    shorter = ReplaceRequest(trail_amount=Decimal("10.00"))  # 190.00 below the peak of 200.00
    with pytest.raises(StopPriceReached):
        orders.replace(owner_id=holder.pk, order_id=order.pk, request=shorter, now=NOW)
    assert state(order) == ("new", None)
    shorter = ReplaceRequest(trail_amount=Decimal("10.01"))
    new = orders.replace(owner_id=holder.pk, order_id=order.pk, request=shorter, now=NOW)
    assert (new.status, new.stop_price) == ("new", Decimal("189.99"))


def test_a_trailing_buy_follows_the_market_down(alice: User, aapl: Instrument):
    order = trailing(alice, "buy", trail_percent=Decimal(10))
    assert order.stop_price == Decimal("209.00")
    prices("180.00", "150.00")
    order.refresh_from_db()
    assert order.stop_price == Decimal("165.00")
    prices("165.00", start=20)
    assert state(order) == ("filled", "165.02")


def test_a_trailing_percentage_is_rounded_away_from_the_market(holder: User):
    order = trailing(holder, trail_percent=Decimal("3.3333"))
    # 190.00 less 3.3333 % is 183.66673.
    assert order.stop_price == Decimal("183.66")


def test_a_stop_that_came_while_there_was_no_fresh_quote_is_armed_by_the_next_one(holder: User):
    late = NOW + timedelta(minutes=10)
    order = stop(holder, "sell", "185.00", now=late)
    assert (order.status, order.armed) == ("accepted", True)
    advance(tick("AAPL", "189.00", "189.02"), at=late + timedelta(seconds=1))
    assert state(order) == ("new", None)
    advance(tick("AAPL", "184.00", "184.02"), at=late + timedelta(seconds=3))
    assert state(order) == ("filled", "184.00")


def test_a_canceled_stop_gives_back_what_it_held(client: APIClient, alice: User, aapl: Instrument):
    order = stop(alice, "buy", "195.00")
    answer = client.delete(f"{URL}{order.pk}/")
    assert answer.json()["status"] == "canceled"
    assert balance(alice) == (10_000, 0)


def test_the_answer_shows_where_a_stop_stands(client: APIClient, holder: User):
    body = {"symbol": "AAPL", "side": "sell", "order_type": "trailing_stop", "quantity": "1"}
    answer = client.post(URL, {**body, "trail_percent": "5"})
    assert answer.status_code == 201, answer.json()
    shown = {
        name: answer.json()[name]
        for name in ("stop_price", "trail_amount", "trail_percent", "limit_price", "status")
    }
    assert shown == {
        "stop_price": "180.50",
        "trail_amount": None,
        "trail_percent": "5",
        "limit_price": None,
        "status": "new",
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"order_type": "stop"}, "stop_price"),
        ({"order_type": "stop", "stop_price": "180.001"}, "stop_price"),
        ({"order_type": "stop", "stop_price": "180.00", "limit_price": "179.00"}, "limit_price"),
        ({"order_type": "stop_limit", "stop_price": "180.00"}, "limit_price"),
        ({"order_type": "limit", "limit_price": "180.00", "stop_price": "1.00"}, "stop_price"),
        ({"order_type": "trailing_stop"}, "trail_percent"),
        (
            {"order_type": "trailing_stop", "trail_amount": "1", "trail_percent": "1"},
            "trail_amount",
        ),
        ({"order_type": "trailing_stop", "trail_percent": "100"}, "trail_percent"),
        ({"order_type": "trailing_stop", "trail_percent": "1.00001"}, "trail_percent"),
        ({"order_type": "trailing_stop", "trail_amount": "190.00"}, "trail_amount"),
        ({"order_type": "trailing_stop", "trail_amount": "1", "stop_price": "1"}, "stop_price"),
        ({"order_type": "market", "trail_amount": "1"}, "trail_amount"),
        ({"order_type": "stop", "stop_price": "180.00", "time_in_force": "ioc"}, "time_in_force"),
        (
            {"order_type": "stop", "stop_price": "180.00", "quantity": None, "notional": "5.00"},
            "notional",
        ),
    ],
)
def test_a_misshapen_stop_is_a_400_that_names_the_field(
    client: APIClient, holder: User, change: dict[str, object], field: str
):
    body = {"symbol": "AAPL", "side": "sell", "quantity": "1", **change}
    answer = client.post(URL, body)
    assert answer.status_code == 400, answer.json()
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert Order.objects.count() == 1


def test_stops_of_several_owners_are_worked_in_the_order_of_their_time(
    alice: User, bob: User, charlie: User, aapl: Instrument
):
    owners = [alice, bob, charlie]
    for owner in owners:
        market.give(owner, aapl.asset, "3")
    waiting = [
        stop(owner, "sell", "185.00", quantity="3", now=NOW + timedelta(milliseconds=number))
        for number, owner in enumerate(owners)
    ]
    # The best level has room for one and a bit; those behind it are a little worse.
    advance(tick("AAPL", "184.00", "184.02", size="4"))
    first, second, third = (
        [f"{fill.price:.2f}" for fill in order.executions.order_by("pk")] for order in waiting
    )
    assert first == ["184.00"]
    assert second[0] == "184.00"
    assert second[-1] < "184.00"
    assert third[0] < "184.00"
