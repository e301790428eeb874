"""A customer's first day: register, deposit, watch prices, buy, rest and cancel an order, sell.

    python examples/first_trade.py [--url http://localhost:8000] [--ws-url ws://localhost:8000]

It talks to a running BrokerPro over HTTP and one WebSocket only, prints what it does, and checks
that all numbers agree with each other to the cent. It needs the `websockets` package.
"""

import argparse
import json
import secrets
import urllib.error
import urllib.request
from decimal import Decimal
from typing import Any

from websockets.sync.client import ClientConnection, connect

CENT = Decimal("0.01")
ORDERS = "/api/exchange/api/v1/orders/"
SECONDS = 30


class Broker:
    """The REST API, authenticated once `token` is set. Numbers stay strings, as in the JSON."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.token = ""

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            self.url + path, None if body is None else json.dumps(body).encode(), method=method
        )
        request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        if method == "POST":
            # A retry after a lost response then can't buy twice.
            request.add_header("Idempotency-Key", secrets.token_hex(16))
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {path}: {error.code} {error.read().decode()}") from error
        return json.loads(text) if text else None


def open_account(broker: Broker) -> None:
    """Register, link a bank account, and deposit 10,000 dollars."""
    email = f"first-trade-{secrets.token_hex(4)}@example.com"
    answer = broker.call(
        "POST", "/api/auth/register/", {"email": email, "password": "correct horse 7 staples"}
    )
    broker.token = answer["access_token"]
    print(f"registered {email}")
    account = broker.call(
        "POST",
        "/api/banking/accounts/",
        {
            "account_holder": "Fiona First",
            "bank_name": "First Example Bank",
            "account_type": "checking",
            "account_number": str(4_400_000_000 + secrets.randbelow(10**9)),
            "routing_number": "021000021",
        },
    )
    print(f"linked {account['bank_name']} …{account['account_number_last4']}")
    deposit = broker.call(
        "POST",
        "/api/banking/transactions/",
        {"account": account["id"], "type": "deposit", "amount": "10000.00"},
    )
    assert deposit["status"] == "completed", deposit
    print(f"deposited {deposit['amount']}")


def receive(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next frame of a kind; frames of other kinds are skipped."""
    while True:
        frame: dict[str, Any] = json.loads(socket.recv(timeout=SECONDS))
        assert frame["type"] != "error", frame
        if frame["type"] == kind:
            return frame


def watch(socket: ClientConnection, token: str) -> None:
    """Sign in on the WebSocket, subscribe, and see three rounds of prices."""
    socket.send(json.dumps({"type": "auth", "token": token}))
    receive(socket, "auth_success")
    symbols = ["AAPL", "BTC-USD"]
    socket.send(json.dumps({"type": "subscribe", "symbols": symbols, "channels": ["orders"]}))
    snapshot = receive(socket, "subscribed")
    assert snapshot["symbols"] == symbols, snapshot
    newest = {quote["symbol"]: quote["sequence"] for quote in snapshot["quotes"]}
    assert sorted(newest) == symbols, snapshot
    for _ in range(3):
        frame = receive(socket, "price_update")
        for quote in frame["quotes"]:
            assert quote["sequence"] > newest[quote["symbol"]], "quotes only get newer"
            newest[quote["symbol"]] = quote["sequence"]
        prices = ", ".join(f"{quote['symbol']} {quote['price']}" for quote in frame["quotes"])
        print(f"round {frame['sequence']}: {prices}")


def receive_update(socket: ClientConnection, order_id: str, event: str) -> None:
    while True:
        frame = receive(socket, "order_update")
        if frame["order"]["id"] == order_id and frame["event"] == event:
            return


def balance(broker: Broker, asset: str) -> dict[str, Decimal]:
    rows = broker.call("GET", "/api/banking/balances/")["results"]
    row = next((row for row in rows if row["asset"] == asset), None) or {}
    return {name: Decimal(row.get(name, "0")) for name in ("total", "available", "held")}


def trade(broker: Broker, socket: ClientConnection) -> Decimal:
    """Buy 1.5, rest an order and cancel it, sell 0.5; returns the expected cash."""
    bought = broker.call(
        "POST", ORDERS, {"symbol": "AAPL", "side": "buy", "order_type": "market", "quantity": "1.5"}
    )
    assert bought["status"] == "filled", bought
    receive_update(socket, bought["id"], "fill")
    paid = sum(Decimal(fill["amount"]) + Decimal(fill["fee"]) for fill in bought["executions"])
    print(f"bought {bought['filled_quantity']} AAPL at {bought['average_fill_price']} for {paid}")
    assert balance(broker, "USD")["available"] == 10_000 - paid

    limit = (Decimal(bought["average_fill_price"]) * Decimal("0.8")).quantize(CENT)
    resting = broker.call(
        "POST",
        ORDERS,
        {
            "symbol": "AAPL",
            "side": "buy",
            "order_type": "limit",
            "quantity": "2",
            "limit_price": str(limit),
            "time_in_force": "gtc",
        },
    )
    assert resting["status"] == "new", resting
    assert balance(broker, "USD")["held"] == limit * 2
    print(f"an order for 2 AAPL rests at {limit} and holds {limit * 2}")
    canceled = broker.call("DELETE", f"{ORDERS}{resting['id']}/")
    assert canceled["status"] == "canceled", canceled
    receive_update(socket, resting["id"], "canceled")
    assert balance(broker, "USD")["held"] == 0
    print("canceled it; nothing is held")

    sold = broker.call(
        "POST",
        ORDERS,
        {"symbol": "AAPL", "side": "sell", "order_type": "market", "quantity": "0.5"},
    )
    assert sold["status"] == "filled", sold
    receive_update(socket, sold["id"], "fill")
    received = sum(Decimal(fill["amount"]) - Decimal(fill["fee"]) for fill in sold["executions"])
    print(f"sold {sold['filled_quantity']} AAPL at {sold['average_fill_price']} for {received}")
    return Decimal(10_000) - paid + received


def check_numbers(broker: Broker, cash: Decimal) -> None:
    """Check that balances, holdings and performance agree."""
    assert balance(broker, "USD")["total"] == cash
    assert balance(broker, "AAPL")["total"] == 1

    holdings = broker.call("GET", "/api/portfolio/holdings/")
    (holding,) = holdings["results"]
    totals = {name: Decimal(value) for name, value in holdings["totals"].items()}
    value = Decimal(holding["market_value"])
    assert Decimal(holding["quantity"]) == 1
    assert value == (Decimal(holding["price"]) * 1).quantize(CENT)
    assert totals["cash"] == cash
    assert totals["equity"] == cash + value
    gain = totals["unrealized_pnl"] + totals["realized_pnl"]
    assert totals["equity"] - 10_000 == gain, "what was gained is what equity grew by"

    performance = broker.call("GET", "/api/portfolio/performance/?period=1d")
    last = performance["series"][-1]
    end, net = Decimal(performance["end_equity"]), Decimal(performance["net_deposits"])
    assert Decimal(last["equity"]) == end
    assert net == 10_000
    assert end - net - Decimal(performance["start_equity"]) == Decimal(performance["gain"])
    assert end > cash, "one share is worth something"
    print(f"holdings: 1 AAPL worth {value}, cash {cash}, equity {totals['equity']}, gain {gain}")
    print("every number agrees")


def main() -> None:
    parser = argparse.ArgumentParser(description="A first day at BrokerPro.")
    parser.add_argument("--url", default="http://localhost:8000")
    parser.add_argument("--ws-url", help="another server for the WebSocket; default: the same")
    options = parser.parse_args()
    broker = Broker(options.url)
    ws_url = (options.ws_url or options.url.replace("http", "ws", 1)).rstrip("/")
    open_account(broker)
    with connect(f"{ws_url}/ws/market-data/") as socket:
        watch(socket, broker.token)
        cash = trade(broker, socket)
    check_numbers(broker, cash)


if __name__ == "__main__":
    main()
