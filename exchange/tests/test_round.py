"""A round of the market: prices are recorded and orders trade at them."""

from datetime import timedelta
from decimal import Decimal
from unittest.mock import Mock

import pytest
from django.db import connection

from authentication.models import User
from be.database import statements
from exchange.models import Candle, Instrument, InstrumentStatus, Order, Quote, TimeInForce
from exchange.tests import market
from exchange.tests.market import advance, balance, place, tick
from exchange.trading.rows import order_rows
from exchange.trading.settlement import reconciliation

pytestmark = pytest.mark.usefixtures("books_must_agree")

LATER = market.NOW + timedelta(seconds=2)


def test_a_resting_buy_fills_at_the_street_price_and_gets_the_improvement_back(
    alice: User, aapl: Instrument
):
    order = place(alice, "buy", "2", limit="180.00")
    assert balance(alice) == (Decimal("9640.00"), Decimal("360.00"))
    assert advance(tick("AAPL", "178.99", "179.00")) == 1
    order.refresh_from_db()
    assert (order.status, order.filled_at) == ("filled", LATER)
    fill = order.executions.get()
    assert (fill.price, fill.liquidity) == (Decimal("179.00"), "maker")
    assert balance(alice) == (Decimal("9642.00"), 0)
    assert balance(alice, aapl.asset) == (Decimal(2), 0)


def test_a_resting_sell_fills_when_the_bid_reaches_it(alice: User, aapl: Instrument):
    place(alice, "buy", "1")
    order = place(alice, "sell", "1", limit="195.00")
    assert balance(alice, aapl.asset) == (0, Decimal(1))
    assert advance(tick("AAPL", "194.99", "195.01")) == 0
    assert advance(tick("AAPL", "196.00", "196.02"), at=LATER + timedelta(seconds=2)) == 1
    order.refresh_from_db()
    assert order.executions.get().price == Decimal("196.00")
    assert balance(alice)[0] == Decimal("10005.98")


def test_better_prices_fill_first_then_older_orders(
    alice: User, bob: User, charlie: User, aapl: Instrument
):
    lower = place(alice, "buy", "1", limit="185.00")
    older = place(bob, "buy", "1", limit="186.00", now=market.NOW)
    younger = place(charlie, "buy", "1", limit="186.00", now=market.NOW + timedelta(milliseconds=1))
    # One share at the best level; the next ones are dearer than anybody's limit.
    advance(tick("AAPL", "185.90", "186.00", size="1"))
    statuses = {
        order.pk: order.status for order in Order.objects.filter(status__in=["filled", "new"])
    }
    assert statuses[older.pk] == "filled"
    assert statuses[younger.pk] == "new"
    assert statuses[lower.pk] == "new"


def test_what_a_round_displays_is_shared_and_not_offered_twice(
    alice: User, bob: User, aapl: Instrument
):
    place(alice, "buy", "3", limit="180.00")
    place(bob, "buy", "3", limit="180.00")
    advance(tick("AAPL", "179.98", "180.00", size="4"))
    filled = sum(Order.objects.values_list("filled_quantity", flat=True))
    assert filled == 4_000_000
    assert Quote.objects.get().ask_taken == 4_000_000
    advance(tick("AAPL", "179.98", "180.00", size="4"), at=LATER + timedelta(seconds=2))
    assert set(Order.objects.values_list("status", flat=True)) == {"filled"}


def test_an_order_that_waited_for_a_quote_wakes_with_the_round(alice: User, aapl: Instrument):
    stale = market.NOW + timedelta(minutes=10)
    order = place(alice, "buy", "1", now=stale)
    resting = place(alice, "buy", "1", limit="150.00", now=stale, time_in_force=TimeInForce.GTC)
    assert (order.status, resting.status) == ("accepted", "accepted")
    advance(tick("AAPL", "191.00", "191.02"), at=stale + timedelta(seconds=1))
    order.refresh_from_db()
    resting.refresh_from_db()
    assert (order.status, resting.status) == ("filled", "new")
    assert order.executions.get().price == Decimal("191.02")
    assert balance(alice) == (Decimal("9658.98"), Decimal("150.00"))


def test_a_notional_order_that_waited_is_sized_by_the_round(alice: User, aapl: Instrument):
    stale = market.NOW + timedelta(minutes=10)
    order = place(alice, "buy", None, notional="100.00", now=stale)
    assert (order.status, balance(alice)) == ("accepted", (Decimal("9900.00"), Decimal("100.00")))
    advance(tick("AAPL", "199.48", "199.50"), at=stale + timedelta(seconds=1))
    order.refresh_from_db()
    assert (order.status, order.quantity) == ("filled", 501_253)
    assert balance(alice) == (Decimal("9900.00"), 0)


def test_a_market_order_whose_price_ran_away_is_canceled_at_its_collar(
    alice: User, aapl: Instrument
):
    stale = market.NOW + timedelta(minutes=10)
    order = place(alice, "buy", "1", now=stale)
    advance(tick("AAPL", "250.00", "250.02"), at=stale + timedelta(seconds=1))
    order.refresh_from_db()
    assert (order.status, order.reject_reason) == ("canceled", "no_liquidity")
    assert balance(alice) == (Decimal("10000.00"), 0)


def test_two_orders_that_waited_meet_each_other(alice: User, bob: User, aapl: Instrument):
    place(bob, "buy", "1")
    stale = market.NOW + timedelta(minutes=10)
    bid = place(alice, "buy", "1", limit="190.01", now=stale)
    place(bob, "sell", "1", limit="190.01", now=stale + timedelta(seconds=1))
    advance(tick("AAPL", "190.00", "190.02"), at=stale + timedelta(seconds=2))
    assert set(Order.objects.values_list("status", flat=True)) == {"filled"}
    assert bid.executions.get().price == Decimal("190.01")


def test_a_waiting_order_may_fill_in_parts_too_small_for_a_cent(
    alice: User, bob: User, aapl: Instrument
):
    place(alice, "buy", "1")
    for _ in range(3):
        place(alice, "sell", "0.000001", limit="190.01")
    stale = market.NOW + timedelta(minutes=10)
    order = place(bob, "buy", "0.000003", limit="190.01", now=stale)
    assert (order.status, balance(bob)[1]) == ("accepted", Decimal("0.01"))
    advance(tick("AAPL", "190.00", "190.02"), at=stale + timedelta(seconds=1))
    order.refresh_from_db()
    assert order.status == "filled"
    assert [fill.cents for fill in order.executions.order_by("pk")] == [1, 0, 0]
    assert balance(bob) == (Decimal("9999.99"), 0)


def test_a_resting_order_may_fill_in_parts_too_small_for_a_cent(
    alice: User, bob: User, aapl: Instrument
):
    place(bob, "buy", "1")
    order = place(alice, "buy", "0.000002", limit="190.01")
    place(bob, "sell", "0.000001")
    order.refresh_from_db()
    assert order.status == "partially_filled"
    assert [*reconciliation.check()] == [], "it is open and has a hold, of nothing"
    place(bob, "sell", "0.000001")
    order.refresh_from_db()
    assert (order.status, balance(alice)[1]) == ("filled", 0)


def test_a_day_order_expires_at_the_end_of_its_day_before_new_prices_reach_it(
    alice: User, aapl: Instrument
):
    order = place(alice, "buy", "1", limit="180.00")
    advance(tick("AAPL", "100.00", "100.02"), at=market.NOW.replace(hour=0) + timedelta(days=1))
    order.refresh_from_db()
    assert order.status == "expired"
    assert balance(alice) == (Decimal("10000.00"), 0)


def test_a_gtc_order_lives_on(alice: User, aapl: Instrument):
    order = place(alice, "buy", "1", limit="180.00", time_in_force=TimeInForce.GTC)
    advance(tick("AAPL", "190.00", "190.02"), at=market.NOW + timedelta(days=40))
    order.refresh_from_db()
    assert order.status == "new"


def test_a_halted_instrument_keeps_its_quote_and_its_orders(alice: User, aapl: Instrument):
    order = place(alice, "buy", "1", limit="180.00")
    Instrument.objects.update(status=InstrumentStatus.HALTED)
    assert advance(tick("AAPL", "100.00", "100.02")) == 0
    order.refresh_from_db()
    assert (order.status, Quote.objects.get().sequence) == ("new", 1)


def test_quotes_follow_the_ticks(aapl: Instrument):
    advance(tick("AAPL", "191.00", "191.02", volume="10"))
    advance(tick("AAPL", "189.00", "189.02", volume="5"), at=LATER + timedelta(seconds=2))
    quote = Quote.objects.get()
    assert (quote.price, quote.high, quote.low) == (189, 191, 189)
    assert (quote.open, quote.previous_close) == (190, 190)
    assert (quote.volume, quote.sequence) == (15_000_000, 3)


def test_a_new_day_begins_a_new_session(aapl: Instrument):
    advance(tick("AAPL", "195.00", "195.02", volume="7"), at=market.NOW + timedelta(days=1))
    quote = Quote.objects.get()
    assert (quote.previous_close, quote.open, quote.low) == (190, 195, 195)
    assert quote.volume == 7_000_000


def test_candles_of_every_interval_are_folded(aapl: Instrument):
    start = market.NOW
    for seconds, price in ((1, "191.00"), (20, "188.00"), (50, "189.50"), (70, "192.00")):
        advance(tick("AAPL", price, "999.00", volume="1"), at=start + timedelta(seconds=seconds))
    first, second = Candle.objects.filter(interval="1m").order_by("time")
    assert (first.open, first.high, first.low, first.close) == (191, 191, 188, Decimal("189.5"))
    assert (first.time, first.volume) == (start, 3_000_000)
    assert (second.time, second.open, second.close) == (start + timedelta(minutes=1), 192, 192)
    day = Candle.objects.get(interval="1d")
    assert (day.open, day.high, day.low, day.close) == (191, 192, 188, 192)
    assert day.time == start.replace(hour=0)
    assert set(Candle.objects.values_list("interval", flat=True)) == {"1m", "5m", "15m", "1h", "1d"}


def test_orders_that_are_due_are_found_without_reading_all_others(
    alice: User, aapl: Instrument, is_postgresql: bool, monkeypatch: pytest.MonkeyPatch
):
    order, midnight = place(alice, limit="180.00"), LATER + timedelta(days=1)
    query, asked = statements.query, Mock(wraps=statements.query)
    monkeypatch.setattr(statements, "query", asked)
    assert order_rows.due(LATER, at_most=9) == []
    assert order_rows.due(midnight, at_most=9) == [order.pk]
    sql, values = asked.call_args.args
    if is_postgresql:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
    plan = query(f"EXPLAIN {'' if is_postgresql else 'QUERY PLAN'} {sql}", values)
    assert "order_expiry" in str(plan)
