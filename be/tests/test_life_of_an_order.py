"""docs/life-of-an-order.md lists the modules of a market order in the order of the calls."""

import re

import pytest
import time_machine
from rest_framework.test import APIClient

from authentication.tests.api_client import signed_in_client
from be.tests.call_order import modules_called
from exchange.models import FeeSchedule
from exchange.tests import market
from exchange.tests.server import ROOT

PAGE = ROOT / "docs" / "life-of-an-order.md"
ORDER = {"symbol": "AAPL", "side": "buy", "order_type": "market", "quantity": "1"}
# A row of the page's list: the path of a module, and the one database that calls it.
ROW = re.compile(r"^\|[^|]*\| `([\w/]+)\.py`(?: \((PostgreSQL|SQLite) only\))? \|", re.MULTILINE)


def listed(database: str) -> list[str]:
    found = ROW.findall(PAGE.read_text())
    return [path.replace("/", ".") for path, only in found if only in ("", database)]


def place(client: APIClient) -> None:
    answer = client.post("/api/exchange/api/v1/orders/", ORDER, format="json")
    assert (answer.status_code, answer.json()["status"]) == (201, "filled")


@pytest.mark.django_db(transaction=True)
def test_the_page_lists_the_modules_of_a_market_order_in_the_order_of_the_calls(
    is_postgresql: bool,
):
    FeeSchedule.objects.get_or_create(
        asset_class="stock", defaults={"maker_bps": 0, "taker_bps": 0}
    )
    with time_machine.travel(market.NOW, tick=False):
        market.set_quote(market.make_instrument("AAPL"), "190.00", "190.02")
        client = signed_in_client(market.make_customer())
        place(client)  # opens accounts, fills caches and starts threads
        with modules_called() as called:
            place(client)
    assert called == listed("PostgreSQL" if is_postgresql else "SQLite")
