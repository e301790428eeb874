"""A bot that signs in with an API key: it watches a price, and buys when it has fallen.

    BROKERPRO_API_KEY=<key_id>.<secret> python examples/bot.py [--url http://localhost:8000]
        [--symbol BTC-USD] [--dollars 25] [--fall 0.1] [--updates 100]

The key needs the scopes `read` and `trade`; docs/api-keys.md says how to make one. The bot buys
once the price has fallen by `--fall` percent from its highest, then waits for the next fall. It
needs the `websockets` package. No advice: it is here to show the calls.
"""

import argparse
import json
import os
import secrets
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from websockets.sync.client import connect

ORDERS = "/api/exchange/api/v1/orders/"
SECONDS = 30


def call(url: str, key: str, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """The answer of the REST API. The same key opens it for as long as it is not revoked."""
    request = urllib.request.Request(
        url + path, None if body is None else json.dumps(body).encode(), method=method
    )
    request.add_header("Authorization", f"Bearer {key}")
    request.add_header("Content-Type", "application/json")
    request.add_header("Idempotency-Key", secrets.token_hex(16))
    with urllib.request.urlopen(request, timeout=SECONDS) as response:
        return json.load(response)


def prices(url: str, key: str, symbol: str) -> Iterator[Decimal]:
    """The price now, and then each that comes over the WebSocket."""
    with connect(url.replace("http", "ws", 1) + "/ws/market-data/") as socket:
        socket.send(json.dumps({"type": "auth", "token": key}))
        socket.send(json.dumps({"type": "subscribe", "symbols": [symbol]}))
        while True:
            frame = json.loads(socket.recv(timeout=SECONDS))
            if frame["type"] == "error":
                raise SystemExit(frame["message"])
            for quote in frame.get("quotes", []):
                yield Decimal(quote["price"])


def trade(url: str, key: str, symbol: str, dollars: str, fall: Decimal, updates: int) -> None:
    """Buy for `dollars` at each fall by `fall` percent, among so many updates."""
    me = call(url, key, "GET", "/api/auth/me/")
    print(f"acting for {me['email']}; watching {symbol}")
    highest = Decimal(0)
    for _, price in zip(range(updates), prices(url, key, symbol), strict=False):
        highest = max(highest, price)
        if price > highest * (1 - fall / 100):
            continue
        order = {"symbol": symbol, "side": "buy", "order_type": "market", "notional": dollars}
        bought = call(url, key, "POST", ORDERS, order)
        print(f"{price}: bought {bought['filled_quantity']} for {dollars}: {bought['status']}")
        highest = price


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://localhost:8000")
    parser.add_argument("--symbol", default="BTC-USD")
    parser.add_argument("--dollars", default="25.00")
    parser.add_argument("--fall", type=Decimal, default=Decimal("0.1"), help="percent")
    parser.add_argument("--updates", type=int, default=100)
    given = parser.parse_args()
    key = os.environ.get("BROKERPRO_API_KEY", "")
    if not key:
        raise SystemExit("Set BROKERPRO_API_KEY=<key_id>.<secret>; docs/api-keys.md has how to.")
    trade(given.url.rstrip("/"), key, given.symbol, given.dollars, given.fall, given.updates)


if __name__ == "__main__":
    main()
