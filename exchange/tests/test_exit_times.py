"""How long the exits of a bracket, oto or oco order work: as their order, or as they say."""

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from authentication.models import User
from exchange.models import Instrument, Order
from exchange.tests import market
from exchange.tests.market import NOW, balance
from exchange.tests.tied_orders import BRACKET, OCO, URL, post, rounds, states
from exchange.trading import orders

pytestmark = pytest.mark.usefixtures("books_must_agree")

MIDNIGHT = NOW + timedelta(hours=9)


def exits(time_in_force: str) -> dict[str, Any]:
    return {
        "take_profit": {"limit_price": "200.00", "time_in_force": time_in_force},
        "stop_loss": {"stop_price": "170.00", "time_in_force": time_in_force},
    }


def times(client: APIClient, order: dict[str, Any]) -> list[tuple[str, str | None]]:
    shown = client.get(f"{URL}{order['id']}/").json()
    return [(each["time_in_force"], each["expires_at"]) for each in (shown, *shown["legs"])]


def test_the_exits_of_a_day_order_that_are_gtc_protect_it_past_midnight(
    client: APIClient, alice: User, aapl: Instrument
):
    bracket = post(client, BRACKET, time_in_force="day", **exits("gtc"))
    midnight = "2026-03-03T00:00:00.000000Z"
    assert times(client, bracket) == [("day", midnight), ("gtc", None), ("gtc", None)]
    rounds("179.00")
    orders.expire_due(now=MIDNIGHT + timedelta(days=30))
    assert states(client, bracket) == ["filled", "new", "new"]
    rounds("165.00", start=86_400)
    assert states(client, bracket) == ["filled", "canceled", "filled"]


def test_the_exits_of_a_half_filled_day_order_that_are_gtc_outlive_it(
    client: APIClient, alice: User, aapl: Instrument
):
    bracket = post(client, BRACKET, time_in_force="day", **exits("gtc"))
    rounds("179.98", size="4")
    orders.expire_due(now=MIDNIGHT)
    assert states(client, bracket) == ["expired", "accepted", "accepted"]
    assert balance(alice, aapl.asset) == (0, 4)


def test_the_day_of_an_exit_is_the_one_on_which_its_entry_was_filled(
    client: APIClient, alice: User, aapl: Instrument
):
    bracket = post(client, BRACKET, time_in_force="gtc", **exits("day"))
    assert times(client, bracket) == [("gtc", None), ("day", None), ("day", None)]
    rounds("179.00", start=3 * 86_400)
    midnight = "2026-03-06T00:00:00.000000Z"
    assert times(client, bracket)[1:] == [("day", midnight), ("day", midnight)]
    orders.expire_due(now=MIDNIGHT + timedelta(days=2, hours=23))
    assert states(client, bracket) == ["filled", "new", "new"]
    orders.expire_due(now=MIDNIGHT + timedelta(days=3))
    assert states(client, bracket) == ["filled", "expired", "canceled"]
    assert balance(alice, aapl.asset) == (10, 0)


def test_a_replaced_exit_works_as_long_as_the_one_before_it(
    client: APIClient, alice: User, aapl: Instrument
):
    bracket = post(client, BRACKET, time_in_force="day", **exits("gtc"))
    loss = bracket["legs"][1]["id"]
    new = client.patch(f"{URL}{loss}/", {"stop_price": "175.00"}).json()
    assert (new["time_in_force"], new["expires_at"]) == ("gtc", None)


def test_the_one_exit_of_an_oto_order_may_have_its_own_time(
    client: APIClient, alice: User, aapl: Instrument
):
    loss = {"stop_price": "170.00", "time_in_force": "gtc"}
    oto = post(
        client, BRACKET, order_class="oto", take_profit=None, stop_loss=loss, time_in_force="day"
    )
    assert [each[0] for each in times(client, oto)] == ["day", "gtc"]


def test_exits_without_a_time_have_that_of_their_order(
    client: APIClient, alice: User, aapl: Instrument
):
    for time_in_force in ("day", "gtc"):
        bracket = post(client, BRACKET, time_in_force=time_in_force)
        assert [each[0] for each in times(client, bracket)] == [time_in_force] * 3


@pytest.mark.parametrize(
    ("body", "change", "field"),
    [
        # The end of one exit cancels the other: the stop-loss too would end at midnight.
        (BRACKET, {"stop_loss": exits("gtc")["stop_loss"]}, "stop_loss.time_in_force"),
        (BRACKET, {"take_profit": exits("gtc")["take_profit"]}, "stop_loss.time_in_force"),
        (OCO, {"stop_loss": exits("gtc")["stop_loss"]}, "stop_loss.time_in_force"),
        (BRACKET, exits("ioc"), "take_profit.time_in_force"),
        (BRACKET, exits("fok"), "take_profit.time_in_force"),
        (BRACKET, exits("gtd"), "take_profit.time_in_force"),
    ],
)
def test_times_that_do_not_go_together_are_refused(
    client: APIClient, alice: User, aapl: Instrument, body: Any, change: Any, field: str
):
    market.give(alice, aapl.asset, "4")
    answer = client.post(URL, {**body, "time_in_force": "day", **change})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert Order.objects.count() == 0
    assert balance(alice) == (10_000, 0)


def test_an_exit_of_a_coin_has_no_day(client: APIClient, alice: User):
    market.set_quote(market.make_instrument("BTC-USD", "crypto"), "190.00", "190.02")
    answer = client.post(URL, {**BRACKET, "symbol": "BTC-USD", **exits("day")})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "take_profit.time_in_force"
