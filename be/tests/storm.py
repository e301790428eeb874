"""Customers who send orders and transfers to a running server at once, and record its answers.

    with Storm(server, customers=6) as storm:
        storm.wait_for(answers=60)
        server.kill()
    ...
    storm.settle_what_is_open()
    storm.assert_nothing_is_lost()

What was acknowledged is compared with what the server has afterwards. What was not is sent again
with its Idempotency-Key, and must then have happened exactly once.
"""

import json
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from http.client import HTTPConnection, HTTPException
from typing import Any, Self
from uuid import uuid4

from exchange.tests.server import LiveServer

ORDERS = "/api/exchange/api/v1/orders/"
TRANSACTIONS = "/api/banking/transactions/"
RECOVERY = "be.tests.recovery"

# What takes longer counts as no answer; the server gives up on a database before that.
SECONDS_FOR_AN_ANSWER = 12.0
SECONDS_OF_PATIENCE = 60.0
# What a storm may be told: done, or a decision of the domain.
DECIDED = frozenset({200, 201, 404, 409, 422})


@dataclass(slots=True)
class Sent:
    """A request, and its answer; status 0 when none came."""

    method: str
    path: str
    body: dict[str, Any] | None = None
    key: str | None = None
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    document: Any = None

    @property
    def acknowledged(self) -> bool:
        return self.status in (200, 201)


class Client:
    """One customer on one connection that is kept open."""

    def __init__(self, port: int, *, token: str = "", account: str = "") -> None:
        self.account = account
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._token = token
        self._connection: HTTPConnection | None = None

    def send(
        self, method: str, path: str, body: dict[str, Any] | None = None, key: str | None = None
    ) -> Sent:
        sent = Sent(method, path, body, key)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        try:
            if self._connection is None:
                self._connection = HTTPConnection(
                    "127.0.0.1", self._port, timeout=SECONDS_FOR_AN_ANSWER
                )
            content = None if body is None else json.dumps(body)
            self._connection.request(method, path, content, headers)
            answer = self._connection.getresponse()
            raw = answer.read()
        except (OSError, HTTPException):
            self.close()
            return sent
        sent.status = answer.status
        sent.headers = {name.lower(): value for name, value in answer.getheaders()}
        sent.document = json.loads(raw)
        return sent

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Customer(threading.Thread):
    """Sends something at random, again and again, until told to stop."""

    def __init__(self, client: Client, seed: int, *, stop: threading.Event) -> None:
        super().__init__(name=f"customer-{seed}")
        self.client = client
        self.sent: list[Sent] = []
        self._random = random.Random(seed)
        self._stop_event = stop

    def run(self) -> None:
        while not self._stop_event.is_set():
            sent = self._send_something()
            self.sent.append(sent)
            if sent.status not in DECIDED:
                self._stop_event.wait(0.5)  # nobody hammers a server that is down
        self.client.close()

    def _send_something(self) -> Sent:
        choice = self._random.random()
        if choice < 0.15 and (order_id := self._open_order()):
            return self.client.send("DELETE", f"{ORDERS}{order_id}/")
        if choice < 0.4:
            return self._move_money()
        return self._place_order()

    def _open_order(self) -> str | None:
        """The newest order of which nothing has been heard since it was left open."""
        closed = {each.path.split("/")[-2] for each in self.sent if each.method == "DELETE"}
        for each in reversed(self.sent):
            if each.path == ORDERS and each.acknowledged and each.document["status"] == "new":
                order_id: str = each.document["id"]
                return None if order_id in closed else order_id
        return None

    def _move_money(self) -> Sent:
        body = {
            "account": self.client.account,
            "type": self._random.choice(["deposit", "withdrawal"]),
            "amount": f"{self._random.randrange(1, 5000) / 100:.2f}",
        }
        return self.client.send("POST", TRANSACTIONS, body, key=uuid4().hex)

    def _place_order(self) -> Sent:
        key = uuid4().hex
        body = {
            "symbol": "AAPL",
            "side": self._random.choice(["buy", "buy", "sell"]),
            "order_type": self._random.choice(["market", "limit"]),
            "quantity": f"{self._random.randrange(1, 3000) / 1000:.3f}",
            "client_order_id": key,
        }
        if body["order_type"] == "limit":
            body["limit_price"] = f"{self._random.randrange(9900, 10100) / 100:.2f}"
        return self.client.send("POST", ORDERS, body, key=key)


class Storm:
    """Some customers of a server, each a thread; as a context manager it runs them."""

    def __init__(self, server: LiveServer, *, customers: int) -> None:
        self._server = server
        self._stop = threading.Event()
        known = server.call(f"{RECOVERY}:open_market", customers=customers)
        self.customers = [
            Customer(Client(server.port, **each), seed, stop=self._stop)
            for seed, each in enumerate(known)
        ]

    def __enter__(self) -> Self:
        for customer in self.customers:
            customer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for customer in self.customers:
            customer.join()

    def sent(self) -> Iterator[Sent]:
        for customer in self.customers:
            yield from list(customer.sent)

    def wait_for(self, *, acknowledged: int = 0, status: int | None = None) -> None:
        """Until each customer has had so many more acknowledgements, or this status once more."""
        seen = [len(customer.sent) for customer in self.customers]
        deadline = time.monotonic() + SECONDS_OF_PATIENCE
        while time.monotonic() < deadline:
            news = [
                customer.sent[known:] for customer, known in zip(self.customers, seen, strict=True)
            ]
            if all(
                sum(each.acknowledged for each in new) >= acknowledged
                and (status is None or any(each.status == status for each in new))
                for new in news
            ):
                return
            time.sleep(0.02)
        raise AssertionError(f"The storm stands still.\n{self._server.output[-4000:]}")

    def settle_what_is_open(self) -> None:
        """Send again what got no decision, until it has one; then once more, for the same answer.

        The claims of requests that died with their server are let grow old first.
        """
        self._server.call(f"{RECOVERY}:abandon_claims")
        for customer in self.customers:
            for lost in [each for each in customer.sent if each.key and each.status not in DECIDED]:
                first, again = (
                    customer.client.send(lost.method, lost.path, lost.body, lost.key)
                    for _ in range(2)
                )
                assert first.status in DECIDED, (first, self._server.output[-4000:])
                assert (again.status, again.document) == (first.status, first.document)
                assert again.headers["idempotency-replayed"] == "true"
                customer.sent.append(first)

    def assert_nothing_is_lost(self) -> None:
        """All that was acknowledged is there, nothing else is, and the books agree."""
        made = set()
        for customer in self.customers:
            kept = _everything_of(customer.client)
            for each in customer.sent:
                if each.acknowledged:
                    _assert_kept(each.document, kept)
                    made.add(each.document["id"])
        assert set(self._server.call(f"{RECOVERY}:everything_made")) == made
        assert "0 mismatches" in self._server.call(f"{RECOVERY}:check_ledger")


def _everything_of(client: Client) -> dict[str, Any]:
    """All orders and bank transactions of this customer, by id, as the server tells them now."""
    found: dict[str, Any] = {}
    for path in (ORDERS, TRANSACTIONS):
        url: str | None = f"{path}?page_size=200"
        while url:
            page = client.send("GET", url).document
            found |= {each["id"]: each for each in page["results"]}
            url = page["next"] and page["next"].removeprefix(client.url)
    return found


def _assert_kept(told: dict[str, Any], kept: dict[str, Any]) -> None:
    """What was told of an order has at most gone on; of a transaction, it is as it was."""
    now = kept[told["id"]]
    if "executions" not in told:
        assert now == told
        return
    assert Decimal(now["filled_quantity"]) >= Decimal(told["filled_quantity"])
    assert [fill for fill in now["executions"] if fill in told["executions"]] == told["executions"]
    if told["status"] in ("filled", "canceled"):
        assert now["status"] == told["status"]
