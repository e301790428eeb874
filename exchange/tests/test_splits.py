"""Splits: holders, holds, open orders, quote and candles, all in new shares at once."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from banking import integrity
from banking.models import JournalEntry, LedgerAccount
from banking.tests.parallel import at_once
from be.kernel.identifiers import uuid7
from be.kernel.refusals import Refusal
from exchange.corporate import processing
from exchange.corporate.rules import terms
from exchange.market import book, candles
from exchange.models import (
    ActionKind,
    Candle,
    CorporateAction,
    Entitlement,
    Execution,
    Instrument,
    Interval,
    Order,
    OrderClass,
    OrderFeed,
    OrderType,
    Quote,
    Simulator,
    TimeInForce,
)
from exchange.tests.market import (
    NOW,
    advance,
    balance,
    make_customer,
    make_instrument,
    place,
    set_quote,
    tick,
)
from exchange.trading import orders
from exchange.trading.intake.requests import StopLoss, TakeProfit
from exchange.trading.settlement import reconciliation

pytestmark = pytest.mark.django_db

EX_DATE = date(2026, 3, 2)
LATER = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)


def enter_split(instrument: Instrument, new: int, old: int) -> CorporateAction:
    return CorporateAction.objects.create(
        id=uuid7(NOW),
        instrument=instrument,
        kind=ActionKind.SPLIT,
        ex_date=EX_DATE,
        payable_date=EX_DATE,
        new_shares=new,
        old_shares=old,
        announced_at=NOW,
    )


def split(instrument: Instrument, new: int, old: int) -> None:
    enter_split(instrument, new, old)
    assert len(processing.run(now=LATER)) == 1


@pytest.fixture
def aapl() -> Instrument:
    instrument = make_instrument()
    set_quote(instrument, "199.98", "200.00", size="1000000")
    return instrument


@pytest.fixture
def alice() -> User:
    return make_customer(dollars="100000")


def shares(user: User, instrument: Instrument) -> tuple[Decimal, Decimal]:
    return balance(user, instrument.asset)


def assert_books_are_right() -> None:
    assert [*integrity.check(), *reconciliation.check()] == []


def gtc(user: User, side: str, quantity: str, limit: str, *, symbol: str = "AAPL") -> Order:
    return place(user, side, quantity, symbol=symbol, limit=limit, time_in_force=TimeInForce.GTC)


def test_holders_get_new_shares_for_old_and_the_market_quotes_them(aapl, alice):
    place(alice, "buy", "10.5")
    cash = balance(alice)

    split(aapl, 4, 1)

    assert shares(alice, aapl) == (42, 0)
    assert balance(alice) == cash
    quote = Quote.objects.get()
    assert (quote.bid, quote.ask, quote.price) == (
        Decimal("49.99"),
        Decimal("50.00"),
        Decimal("49.99"),
    )
    assert quote.ask_size == aapl.asset.units(Decimal(4_000_000))
    assert_books_are_right()


def test_a_fraction_of_the_smallest_unit_is_dropped(aapl, alice):
    place(alice, "buy", "10.000001")

    split(aapl, 1, 3)

    assert shares(alice, aapl) == (Decimal("3.333333"), 0)
    given = Entitlement.objects.get()
    assert (given.units, given.units_after) == (10_000_001, 3_333_333)
    assert_books_are_right()


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


def test_a_split_to_a_price_at_which_nobody_could_order_is_not_carried_out(aapl, alice, caplog):
    place(alice, "buy", "2")
    enter_split(aapl, 1, 100_000)

    assert processing.run(now=LATER) == []

    assert "above 10000000" in caplog.text
    assert Quote.objects.get().price == Decimal("199.98")
    assert shares(alice, aapl) == (2, 0)


def test_an_order_of_more_units_than_can_be_stored_is_canceled_and_stops_nothing():
    coin, alice = make_instrument("ADA-USD", "crypto"), make_customer(dollars="2000000000")
    set_quote(coin, "2000.00", "2000.01", size="1")
    large = gtc(alice, "buy", "100000000", "10.00", symbol=coin.symbol)

    split(coin, 1000, 1)

    large.refresh_from_db()
    assert (large.status, large.reject_reason) == ("canceled", "split")
    assert balance(alice)[1] == 0
    assert_books_are_right()


def test_below_a_dollar_the_grid_is_finer(alice):
    cheap = make_instrument()
    set_quote(cheap, "1.50", "1.51", size="1000")
    candles.record([candles.Trade(cheap.pk, NOW, Decimal("1.51"), 1_000_000)])
    order = gtc(alice, "buy", "1", "1.49")

    split(cheap, 4, 1)

    quote = Quote.objects.get()
    order.refresh_from_db()
    assert (quote.bid, quote.ask) == (Decimal("0.375"), Decimal("0.3775"))
    assert order.limit_price == Decimal("0.3725")
    assert set(Candle.objects.values_list("close", flat=True)) == {Decimal("0.3775")}


def test_what_would_be_worth_less_than_an_increment_keeps_a_price():
    aapl = make_instrument()
    set_quote(aapl, "1.00", "1.01", size="1")
    candles.record([candles.Trade(aapl.pk, NOW, Decimal("1.01"), 7)])

    split(aapl, 10**6, 1)

    quote = Quote.objects.get()
    assert quote.bid == quote.ask == quote.price == Decimal("0.0001")
    candle = Candle.objects.filter(interval=Interval.ONE_DAY).get()
    assert (candle.low, candle.close) == (Decimal("0.00000101"), Decimal("0.00000101"))


@pytest.mark.parametrize(("new", "old", "volume"), [(10_001, 10_000, 10**15), (3, 2, 7)])
def test_volumes_of_candles_are_exact_however_large(aapl, new, old, volume):
    candles.record([candles.Trade(aapl.pk, NOW, Decimal("200.01"), volume)])

    split(aapl, new, old)

    assert set(Candle.objects.values_list("volume", flat=True)) == {volume * new // old}


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
    """Else the first better price would leave it at nothing, which no order can be."""
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


def test_an_instrument_without_quote_candles_and_holders_can_be_split_too():
    action = enter_split(make_instrument(), 2, 1)

    (done,) = processing.run(now=LATER)

    assert (done.action, done.holders) == (action, 0)


def test_what_is_too_little_to_change_is_noted_and_not_posted(aapl, alice):
    place(alice, "buy", "0.000001")

    split(aapl, 3, 2)

    given = Entitlement.objects.get()
    assert (given.units, given.units_after) == (1, 1)
    assert not JournalEntry.objects.filter(kind="split").exists()
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
    """A simulator died after it had recorded a round in which an order is met."""
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


def test_what_was_taken_from_the_street_stays_taken(alice):
    scarce = make_instrument()
    set_quote(scarce, "199.98", "200.00", size="3")
    place(alice, "buy", "2")
    left = next(book.street_levels(scarce, Quote.objects.get(), "buy")).units

    split(scarce, 2, 1)

    quote = Quote.objects.get()
    assert (quote.ask_size, quote.ask_taken) == (6_000_000, 4_000_000)
    assert next(book.street_levels(scarce, quote, "buy")).units == 2 * left


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


def test_candles_are_shown_in_new_shares_as_exactly_as_prices_are_stored(aapl):
    candles.record([candles.Trade(aapl.pk, NOW, Decimal("200.00"), 3_000_000)])
    Simulator.objects.create(name="default", state={"at": "whenever"})

    split(aapl, 3, 1)

    for candle in Candle.objects.filter(interval=Interval.ONE_DAY):
        assert (candle.close, candle.volume) == (Decimal("66.66666667"), 9_000_000)
    # The model counts in other shares: what it has stored stays right.
    assert Simulator.objects.get().state == {"at": "whenever"}


def test_executions_stay_as_they_happened(aapl, alice):
    place(alice, "buy", "2")

    split(aapl, 2, 1)

    fill = Execution.objects.get()
    assert (fill.quantity, fill.price) == (2_000_000, 200)


@pytest.mark.django_db(transaction=True)
def test_orders_that_come_during_a_split_are_before_it_or_after_it():
    aapl, alice = make_instrument(), make_customer(dollars="1000000")
    set_quote(aapl, "199.98", "200.00", size="1000000")
    place(alice, "buy", "100")
    enter_split(aapl, 2, 1)

    def attempt(call):
        try:
            call()
        except Refusal as refusal:
            return refusal.code
        return ""

    calls = [
        *[partial(processing.run, now=LATER)] * 2,
        *[partial(place, alice, "buy", "1")] * 5,
        *[partial(place, alice, "sell", "1")] * 5,
        *[partial(gtc, alice, "sell", "1", "300.00")] * 4,
        partial(orders.cancel_all, owner_id=alice.pk, now=NOW),
    ]
    assert set(at_once([partial(attempt, call) for call in calls])) == {""}

    assert JournalEntry.objects.filter(kind="split").count() == 1
    account = LedgerAccount.objects.get(owner=alice, asset="AAPL")
    given = Entitlement.objects.get()
    assert given.units_after == 2 * given.units
    assert account.available + account.held >= 195_000_000
    assert_books_are_right()


@given(
    units=st.integers(1, 10**12),
    parts=st.lists(st.integers(0, 10**9), max_size=5),
    new=st.integers(1, 50),
    old=st.integers(1, 50),
)
def test_what_holds_reserve_is_never_more_than_what_there_is(units, parts, new, old):
    ratio = Fraction(new, old)
    reserved = [part for part in parts if part <= units // len(parts)]

    after = sum(terms.units_after_split(part, ratio) for part in reserved)

    assert after <= terms.units_after_split(units, ratio)
    assert terms.units_after_split(units - sum(reserved), ratio) <= (
        terms.units_after_split(units, ratio) - after
    )


@given(
    quantity=st.integers(1, 10**9),
    cents=st.integers(1, 10**6),
    new=st.integers(1, 50),
    old=st.integers(1, 50),
)
def test_what_was_held_for_a_buy_covers_it_after_a_split(quantity, cents, new, old):
    ratio, price = Fraction(new, old), Decimal(cents) / 100
    new_price = terms.order_price_after_split(price, ratio, Decimal("0.01"), "stock", buys=True)

    assert Fraction(new_price) * terms.units_after_split(quantity, ratio) <= (
        Fraction(price) * quantity
    )
