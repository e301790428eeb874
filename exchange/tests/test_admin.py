"""The admin: the market and its orders are read-only; instruments can be changed."""

import pytest
from django.test import Client
from django.urls import reverse

from authentication.models import User
from exchange.models import Instrument
from exchange.tests import market

LOOK_ONLY = ["order", "execution", "quote", "simulator"]


def act(root: Client, action: str, instrument: Instrument) -> None:
    answer = root.post(
        reverse("admin:exchange_instrument_changelist"),
        {"action": action, "_selected_action": [str(instrument.pk)]},
    )
    assert answer.status_code == 302


def test_an_instrument_can_be_halted_and_resumed(root: Client, aapl: Instrument):
    act(root, "halt", aapl)
    aapl.refresh_from_db()
    assert aapl.status == "halted"
    act(root, "resume", aapl)
    aapl.refresh_from_db()
    assert aapl.status == "active"


def test_what_balances_are_counted_in_can_not_be_changed(root: Client, aapl: Instrument):
    url = reverse("admin:exchange_instrument_change", args=[aapl.pk])
    answer = root.post(
        url, {"name": "Apple", "tradable": "on", "scale": "0", "symbol": "X", "_save": "Save"}
    )
    aapl.refresh_from_db()
    assert (aapl.symbol, aapl.scale) == ("AAPL", 6)
    assert answer.status_code in (200, 302)


@pytest.mark.parametrize("model", LOOK_ONLY)
def test_lists_open_and_nothing_can_be_added(
    root: Client, alice: User, aapl: Instrument, model: str
):
    market.place(alice)
    market.advance(market.tick("AAPL", "190.00", "190.02"))
    assert root.get(reverse(f"admin:exchange_{model}_changelist")).status_code == 200
    assert root.get(reverse(f"admin:exchange_{model}_add")).status_code == 403


def test_an_order_shows_its_executions_and_can_not_be_edited(
    root: Client, alice: User, aapl: Instrument
):
    order = market.place(alice)
    url = reverse("admin:exchange_order_change", args=[order.pk])
    page = root.get(url)
    assert page.status_code == 200
    assert "190.02" in page.content.decode()
    assert root.post(url, {"status": "canceled"}).status_code == 403
    order.refresh_from_db()
    assert order.status == "filled"


def test_a_customer_has_no_business_there(alice: User):
    client = Client()
    client.force_login(alice)
    assert client.get(reverse("admin:exchange_order_changelist")).status_code == 302
