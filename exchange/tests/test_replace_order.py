"""Replacing an order: another one takes its place in one transaction, or nothing changes."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from rest_framework.test import APIClient

from authentication.models import User
from be.kernel.refusals import Refusal
from exchange.models import Instrument, Order, OrderType, Quote
from exchange.tests import market
from exchange.tests.market import NOW, advance, assert_books_are_right, balance, place, tick
from exchange.tests.parallel import in_threads
from exchange.trading import orders
from exchange.trading.intake.requests import ReplaceRequest

URL = "/api/exchange/api/v1/orders/"


@pytest.fixture(autouse=True)
def _books(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("books_must_agree")


def test_the_new_order_takes_the_old_one_s_place_and_money(
    client: APIClient, alice: User, aapl: Instrument
):
    old = place(alice, "buy", "2", limit="180.00")
    answer = client.patch(f"{URL}{old.pk}/", {"limit_price": "185.00", "client_order_id": "again"})
    assert answer.status_code == 201, answer.json()
    new = answer.json()
    assert (new["status"], new["quantity"], new["limit_price"]) == ("new", "2", "185.00")
    assert (new["replaces"], new["client_order_id"]) == (str(old.pk), "again")
    was = client.get(f"{URL}{old.pk}/").json()
    assert (was["status"], was["replaced_by"]) == ("replaced", new["id"])
    assert balance(alice) == (Decimal("9630.00"), Decimal("370.00"))


def test_the_money_of_the_old_order_counts_for_the_new_one(alice: User, aapl: Instrument):
    """All her money is in the old order, and all of it is needed for the new one."""
    old = place(alice, "buy", "50", limit="180.00")
    assert balance(alice)[0] == 1000
    request = ReplaceRequest(quantity=Decimal(100), limit_price=Decimal("100.00"))
    orders.replace(owner_id=alice.pk, order_id=old.pk, request=request, now=NOW)
    assert balance(alice) == (0, 10_000)


def test_too_little_money_for_the_new_order_leaves_the_old_one_as_it_was(
    client: APIClient, alice: User, aapl: Instrument
):
    old = place(alice, "buy", "50", limit="180.00")
    answer = client.patch(f"{URL}{old.pk}/", {"quantity": "60"})
    assert (answer.status_code, answer.json()["code"]) == (422, "insufficient_funds")
    old.refresh_from_db()
    assert (old.status, old.replaced_by_id) == ("new", None)
    assert balance(alice) == (1000, 9000)
    assert Order.objects.count() == 1


def test_a_better_price_can_fill_at_once(
    client: APIClient, alice: User, bob: User, aapl: Instrument
):
    old = place(alice, "buy", "1", limit="180.00")
    answer = client.patch(f"{URL}{old.pk}/", {"limit_price": "191.00"})
    assert answer.json()["status"] == "filled"
    assert balance(alice) == (Decimal("9809.98"), 0)


def test_the_quantity_is_that_of_the_whole_order_what_is_filled_included(
    client: APIClient, alice: User, aapl: Instrument
):
    old = place(alice, "buy", "10", limit="180.00")
    advance(tick("AAPL", "179.98", "180.00", size="4"))
    answer = client.patch(f"{URL}{old.pk}/", {"quantity": "7"})
    assert answer.status_code == 201
    assert (answer.json()["quantity"], answer.json()["filled_quantity"]) == ("3", "0")
    kept = client.get(f"{URL}{old.pk}/").json()
    assert (kept["status"], kept["filled_quantity"]) == ("replaced", "4")
    assert balance(alice)[1] == Decimal("540.00")


@pytest.mark.parametrize("quantity", ["4", "3"])
def test_an_order_that_has_filled_as_much_already_is_not_replaced(
    client: APIClient, alice: User, aapl: Instrument, quantity: str
):
    old = place(alice, "buy", "10", limit="180.00")
    advance(tick("AAPL", "179.98", "180.00", size="4"))
    answer = client.patch(f"{URL}{old.pk}/", {"quantity": quantity})
    assert (answer.status_code, answer.json()["code"]) == (409, "order_not_replaceable")
    old.refresh_from_db()
    assert old.status == "partially_filled"


def test_an_order_that_has_ended_is_not_replaced(client: APIClient, alice: User, aapl: Instrument):
    filled = place(alice, "buy", "1")
    canceled = place(alice, "buy", "1", limit="180.00")
    orders.cancel(owner_id=alice.pk, order_id=canceled.pk, now=NOW)
    for order in (filled, canceled):
        answer = client.patch(f"{URL}{order.pk}/", {"limit_price": "181.00"})
        assert (answer.status_code, answer.json()["code"]) == (409, "order_not_replaceable")


def test_somebody_else_s_order_is_like_a_missing_one(
    client: APIClient, bob: User, aapl: Instrument
):
    theirs = place(bob, "buy", "1", limit="180.00")
    missing = client.patch(f"{URL}{aapl.pk}/", {"limit_price": "181.00"})
    answer = client.patch(f"{URL}{theirs.pk}/", {"limit_price": "181.00"})
    assert answer.status_code == missing.status_code == 404
    theirs.refresh_from_db()
    assert theirs.status == "new"


def test_a_stop_keeps_waiting_at_its_new_price(client: APIClient, alice: User, aapl: Instrument):
    place(alice, "buy", "1")
    old = place(alice, "sell", "1", order_type=OrderType.STOP, stop_price=Decimal("180.00"))
    answer = client.patch(f"{URL}{old.pk}/", {"stop_price": "185.00"})
    assert (answer.status_code, answer.json()["stop_price"]) == (201, "185.00")
    reached = client.patch(f"{URL}{answer.json()['id']}/", {"stop_price": "190.00"})
    assert (reached.status_code, reached.json()["code"]) == (422, "stop_price_reached")
    advance(tick("AAPL", "184.00", "184.02"))
    assert Order.objects.get(pk=answer.json()["id"]).status == "filled"


def test_a_trailing_stop_keeps_its_peak(client: APIClient, alice: User, aapl: Instrument):
    place(alice, "buy", "1")
    old = place(
        alice, "sell", "1", order_type=OrderType.TRAILING_STOP, trail_amount=Decimal("5.00")
    )
    advance(tick("AAPL", "200.00", "200.02"))
    advance(tick("AAPL", "196.00", "196.02"), at=NOW + timedelta(seconds=4))
    answer = client.patch(f"{URL}{old.pk}/", {"trail_percent": "10"})
    assert answer.json()["stop_price"] == "180.00"
    assert answer.json()["trail_amount"] is None


def test_a_misfit_is_a_400_that_names_the_field(client: APIClient, alice: User, aapl: Instrument):
    order = place(alice, "buy", "1", limit="180.00")
    for body, field in (
        ({"limit_price": "180.001"}, "limit_price"),
        ({"stop_price": "170.00"}, "stop_price"),
        ({"trail_percent": "5"}, "trail_percent"),
        ({"quantity": "0.0000001"}, "quantity"),
        ({"limit_price": "NaN"}, "limit_price"),
    ):
        answer = client.patch(f"{URL}{order.pk}/", body)
        assert answer.status_code == 400, body
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    order.refresh_from_db()
    assert order.status == "new"


def test_a_replacement_that_changes_nothing_is_refused_and_the_order_keeps_its_place(
    client: APIClient, alice: User, aapl: Instrument
):
    order = place(alice, "buy", "1", limit="180.00")

    answer = client.patch(f"{URL}{order.pk}/", {})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "limit_price"
    assert Order.objects.get().status == "new"


def test_a_market_order_that_waits_has_nothing_to_replace(
    client: APIClient, alice: User, aapl: Instrument
):
    order = place(alice, "buy", "1", now=NOW + timedelta(minutes=10))
    answer = client.patch(f"{URL}{order.pk}/", {"quantity": "2"})
    assert (answer.status_code, answer.json()["code"]) == (409, "order_not_replaceable")


def test_a_client_order_id_that_is_taken_refuses_the_whole_replacement(
    client: APIClient, alice: User, aapl: Instrument
):
    place(alice, "buy", "1", limit="170.00", client_order_id="taken")
    order = place(alice, "buy", "1", limit="180.00")
    answer = client.patch(f"{URL}{order.pk}/", {"client_order_id": "taken"})
    assert (answer.status_code, answer.json()["code"]) == (409, "client_order_id_exists")
    order.refresh_from_db()
    assert order.status == "new"


@pytest.mark.django_db(transaction=True)
def test_replacing_against_its_own_fill_has_one_winner_and_never_both():
    market.set_quote(market.make_instrument())
    for attempt in range(8):
        Quote.objects.update(price="190.00", bid="190.00", ask="190.02")
        user = market.make_customer(f"race-{attempt}@example.com")
        old = place(user, "buy", "1", limit="180.00")
        request = ReplaceRequest(limit_price=Decimal("150.00"))
        replace = partial(
            orders.replace, owner_id=user.pk, order_id=old.pk, request=request, now=NOW
        )
        fill = partial(
            advance, tick("AAPL", "179.00", "179.02"), at=NOW + timedelta(seconds=attempt + 1)
        )
        outcome, _ = in_threads([replace, fill])
        old.refresh_from_db()
        if isinstance(outcome, Refusal):
            assert (old.status, outcome.code) == ("filled", "order_not_replaceable")
            assert Order.objects.filter(owner=user).count() == 1
        else:
            assert old.status == "replaced"
            assert not old.executions.exists()
            assert balance(user) == (9850, 150)
    assert_books_are_right()


def test_the_new_order_keeps_the_name_of_the_old_one(
    client: APIClient, alice: User, aapl: Instrument
):
    old = place(alice, "buy", "2", limit="180.00", client_order_id="dip")
    for price in ("181.00", "182.00"):
        new = client.patch(f"{URL}{old.pk}/", {"limit_price": price}).json()
        assert (new["client_order_id"], new["replaces"]) == ("dip", str(old.pk))
        old = Order.objects.get(pk=new["id"])
    assert list(Order.objects.values_list("client_order_id", flat=True)) == ["dip"] * 3


def test_its_own_name_is_as_good_as_none(client: APIClient, alice: User, aapl: Instrument):
    old = place(alice, "buy", "2", limit="180.00", client_order_id="dip")
    body = {"limit_price": "181.00", "client_order_id": "dip"}
    assert client.patch(f"{URL}{old.pk}/", body).json()["client_order_id"] == "dip"


def test_a_name_stays_taken_whatever_replaced_it(client: APIClient, alice: User, aapl: Instrument):
    old = place(alice, "buy", "2", limit="180.00", client_order_id="first")
    new = client.patch(f"{URL}{old.pk}/", {"client_order_id": "second"}).json()
    assert new["client_order_id"] == "second"
    body = {"symbol": "AAPL", "side": "buy", "order_type": "market", "quantity": "1"}
    for name in ("first", "second"):
        answer = client.post(URL, {**body, "client_order_id": name})
        assert (answer.status_code, answer.json()["code"]) == (409, "client_order_id_exists")
    back = client.patch(f"{URL}{new['id']}/", {"client_order_id": "first"})
    assert (back.status_code, back.json()["code"]) == (409, "client_order_id_exists")
    assert Order.objects.get(pk=new["id"]).status == "new"
