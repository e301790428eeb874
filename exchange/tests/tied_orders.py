"""Bodies of bracket and oco orders, and what their tests do with them."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from rest_framework.test import APIClient

from exchange.tests.market import NOW, advance, tick

URL = "/api/exchange/api/v1/orders/"

BRACKET = {
    "symbol": "AAPL",
    "side": "buy",
    "order_type": "limit",
    "quantity": "10",
    "limit_price": "180.00",
    "order_class": "bracket",
    "take_profit": {"limit_price": "200.00"},
    "stop_loss": {"stop_price": "170.00"},
}
OCO = {
    "symbol": "AAPL",
    "side": "sell",
    "order_type": "limit",
    "quantity": "4",
    "limit_price": "200.00",
    "order_class": "oco",
    "stop_loss": {"stop_price": "170.00", "limit_price": "169.00"},
}


def post(client: APIClient, body: dict[str, Any], **change: Any) -> dict[str, Any]:
    """Place an order with this body, but for these changes; its document."""
    answer = client.post(URL, {**body, **change})
    assert answer.status_code == 201, answer.json()
    return dict(answer.json())


def rounds(*bids: str, start: int = 2, size: str = "1000") -> None:
    """A round a second, with these bids and asks two cents above."""
    for number, bid in enumerate(bids):
        ask = f"{Decimal(bid) + Decimal('0.02'):.2f}"
        advance(tick("AAPL", bid, ask, size=size), at=NOW + timedelta(seconds=start + number))


def states(client: APIClient, order: dict[str, Any]) -> list[str]:
    """The order's status and those of its legs: take-profit first, then stop-loss."""
    shown = client.get(f"{URL}{order['id']}/").json()
    return [shown["status"], *(leg["status"] for leg in shown["legs"])]
