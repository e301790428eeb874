"""One failing order does not stop the others; the next round finishes what one left undone."""

from datetime import timedelta
from uuid import uuid4

import pytest

from authentication.models import User
from exchange.models import Instrument, Order, Quote
from exchange.tests import market
from exchange.tests.market import NOW, advance, place, tick
from exchange.trading import rounds
from exchange.trading.rows import markets, order_rows
from exchange.trading.settlement import execution
from exchange.trading.settlement.blotter import Blotter

pytestmark = pytest.mark.usefixtures("books_must_agree")


@pytest.fixture
def orders_of_three(alice: User, bob: User, charlie: User, aapl: Instrument) -> list[Order]:
    return [
        place(user, "buy", "1", limit="180.00", now=NOW + timedelta(milliseconds=number))
        for number, user in enumerate((alice, bob, charlie))
    ]


def break_order(monkeypatch: pytest.MonkeyPatch, broken: Order) -> None:
    trade = execution.trade

    def trade_or_fail(blotter: Blotter, **how: object) -> None:
        if how["maker"] is not None and how["maker"].order.pk == broken.pk:  # type: ignore[attr-defined]
            raise ZeroDivisionError("a defect")
        trade(blotter, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(execution, "trade", trade_or_fail)


def test_an_order_that_cannot_be_worked_leaves_the_others_alone(
    orders_of_three: list[Order],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    break_order(monkeypatch, orders_of_three[1])
    assert advance(tick("AAPL", "178.98", "179.00")) == 2
    for order in orders_of_three:
        order.refresh_from_db()
    assert [order.status for order in orders_of_three] == ["filled", "new", "filled"]
    assert str(orders_of_three[1].pk) in caplog.text
    assert not Quote.objects.get().unworked


def test_an_order_that_arrives_does_not_fail_for_somebody_else_s_defect(
    orders_of_three: list[Order], alice: User, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        patch.setattr(rounds, "work_quote", lambda pk, now: 0)
        advance(tick("AAPL", "178.98", "179.00"))
    break_order(monkeypatch, orders_of_three[1])
    arrived = place(alice, "buy", "1", now=NOW + timedelta(seconds=3))
    assert arrived.status == "filled"
    assert Quote.objects.get().unworked


def test_more_orders_than_fit_one_batch_are_all_worked(
    orders_of_three: list[Order], aapl: Instrument
):
    Quote.objects.update(bid="178.98", ask="179.00", price="178.98")
    assert markets.mark_unworked([aapl.pk]) == [aapl.pk]
    assert rounds.work_quote(aapl.pk, now=NOW, batch_size=2) == 3
    assert set(Order.objects.values_list("status", flat=True)) == {"filled"}
    assert not Quote.objects.get().unworked


def test_a_quote_that_nobody_waits_for_is_not_marked(alice: User, aapl: Instrument):
    place(alice, "buy", "1", limit="150.00")
    assert markets.mark_unworked([aapl.pk]) == []
    assert rounds.work_quote(aapl.pk, now=NOW) == 0


def test_the_next_round_finishes_what_a_dead_simulator_left(
    orders_of_three: list[Order], monkeypatch: pytest.MonkeyPatch
):
    def die(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rounds, "work_quote", die)
        with pytest.raises(KeyboardInterrupt):
            advance(tick("AAPL", "178.98", "179.00"))
    assert Quote.objects.get().unworked
    other = market.make_instrument("OTHER")
    market.set_quote(other, "5.00", "5.02")
    advance(tick("OTHER", "5.00", "5.02"), at=NOW + timedelta(seconds=4))
    assert set(Order.objects.values_list("status", flat=True)) == {"filled"}


def test_nobody_trades_at_what_a_simulator_left_long_ago(
    orders_of_three: list[Order], charlie: User, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        patch.setattr(rounds, "work_quote", lambda pk, now: 0)
        advance(tick("AAPL", "178.98", "179.00"))
    arrived = place(charlie, "buy", "1", now=NOW + timedelta(minutes=5))
    assert arrived.status == "accepted"
    assert set(Order.objects.exclude(pk=arrived.pk).values_list("status", flat=True)) == {"new"}
    advance(tick("AAPL", "190.00", "190.02"), at=NOW + timedelta(minutes=6))
    for order in orders_of_three:
        order.refresh_from_db()
    assert [order.status for order in orders_of_three] == ["new"] * 3


def test_however_many_orders_cannot_be_worked_the_round_goes_on(
    orders_of_three: list[Order], aapl: Instrument
):
    Quote.objects.update(bid="178.98", ask="179.00", price="178.98")
    found = markets.lock_market(instrument_id=aapl.pk)
    assert found is not None
    skipped = [uuid4() for _ in range(1500)]
    locked = order_rows.lock_crossed(found, side="buy", at_most=9, without=skipped, now=NOW)
    assert locked == orders_of_three
    skipped.append(orders_of_three[1].pk)
    locked = order_rows.lock_crossed(found, side="buy", at_most=9, without=skipped, now=NOW)
    assert locked == [orders_of_three[0], orders_of_three[2]]
