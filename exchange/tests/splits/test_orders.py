"""Open orders after a split: restated in new shares, or canceled where that is not possible."""

from datetime import timedelta
from decimal import Decimal

import pytest

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from exchange.market import book
from exchange.models import (
    CorporateAction,
    Order,
    OrderClass,
    OrderFeed,
    OrderType,
    Quote,
    TimeInForce,
)
from exchange.tests.market import (
    NOW,
    advance,
    assert_books_are_right,
    balance,
    make_customer,
    make_instrument,
    place,
    set_quote,
    tick,
)
from exchange.tests.splits.cast import LATER, gtc, shares, split
from exchange.trading.intake.requests import StopLoss, TakeProfit

pytestmark = pytest.mark.django_db


def test_open_orders_are_counted_in_new_shares_and_prices(aapl, alice):
    place(alice, "buy", "10")
    buying, selling = gtc(alice, "buy", "3", "100.01"), gtc(alice, "sell", "4", "300.01")
    stop = place(
        alice,
        "sell",
        "2",
        order_type=OrderType.STOP,
        stop_price=Decimal("150.01"),
        time_in_force=TimeInForce.GTC,
    )
    held = balance(alice)[1]

    split(aapl, 2, 1)

    for order in (buying, selling, stop):
        order.refresh_from_db()
    # On the grid, in favour of the owner: a buy's price down, a sell's up.
    assert (buying.limit_price, buying.quantity) == (Decimal("50.00"), 6_000_000)
    assert (selling.limit_price, selling.quantity) == (Decimal("150.01"), 8_000_000)
    assert (stop.stop_price, stop.quantity) == (Decimal("75.01"), 4_000_000)
    assert shares(alice, aapl) == (8, 12)
    assert balance(alice)[1] == held
    assert_books_are_right()
    bids, asks = book.whole_book(aapl, Quote.objects.get(), 10, LATER)
    assert Decimal("50.00") in {level.price for level in bids} or bids
    assert asks[0].price == Decimal("100.00")


def test_orders_trade_on_after_a_split_as_if_they_had_been_placed_in_new_shares(aapl, alice):
    place(alice, "buy", "10")
    buying, selling = gtc(alice, "buy", "3", "100.01"), gtc(alice, "sell", "4", "300.01")
    split(aapl, 2, 1)

    advance(tick("AAPL", "49.98", "50.00", size="1000000"), at=LATER + timedelta(seconds=1))
    advance(tick("AAPL", "150.01", "150.03", size="1000000"), at=LATER + timedelta(seconds=2))

    for order in (buying, selling):
        order.refresh_from_db()
        assert order.status == "filled"
    assert shares(alice, aapl) == (20 + 6 - 8, 0)
    assert balance(alice)[1] == 0
    assert_books_are_right()


def test_an_order_filled_in_part_keeps_its_fills_and_the_rest_becomes_new_shares(aapl, alice):
    bob = make_customer("bob@example.com", dollars="100000")
    resting = gtc(alice, "buy", "5", "199.99")
    place(bob, "buy", "2")
    place(bob, "sell", "2")

    split(aapl, 3, 1)

    resting.refresh_from_db()
    assert (resting.filled_quantity, resting.quantity) == (2_000_000, 11_000_000)
    assert shares(alice, aapl) == (6, 0)
    advance(tick("AAPL", "60.00", "60.02", size="1000000"), at=LATER + timedelta(seconds=1))
    resting.refresh_from_db()
    assert resting.status == "filled"
    assert shares(alice, aapl) == (15, 0)
    assert_books_are_right()


def test_brackets_and_their_legs_stay_whole(aapl, alice):
    entry = place(
        alice,
        "buy",
        "3",
        limit="150.00",
        time_in_force=TimeInForce.GTC,
        order_class=OrderClass.BRACKET,
        take_profit=TakeProfit(Decimal("300.00")),
        stop_loss=StopLoss(Decimal("120.00")),
    )

    split(aapl, 2, 1)
    advance(tick("AAPL", "74.98", "75.00", size="1000000"), at=LATER + timedelta(seconds=1))
    advance(tick("AAPL", "74.98", "75.00", size="1000000"), at=LATER + timedelta(seconds=2))

    entry.refresh_from_db()
    assert entry.status == "filled"
    profit, loss = Order.objects.filter(parent=entry).order_by("order_type")
    assert {profit.quantity, loss.quantity} == {6_000_000}
    assert shares(alice, aapl) == (0, 6)
    assert_books_are_right()
    advance(tick("AAPL", "150.00", "150.02", size="1000000"), at=LATER + timedelta(seconds=3))
    profit.refresh_from_db()
    loss.refresh_from_db()
    assert (profit.status, loss.status) == ("filled", "canceled")
    assert shares(alice, aapl) == (0, 0)
    assert_books_are_right()


def test_two_exits_that_share_a_hold_share_it_in_new_shares(aapl, alice):
    place(alice, "buy", "3.000001")
    place(
        alice,
        "sell",
        "3.000001",
        limit="300.00",
        time_in_force=TimeInForce.GTC,
        order_class=OrderClass.OCO,
        stop_loss=StopLoss(Decimal("120.00")),
    )

    split(aapl, 1, 2)

    assert shares(alice, aapl) == (0, Decimal("1.500000"))
    assert set(Order.objects.filter(status="new").values_list("quantity", flat=True)) == {1_500_000}
    assert_books_are_right()


def bracket(user: User, quantity: str, limit: str, *, profit: str, loss: str) -> Order:
    return place(
        user,
        "buy",
        quantity,
        limit=limit,
        time_in_force=TimeInForce.GTC,
        order_class=OrderClass.BRACKET,
        take_profit=TakeProfit(Decimal(profit)),
        stop_loss=StopLoss(Decimal(loss)),
    )


def sell_to_the_best(user: User, quantity: str) -> None:
    place(user, "buy", quantity)
    place(user, "sell", quantity)


def test_an_entry_of_which_nothing_is_left_to_buy_ends_and_its_legs_sell_what_is_there(aapl, alice):
    entry = bracket(alice, "0.000120", "199.99", profit="300.00", loss="120.00")
    sell_to_the_best(make_customer("bob@example.com"), "0.000050")
    assert shares(alice, aapl) == (Decimal("0.000050"), 0)

    split(aapl, 1, 100)

    entry.refresh_from_db()
    assert (entry.status, entry.reject_reason) == ("canceled", "split")
    # Of what was bought nothing is left either.
    assert set(Order.objects.filter(parent=entry).values_list("status", flat=True)) == {"canceled"}
    assert shares(alice, aapl) == (0, 0)
    assert balance(alice)[1] == 0
    assert_books_are_right()


def test_an_entry_whose_limit_vanishes_leaves_its_legs_what_it_bought_in_new_shares(alice):
    coin = make_instrument("AAPL", "crypto")
    set_quote(coin, "0.01", "0.03", size="1000000")
    place(alice, "buy", "100")  # the owner's other coins are no concern of the legs
    entry = bracket(alice, "10", "0.02", profit="1.00", loss="0.01")
    sell_to_the_best(make_customer("bob@example.com"), "4")

    split(coin, 4, 1)

    entry.refresh_from_db()
    assert (entry.status, entry.reject_reason) == ("canceled", "split")
    legs = Order.objects.filter(parent=entry)
    assert {(leg.status, leg.quantity) for leg in legs} == {("accepted", 16 * 10**8)}
    assert shares(alice, coin) == (400, 16)
    assert_books_are_right()


def test_an_order_at_a_price_that_no_order_may_have_is_canceled_and_stops_nothing(aapl, alice):
    place(alice, "buy", "2")
    dear, fair = gtc(alice, "sell", "1", "10000000"), gtc(alice, "sell", "1", "300.00")

    split(aapl, 1, 1000)

    dear.refresh_from_db()
    fair.refresh_from_db()
    assert (dear.status, dear.reject_reason) == ("canceled", "split")
    assert (fair.status, fair.limit_price) == ("new", 300_000)
    assert shares(alice, aapl) == (Decimal("0.001"), Decimal("0.001"))
    assert_books_are_right()


def test_an_order_of_more_units_than_can_be_stored_is_canceled_and_stops_nothing():
    coin, alice = make_instrument("ADA-USD", "crypto"), make_customer(dollars="2000000000")
    set_quote(coin, "2000.00", "2000.01", size="1")
    large = gtc(alice, "buy", "100000000", "10.00", symbol=coin.symbol)

    split(coin, 1000, 1)

    large.refresh_from_db()
    assert (large.status, large.reject_reason) == ("canceled", "split")
    assert balance(alice)[1] == 0
    assert_books_are_right()


def test_a_trailing_stop_trails_on_at_the_new_distance(aapl, alice):
    place(alice, "buy", "2")
    trailing = place(
        alice,
        "sell",
        "2",
        order_type=OrderType.TRAILING_STOP,
        trail_amount=Decimal("10.00"),
        time_in_force=TimeInForce.GTC,
    )

    split(aapl, 2, 1)
    advance(tick("AAPL", "110.00", "110.02", size="1000000"), at=LATER + timedelta(seconds=1))

    trailing.refresh_from_db()
    assert (trailing.trail_amount, trailing.stop_price) == (5, 105)
    assert_books_are_right()


def test_a_trailing_stop_that_could_not_follow_the_market_any_more_is_canceled(alice):
    """Else the first better price would move its stop price to zero, which is not allowed."""
    cheap = make_instrument()
    set_quote(cheap, "2.00", "2.01", size="1000")
    place(alice, "buy", "2")
    wide, near = [
        place(
            alice,
            "sell",
            "1",
            order_type=OrderType.TRAILING_STOP,
            trail_percent=Decimal(percent),
            time_in_force=TimeInForce.GTC,
        )
        for percent in (99, 5)
    ]

    split(cheap, 4, 1)
    advance(tick("AAPL", "0.60", "0.61"), at=LATER + timedelta(seconds=1))

    wide.refresh_from_db()
    near.refresh_from_db()
    assert (wide.status, wide.reject_reason) == ("canceled", "split")
    assert (near.status, near.stop_price) == ("new", Decimal("0.57"))
    assert_books_are_right()


def test_an_order_of_which_nothing_is_left_is_canceled(aapl, alice):
    place(alice, "buy", "1")
    tiny, cheap = gtc(alice, "sell", "0.000001", "300.00"), gtc(alice, "buy", "1", "0.01")

    split(aapl, 1, 2)
    split_again = CorporateAction.objects.get()
    assert split_again.carried_out_at == LATER

    tiny.refresh_from_db()
    cheap.refresh_from_db()
    assert (tiny.status, tiny.reject_reason) == ("canceled", "split")
    assert (cheap.status, cheap.limit_price) == ("new", Decimal("0.02"))
    assert shares(alice, aapl) == (Decimal("0.500000"), 0)
    assert_books_are_right()


def test_a_limit_that_becomes_less_than_an_increment_is_canceled(aapl, alice):
    cheap = gtc(alice, "buy", "1", "0.0001")

    split(aapl, 2, 1)

    cheap.refresh_from_db()
    assert (cheap.status, cheap.reject_reason) == ("canceled", "split")
    assert balance(alice)[1] == 0
    assert_books_are_right()


def test_an_order_for_dollars_that_waits_buys_new_shares_for_them(aapl, alice):
    stale = NOW + timedelta(hours=1)
    waiting = place(alice, "buy", None, notional="100.00", now=stale)
    assert waiting.status == "accepted"

    split(aapl, 4, 1)
    advance(tick("AAPL", "49.98", "50.00", size="1000000"), at=LATER + timedelta(seconds=1))

    waiting.refresh_from_db()
    assert (waiting.status, waiting.quantity) == ("filled", 2_000_000)
    assert balance(alice) == (99_900, 0)
    assert_books_are_right()


def test_what_is_still_to_be_worked_is_worked_in_new_shares(aapl, alice):
    """A simulator stopped after it had recorded a round, and before it matched orders."""
    bob = make_customer("bob@example.com", dollars="100000")
    place(alice, "buy", "2")
    selling = gtc(alice, "sell", "2", "200.02")
    Quote.objects.update(
        bid=Decimal("200.02"), price=Decimal("200.02"), ask=Decimal("200.04"), unworked=True
    )

    split(aapl, 2, 1)
    place(bob, "buy", "1", now=NOW)

    selling.refresh_from_db()
    assert (selling.status, selling.filled_quantity) == ("filled", 4_000_000)
    assert {fill.price for fill in selling.executions.all()} == {Decimal("100.01")}
    assert shares(bob, aapl) == (1, 0)
    assert_books_are_right()


def test_owners_are_told_and_the_api_shows_the_order_as_it_is_now(
    aapl, alice, django_capture_on_commit_callbacks, monkeypatch
):
    sent = []
    monkeypatch.setattr(
        "exchange.streaming.publish.order_updates", lambda **message: sent.append(message)
    )
    order = gtc(alice, "buy", "3", "100.00")
    before = OrderFeed.objects.get().sequence

    with django_capture_on_commit_callbacks(execute=True):
        split(aapl, 4, 1)

    (message,) = sent
    (update,) = message["updates"]
    assert (update["event"], update["sequence"]) == ("new", before + 1)
    document = signed_in_client(alice).get(f"/api/exchange/api/v1/orders/{order.pk}/").json()
    assert document["limit_price"] == update["order"]["limit_price"] == "25.00"
    assert document["quantity"] == update["order"]["quantity"] == "12"
