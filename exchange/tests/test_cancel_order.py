"""DELETE orders/{id}/ and DELETE orders/."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from authentication.models import User
from banking.models import JournalEntry
from exchange.models import Instrument, Order
from exchange.tests import tied_orders
from exchange.tests.market import balance, place
from exchange.trading import orders

pytestmark = pytest.mark.usefixtures("books_must_agree")

URL = "/api/exchange/api/v1/orders/"


def test_canceling_gives_back_what_was_held(client: APIClient, alice: User, aapl: Instrument):
    order = place(alice, "buy", "2", limit="150.00")
    answer = client.delete(f"{URL}{order.pk}/")
    assert answer.status_code == 200
    assert answer.json()["status"] == "canceled"
    assert answer.json()["canceled_at"] is not None
    assert balance(alice) == (Decimal("10000.00"), 0)


def test_a_partly_filled_order_keeps_its_fills(client: APIClient, alice: User, aapl: Instrument):
    aapl.quote.ask_size = 1_000_000
    aapl.quote.save()
    order = place(alice, "buy", "3", limit="190.02")
    answer = client.delete(f"{URL}{order.pk}/").json()
    assert (answer["status"], answer["filled_quantity"]) == ("canceled", "1")
    assert balance(alice) == (Decimal("9809.98"), 0)
    assert balance(alice, aapl.asset) == (Decimal(1), 0)


def test_an_order_that_has_ended_can_not_be_canceled(
    client: APIClient, alice: User, aapl: Instrument
):
    order = place(alice, "buy", "1")
    entries = JournalEntry.objects.count()
    answer = client.delete(f"{URL}{order.pk}/")
    assert (answer.status_code, answer.json()["code"]) == (409, "order_not_cancelable")
    assert JournalEntry.objects.count() == entries


def test_another_customers_order_is_as_good_as_none(client: APIClient, bob: User, aapl: Instrument):
    bobs = place(bob, "buy", "1", limit="150.00")
    answers = [client.delete(f"{URL}{which}/") for which in (bobs.pk, uuid4(), "not-an-id")]
    assert {answer.status_code for answer in answers} == {404}
    bodies = [{**answer.json(), "request_id": ""} for answer in answers]
    assert bodies[0] == bodies[1] == bodies[2]
    bobs.refresh_from_db()
    assert bobs.status == "new"


def test_cancel_all_ends_every_open_order_of_ones_own(
    client: APIClient, alice: User, bob: User, aapl: Instrument
):
    mine = [place(alice, "buy", "1", limit=limit) for limit in ("150.00", "151.00")]
    bobs = place(bob, "buy", "1", limit="150.00")
    answer = client.delete(URL)
    assert answer.status_code == 200
    assert [row["id"] for row in answer.json()["results"]] == [str(o.pk) for o in reversed(mine)]
    assert balance(alice) == (Decimal("10000.00"), 0)
    bobs.refresh_from_db()
    assert bobs.status == "new"
    assert client.delete(URL).json() == {"results": []}


def test_cancel_all_works_and_answers_in_pieces(
    client: APIClient, alice: User, aapl: Instrument, monkeypatch: pytest.MonkeyPatch
):
    """The same answer as from one piece, and no transaction ends more orders than a piece has."""
    at_once: list[int] = []
    end = orders.end_locked

    def counted(some: Sequence[Order], *args: Any, **kwargs: Any) -> None:
        at_once.append(len(some))
        end(some, *args, **kwargs)

    monkeypatch.setattr(orders, "end_locked", counted)
    monkeypatch.setattr(orders, "END_AT_ONCE", 2)
    for limit in ("150.00", "151.00"):
        place(alice, "buy", "1", limit=limit)
    tied_orders.post(client, tied_orders.BRACKET, quantity="1")
    for limit in ("152.00", "153.00"):
        place(alice, "buy", "1", limit=limit)
    open_before = [row["id"] for row in client.get(f"{URL}?status=open").json()["results"]]

    answer: Any = client.delete(URL)

    assert answer.streaming
    results = json.loads(b"".join(answer.streaming_content))["results"]
    assert [row["id"] for row in results] == open_before
    assert results == client.get(URL).json()["results"]
    assert {row["status"] for row in results} == {"canceled"}
    assert max(at_once) == 2
    assert balance(alice) == (Decimal("10000.00"), 0)
