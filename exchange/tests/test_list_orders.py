"""GET orders/, orders/{id}/ and executions/."""

from datetime import timedelta
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from authentication.models import User
from exchange.models import Instrument
from exchange.tests import market
from exchange.tests.market import make_instrument, place, set_quote

URL = "/api/exchange/api/v1/orders/"
EXECUTIONS = "/api/exchange/api/v1/executions/"


def ids(answer) -> list[str]:
    assert answer.status_code == 200, answer.json()
    return [row["id"] for row in answer.json()["results"]]


def test_orders_come_newest_first_in_pages(client: APIClient, alice: User, aapl: Instrument):
    placed = [
        str(place(alice, "buy", "0.1", now=market.NOW + timedelta(milliseconds=number)).pk)
        for number in range(5)
    ]
    first = client.get(URL, {"page_size": 2})
    second = client.get(first.json()["next"])
    third = client.get(second.json()["next"])
    assert ids(first) + ids(second) + ids(third) == placed[::-1]
    assert third.json()["next"] is None
    assert ids(client.get(third.json()["previous"])) == ids(second)


@pytest.mark.parametrize("size", ["0", "-1", "201", "1e9", "x", "", "٣", "1" * 30])
def test_a_senseless_page_size_is_a_400(client: APIClient, size: str):
    answer = client.get(URL, {"page_size": size})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "page_size"


@pytest.mark.parametrize("cursor", ["x", "cD1ub3BlCg==", "\x00", "cD0wMDAw", "cD0lMDA="])
def test_a_made_up_cursor_is_a_400(client: APIClient, cursor: str):
    answer = client.get(URL, {"cursor": cursor})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "cursor"


def test_filters(client: APIClient, alice: User, aapl: Instrument):
    set_quote(make_instrument("MSFT"), "400.00", "400.02")
    filled = str(place(alice, "buy", "1").pk)
    resting = str(
        place(alice, "buy", "1", limit="150.00", now=market.NOW + timedelta(seconds=5)).pk
    )
    other = str(place(alice, "buy", "1", symbol="MSFT").pk)
    sale = str(place(alice, "sell", "0.5").pk)
    assert ids(client.get(URL, {"status": "open"})) == [resting]
    assert ids(client.get(URL, {"status": "new"})) == [resting]
    assert set(ids(client.get(URL, {"status": "closed"}))) == {filled, other, sale}
    assert ids(client.get(URL, {"symbol": "MSFT"})) == [other]
    assert ids(client.get(URL, {"side": "sell"})) == [sale]
    since = "2026-03-02T15:00:05Z"
    assert ids(client.get(URL, {"updated_since": since})) == [resting]


def test_an_order_is_found_by_the_name_its_owner_gave_it(
    client: APIClient, alice: User, bob: User, aapl: Instrument
):
    mine = place(alice, "buy", "1", limit="150.00", client_order_id="mine")
    place(alice, "buy", "1", client_order_id="other")
    place(bob, "buy", "1", client_order_id="mine")
    assert ids(client.get(URL, {"client_order_id": "mine"})) == [str(mine.pk)]
    assert ids(client.get(URL, {"client_order_id": "nobody's"})) == []
    assert client.get(URL, {"client_order_id": "\0"}).status_code == 400
    new = client.patch(f"{URL}{mine.pk}/", {"limit_price": "151.00"}).json()
    assert ids(client.get(URL, {"client_order_id": "mine"})) == [new["id"], str(mine.pk)]
    assert ids(client.get(URL, {"client_order_id": "mine", "status": "open"})) == [new["id"]]


@pytest.mark.parametrize("name", ["status", "side", "updated_since"])
def test_a_filter_that_makes_no_sense_is_a_400(client: APIClient, name: str):
    answer = client.get(URL, {name: "nonsense"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == name


def test_another_customers_orders_do_not_show(client: APIClient, bob: User, aapl: Instrument):
    bobs = place(bob, "buy", "1")
    assert ids(client.get(URL)) == []
    assert ids(client.get(EXECUTIONS)) == []
    assert client.get(f"{URL}{bobs.pk}/").status_code == 404
    assert client.get(f"{URL}{uuid4()}/").status_code == 404


def test_one_order_shows_its_executions(client: APIClient, alice: User, aapl: Instrument):
    order = place(alice, "buy", "1", client_order_id="mine")
    document = client.get(f"{URL}{order.pk}/").json()
    assert document["client_order_id"] == "mine"
    assert [fill["price"] for fill in document["executions"]] == ["190.02"]


def test_executions_name_their_order(client: APIClient, alice: User, aapl: Instrument):
    order = place(alice, "buy", "1")
    (row,) = client.get(EXECUTIONS).json()["results"]
    assert (row["order_id"], row["symbol"], row["side"]) == (str(order.pk), "AAPL", "buy")
    assert (row["quantity"], row["amount"], row["fee"]) == ("1", "190.02", "0.00")


def test_an_order_can_not_be_changed_in_place(client: APIClient, alice: User, aapl: Instrument):
    order = place(alice, "buy", "1", limit="150.00")
    answer = client.put(f"{URL}{order.pk}/", {"quantity": "2"})
    assert answer.status_code == 405
    assert answer["Content-Type"] == "application/problem+json"
