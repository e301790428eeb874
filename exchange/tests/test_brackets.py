"""Orders that are tied to each other: bracket, oco and oto."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from authentication.models import User
from banking.models import Hold
from exchange.models import Instrument, Order
from exchange.tests import market
from exchange.tests.market import NOW, balance, place
from exchange.tests.tied_orders import BRACKET, OCO, URL, post, rounds, states
from exchange.trading import orders

pytestmark = pytest.mark.usefixtures("books_must_agree")


def test_the_legs_of_a_bracket_wait_and_hold_nothing(
    client: APIClient, alice: User, aapl: Instrument
):
    bracket = post(client, BRACKET)
    assert states(client, bracket) == ["new", "held", "held"]
    profit, loss = bracket["legs"]
    assert (profit["order_type"], profit["limit_price"]) == ("limit", "200.00")
    assert (loss["order_type"], loss["stop_price"]) == ("stop", "170.00")
    assert {profit["parent_id"], loss["parent_id"]} == {bracket["id"]}
    assert {profit["side"], loss["side"]} == {"sell"}
    assert balance(alice) == (8200, 1800)
    assert Hold.objects.count() == 1


def test_the_exits_go_to_work_when_the_entry_is_filled_and_share_one_hold(
    client: APIClient, alice: User, aapl: Instrument
):
    bracket = post(client, BRACKET)
    rounds("179.00")
    assert states(client, bracket) == ["filled", "new", "new"]
    assert balance(alice, aapl.asset) == (0, 10)


def test_a_profit_cancels_the_stop(client: APIClient, alice: User, aapl: Instrument):
    bracket = post(client, BRACKET)
    rounds("179.00", "201.00")
    assert states(client, bracket) == ["filled", "filled", "canceled"]
    assert client.get(f"{URL}{bracket['legs'][1]['id']}/").json()["reject_reason"] == (
        "other_exit_ended"
    )
    assert balance(alice, aapl.asset) == (0, 0)


def test_a_stop_cancels_the_profit(client: APIClient, alice: User, aapl: Instrument):
    bracket = post(client, BRACKET)
    rounds("179.00", "165.00")
    assert states(client, bracket) == ["filled", "canceled", "filled"]


def test_a_market_entry_that_is_filled_at_once_puts_its_exits_to_work(
    client: APIClient, alice: User, aapl: Instrument
):
    bracket = post(client, BRACKET, order_type="market", limit_price=None)
    assert (bracket["status"], [leg["status"] for leg in bracket["legs"]]) == (
        "filled",
        ["accepted", "accepted"],
    )
    rounds("190.00")
    assert states(client, bracket) == ["filled", "new", "new"]


def test_a_part_of_the_profit_lowers_the_stop(client: APIClient, alice: User, aapl: Instrument):
    bracket = post(client, BRACKET)
    rounds("179.00")
    # Six are bid for at 200.00; the levels below are worse than the limit.
    rounds("200.00", start=10, size="6")
    profit, loss = client.get(f"{URL}{bracket['id']}/").json()["legs"]
    assert (profit["status"], profit["remaining_quantity"]) == ("partially_filled", "4")
    assert (loss["status"], loss["quantity"]) == ("new", "4")
    assert balance(alice, aapl.asset) == (0, 4)
    rounds("150.00", start=20)
    assert states(client, bracket) == ["filled", "canceled", "filled"]
    assert balance(alice, aapl.asset) == (0, 0)


def test_an_entry_that_is_canceled_unfilled_takes_its_legs_with_it(
    client: APIClient, alice: User, aapl: Instrument
):
    bracket = post(client, BRACKET)
    client.delete(f"{URL}{bracket['id']}/")
    assert states(client, bracket) == ["canceled", "canceled", "canceled"]
    assert balance(alice) == (10_000, 0)


def test_an_entry_that_ends_half_filled_leaves_exits_for_the_half(
    client: APIClient, alice: User, aapl: Instrument
):
    bracket = post(client, BRACKET)
    rounds("179.98", size="4")
    assert states(client, bracket) == ["partially_filled", "held", "held"]
    client.delete(f"{URL}{bracket['id']}/")
    assert states(client, bracket) == ["canceled", "accepted", "accepted"]
    legs = client.get(f"{URL}{bracket['id']}/").json()["legs"]
    assert [leg["quantity"] for leg in legs] == ["4", "4"]
    assert balance(alice, aapl.asset) == (0, 4)


def test_canceling_one_exit_cancels_the_other(client: APIClient, alice: User, aapl: Instrument):
    bracket = post(client, BRACKET)
    rounds("179.00")
    client.delete(f"{URL}{bracket['legs'][0]['id']}/")
    assert states(client, bracket) == ["filled", "canceled", "canceled"]
    assert balance(alice, aapl.asset) == (10, 0)


def test_cancel_all_ends_whole_brackets(client: APIClient, alice: User, aapl: Instrument):
    bracket = post(client, BRACKET)
    rounds("179.98", size="4")
    answer = client.delete(URL)
    assert {order["status"] for order in answer.json()["results"]} == {"canceled"}
    assert states(client, bracket) == ["canceled"] * 3
    assert balance(alice, aapl.asset) == (4, 0)


def test_an_expired_entry_ends_its_bracket(client: APIClient, alice: User, aapl: Instrument):
    bracket = post(client, BRACKET)
    orders.expire_due(now=NOW + timedelta(days=1))
    assert states(client, bracket) == ["expired", "canceled", "canceled"]
    assert balance(alice) == (10_000, 0)


def test_an_entry_that_expires_half_filled_takes_its_exits_with_it(
    client: APIClient, alice: User, aapl: Instrument
):
    """Both are day orders of the same day."""
    bracket = post(client, BRACKET, time_in_force="day")
    rounds("179.98", size="4")
    orders.expire_due(now=NOW + timedelta(days=1))
    assert states(client, bracket) == ["expired", "expired", "canceled"]
    assert balance(alice, aapl.asset) == (4, 0)


def test_an_oto_order_puts_its_one_exit_to_work(client: APIClient, alice: User, aapl: Instrument):
    oto = post(client, BRACKET, order_class="oto", take_profit=None)
    rounds("179.00")
    assert states(client, oto) == ["filled", "new"]
    rounds("160.00", start=10)
    assert states(client, oto) == ["filled", "filled"]


def test_an_oco_pair_sells_the_same_shares_once(client: APIClient, alice: User, aapl: Instrument):
    place(alice, "buy", "4")
    oco = post(client, OCO)
    assert states(client, oco) == ["new", "new"]
    assert balance(alice, aapl.asset) == (0, 4)
    rounds("200.00")
    assert states(client, oco) == ["filled", "canceled"]
    assert balance(alice, aapl.asset) == (0, 0)


def test_an_oco_pair_needs_the_shares_once_and_not_twice(
    client: APIClient, alice: User, aapl: Instrument
):
    place(alice, "buy", "3.9")
    answer = client.post(URL, OCO)
    assert (answer.status_code, answer.json()["code"]) == (422, "insufficient_position")
    assert Order.objects.count() == 1
    assert balance(alice, aapl.asset) == (Decimal("3.9"), 0)


def test_an_oco_stop_limit_that_rests_still_leaves_the_profit_open(
    client: APIClient, alice: User, aapl: Instrument
):
    place(alice, "buy", "4")
    oco = post(client, OCO)
    rounds("165.00")
    assert states(client, oco) == ["new", "new"]
    rounds("169.00", start=10)
    assert states(client, oco) == ["canceled", "filled"]


def test_a_round_that_reaches_both_exits_fills_one(
    client: APIClient, alice: User, aapl: Instrument
):
    """The stop-limit rests at 169.00 after a gap; the next round is above both limits."""
    place(alice, "buy", "4")
    oco = post(client, OCO)
    rounds("165.00", "205.00")
    assert sorted(states(client, oco)) == ["canceled", "filled"]
    assert balance(alice, aapl.asset) == (0, 0)


def test_an_exit_can_be_replaced_and_stays_in_its_pair(
    client: APIClient, alice: User, aapl: Instrument
):
    bracket = post(client, BRACKET)
    rounds("179.00")
    loss = bracket["legs"][1]
    answer = client.patch(f"{URL}{loss['id']}/", {"stop_price": "175.00"})
    assert answer.status_code == 201, answer.json()
    assert answer.json()["parent_id"] == bracket["id"]
    rounds("174.00", start=10)
    assert sorted(states(client, bracket)) == ["canceled", "filled", "filled", "replaced"]
    assert balance(alice, aapl.asset) == (0, 0)


def test_a_held_exit_can_be_replaced_before_its_entry_is_filled(
    client: APIClient, alice: User, aapl: Instrument
):
    bracket = post(client, BRACKET)
    answer = client.patch(f"{URL}{bracket['legs'][0]['id']}/", {"limit_price": "190.00"})
    assert (answer.status_code, answer.json()["status"]) == (201, "held")
    rounds("179.00", "191.00")
    assert sorted(states(client, bracket)) == ["canceled", "filled", "filled", "replaced"]


def test_the_held_exit_of_an_oto_order_can_be_replaced(
    client: APIClient, alice: User, aapl: Instrument
):
    oto = post(client, BRACKET, order_class="oto", take_profit=None)
    answer = client.patch(f"{URL}{oto['legs'][0]['id']}/", {"stop_price": "175.00"})
    assert (answer.status_code, answer.json()["status"]) == (201, "held")
    rounds("179.00", "174.00")
    assert states(client, oto) == ["filled", "replaced", "filled"]
    assert balance(alice, aapl.asset) == (0, 0)


def test_a_replaced_entry_keeps_its_exits(client: APIClient, alice: User, aapl: Instrument):
    bracket = post(client, BRACKET)
    answer = client.patch(f"{URL}{bracket['id']}/", {"limit_price": "185.00"})
    assert answer.status_code == 201, answer.json()
    assert [leg["status"] for leg in answer.json()["legs"]] == ["held", "held"]
    rounds("184.00")
    assert states(client, answer.json()) == ["filled", "new", "new"]
    refused = client.patch(f"{URL}{bracket['legs'][0]['id']}/", {"quantity": "3"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "quantity")


@pytest.mark.parametrize(
    ("body", "change", "field"),
    [
        (BRACKET, {"stop_loss": None}, "stop_loss"),
        (BRACKET, {"take_profit": None}, "take_profit"),
        (BRACKET, {"side": "sell"}, "side"),
        (BRACKET, {"order_class": "simple"}, "order_class"),
        (BRACKET, {"order_class": "oto"}, "stop_loss"),
        (BRACKET, {"order_class": "iceberg"}, "order_class"),
        (BRACKET, {"time_in_force": "ioc"}, "time_in_force"),
        (BRACKET, {"take_profit": {"limit_price": "179.00"}}, "take_profit.limit_price"),
        (BRACKET, {"take_profit": {"limit_price": "200.001"}}, "take_profit.limit_price"),
        (BRACKET, {"stop_loss": {"stop_price": "180.00"}}, "stop_loss.stop_price"),
        (BRACKET, {"stop_loss": {}}, "stop_loss.stop_price"),
        (BRACKET, {"order_type": "stop", "limit_price": None, "stop_price": "195"}, "order_type"),
        (OCO, {"stop_loss": None}, "stop_loss"),
        (OCO, {"side": "buy"}, "side"),
        (OCO, {"take_profit": {"limit_price": "210.00"}}, "take_profit"),
        (OCO, {"stop_loss": {"stop_price": "201.00"}}, "stop_loss.stop_price"),
    ],
)
def test_a_misshapen_bracket_is_a_400_that_names_the_field(
    client: APIClient, alice: User, aapl: Instrument, body: Any, change: Any, field: str
):
    market.give(alice, aapl.asset, "4")
    answer = client.post(URL, {**body, **change})
    assert answer.status_code == 400, answer.json()
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert Order.objects.count() == 0
    orders.cancel_all(owner_id=alice.pk, now=NOW)
