"""Malformed amounts in every field that takes one: a 4xx that names the field, and no effect.

A new field is a line in AMOUNTS.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from banking.models import BankAccount, BankTransaction, Hold, JournalEntry, LedgerAccount
from banking.rules import rails
from banking.tests.factories import BankAccountFactory
from exchange.models import Execution, Order
from exchange.tests import market

ORDERS = "/api/exchange/api/v1/orders/"
TRANSACTIONS = "/api/banking/transactions/"
VERIFY = "/api/banking/accounts/{unverified}/verify/"
HERE = "here"
NAME = re.compile(r"\{[a-z][a-z ]*\}")
Send = Callable[[str], Any]


@dataclass(frozen=True)
class Amount:
    """A field of a body that is right but for it: HERE stands for the amount.

    `good` is an amount that is taken there. Errors name `field`, and when there is null instead of
    an amount `without`; that is empty where an amount can be left out.
    """

    name: str
    url: str
    body: dict[str, Any]
    good: str
    field: str
    without: str

    @property
    def method(self) -> str:
        return "patch" if self.url.endswith("}/") else "post"

    def __str__(self) -> str:
        return self.name


def order(field: str, good: str, *, without: str | None = None, **body: Any) -> Amount:
    """A field of a new order: `body` has it, as HERE, and what else this order needs."""
    name = f"{body.get('order_class') or body['order_type']} {field}"
    body = {"symbol": "AAPL", "side": "buy", **body}
    return Amount(name, ORDERS, body, good, field, field if without is None else without)


def change(which: str, field: str, good: str) -> Amount:
    """A field of a change to one of the resting orders."""
    url = f"{ORDERS}{{{which}}}/"
    return Amount(f"change of {field}", url, {field: HERE}, good, field, "")


def money(kind: str) -> Amount:
    body = {"account": "{verified}", "type": kind, "amount": HERE}
    return Amount(kind, TRANSACTIONS, body, "1.00", "amount", "amount")


STOP_LOSS = {"stop_price": "170.00", "limit_price": "169.00"}
BRACKET: dict[str, Any] = {
    "order_type": "limit",
    "order_class": "bracket",
    "quantity": "1",
    "limit_price": "180.00",
    "take_profit": {"limit_price": "200.00"},
    "stop_loss": STOP_LOSS,
}
STOP = {"order_type": "stop", "quantity": "1", "stop_price": "200.00"}
TRAILING = {"order_type": "trailing_stop", "quantity": "1"}
AMOUNTS = [
    order("quantity", "1", order_type="market", quantity=HERE),
    order("notional", "1.00", without="quantity", order_type="market", notional=HERE),
    order("limit_price", "180", order_type="limit", quantity="1", limit_price=HERE),
    order("stop_price", "200.00", **{**STOP, "stop_price": HERE}),
    order("limit_price", "201.00", **{**STOP, "order_type": "stop_limit", "limit_price": HERE}),
    order("trail_amount", "5.00", without="trail_percent", **TRAILING, trail_amount=HERE),
    order("trail_percent", "5", **TRAILING, trail_percent=HERE),
    order("take_profit.limit_price", "200", **{**BRACKET, "take_profit": {"limit_price": HERE}}),
    order(
        "stop_loss.stop_price",
        "170",
        **{**BRACKET, "stop_loss": {**STOP_LOSS, "stop_price": HERE}},
    ),
    order(
        "stop_loss.limit_price",
        "169",
        without="",
        **{**BRACKET, "stop_loss": {**STOP_LOSS, "limit_price": HERE}},
    ),
    change("limit", "quantity", "2"),
    change("limit", "limit_price", "181.00"),
    change("stop", "stop_price", "201.00"),
    change("trailing", "trail_amount", "6.00"),
    change("trailing in percent", "trail_percent", "6"),
    money("deposit"),
    money("withdrawal"),
    Amount("micro-deposit", VERIFY, {"amounts": [HERE, "0.45"]}, "0.32", "amounts.0", "amounts.0"),
]

# What stands in the book to be changed.
RESTING = {
    "{limit}": {"order_type": "limit", "quantity": "1", "limit_price": "180.00"},
    "{stop}": STOP,
    "{trailing}": {**TRAILING, "trail_amount": "5.00"},
    "{trailing in percent}": {**TRAILING, "trail_percent": "5"},
}

LISTS = [
    ORDERS,
    TRANSACTIONS,
    "/api/exchange/api/v1/executions/",
    "/api/banking/accounts/",
    "/api/banking/statement/",
]

# As they stand in the body. These are JSON, but no amounts.
NO_AMOUNTS = [
    *('"NaN"', '"nan"', '"sNaN"', '"-NaN"', '"Infinity"', '"-Infinity"', '"inf"'),
    *('"1e400"', "1e400", '"1E+2"', "1E+2", "1e2", '"1e-1"', "1e-400", "1e999999999999999999"),
    *("-0", "-0.0", '"-0"', "0", "0.0", '"0"', '"0.00"', "0e5", "-1", '"-1"', '"+1"', "-0.01"),
    *('"1_000"', '"1,5"', '"1,000.00"', '"$1"', '"1 USD"', '"1/2"', '"0x10"', '"0b1"', '"1."'),
    *('".5"', '"."', '" 1"', '"1 "', '"1\\n"', '"\\t1"', '"1\\u0000"', '"\\u00a01"', '""', '" "'),
    *('"١٢"', '"１２"', '"१"', '"²"', '"Ⅷ"', '"\\ud800"'),
    *("true", "false", "[]", "[1]", '["1"]', "{}", '{"amount": "1"}', "[" * 50 + "]" * 50),
    *(f'"{"9" * 400}"', f'"0.{"0" * 59}1"', f'"1.{"0" * 60}"', f"0.{'0' * 30}1", "9" * 39),
]
# These are not even JSON, or more of it than anybody reads.
NO_JSON = [
    *(
        "NaN",
        "sNaN",
        "Infinity",
        "-Infinity",
        "1_000",
        "١٢",
        "１２",
        "0x10",
        "+1",
        "01",
        ".5",
        "1.",
    ),
    *("9" * 400, f"-{'9' * 400}", f"0.{'0' * 59}1", f"1{'0' * 100_000}", "[" * 100_000),
    '{"a":' * 100_000,
]


@pytest.fixture
def alice(db: None) -> User:
    market.set_quote(market.make_instrument("AAPL"), "190.00", "190.02", at=timezone.now())
    return market.make_customer()


@pytest.fixture
def client(alice: User) -> APIClient:
    return signed_in_client(alice)


@pytest.fixture
def ready(alice: User, client: APIClient) -> Callable[[Amount], Send]:
    """Makes what an amount's body and path name in braces; returns how to send a literal there."""

    def make(amount: Amount) -> Send:
        url, body = amount.url, json.dumps(amount.body)
        for name in NAME.findall(url + body):
            made = _made(name, alice, client)
            url, body = url.replace(name, made), body.replace(name, made)

        def send(literal: str) -> Any:
            raw = body.replace(f'"{HERE}"', literal)
            return getattr(client, amount.method)(url, raw, content_type="application/json")

        return send

    return make


def _made(name: str, alice: User, client: APIClient) -> str:
    """The id of a new bank account or resting order."""
    if name in RESTING:
        answer = client.post(ORDERS, {"symbol": "AAPL", "side": "buy", **RESTING[name]})
        return str(answer.json()["id"])
    number = {"account_number": rails.NEEDS_MICRO_DEPOSITS} if name == "{unverified}" else {}
    return str(BankAccountFactory.create(owner=alice, now=timezone.now(), **number).pk)


def everything() -> list[object]:
    """What an order or a payment leaves behind, and all balances."""
    return [
        list(LedgerAccount.objects.order_by("pk").values_list("pk", "available", "held")),
        list(BankAccount.objects.order_by("pk").values_list("pk", "status")),
        list(Order.objects.order_by("pk").values_list("pk", "status", "updated_at")),
        *(model.objects.count() for model in (Execution, BankTransaction, Hold, JournalEntry)),
    ]


def assert_refused(answer: Any, *, code: str, fields: set[str], sent: str = "") -> None:
    sent = ascii(sent[:40])
    assert answer.status_code == 400, (sent, answer.content)
    assert answer["Content-Type"] == "application/problem+json", sent
    document = answer.json()
    assert document["code"] == code, sent
    assert {error["field"] for error in document["errors"]} == fields, sent
    assert all(error["code"] for error in document["errors"]), sent


@pytest.mark.parametrize("amount", AMOUNTS, ids=str)
def test_an_amount_is_taken(ready: Callable[[Amount], Send], amount: Amount):
    """Or else what is refused below might be refused for another reason."""
    send = ready(amount)
    for literal in (f'"{amount.good}"', amount.good):
        with transaction.atomic():
            answer = send(literal)
            assert answer.status_code in (200, 201), answer.json()
            transaction.set_rollback(True)


@pytest.mark.parametrize("amount", AMOUNTS, ids=str)
def test_what_is_no_amount_is_refused_by_name(ready: Callable[[Amount], Send], amount: Amount):
    send = ready(amount)
    before = everything()
    for literal in NO_AMOUNTS:
        answer = send(literal)
        assert_refused(answer, code="invalid", fields={amount.field}, sent=literal)
    assert everything() == before


@pytest.mark.parametrize("amount", AMOUNTS, ids=str)
def test_what_is_no_json_is_refused(ready: Callable[[Amount], Send], amount: Amount):
    send = ready(amount)
    before = everything()
    for literal in NO_JSON:
        answer = send(literal)
        assert_refused(answer, code="parse_error", fields=set(), sent=literal)
    assert everything() == before


@pytest.mark.parametrize("amount", [each for each in AMOUNTS if each.without], ids=str)
def test_null_is_no_amount(ready: Callable[[Amount], Send], amount: Amount):
    send = ready(amount)
    before = everything()
    answer = send("null")
    assert_refused(answer, code="invalid", fields={amount.without})
    assert everything() == before


@pytest.mark.parametrize("amount", AMOUNTS, ids=str)
def test_an_amount_given_twice_is_refused(ready: Callable[[Amount], Send], amount: Amount):
    send = ready(amount)
    before = everything()
    good, name = f'"{amount.good}"', amount.field.rpartition(".")[2]
    twice = f'{good}], "amounts": [{good}' if name == "0" else f'{good}, "{name}": {good}'
    assert_refused(send(twice), code="parse_error", fields=set())
    assert everything() == before


@pytest.mark.parametrize("amount", AMOUNTS, ids=str)
def test_more_than_there_is_in_the_world_is_refused(
    ready: Callable[[Amount], Send], amount: Amount
):
    send = ready(amount)
    before = everything()
    for literal in ("999999999999999999", '"999999999999999999"', '"999999999999999999.99"'):
        answer = send(literal)
        assert answer.status_code in (400, 422), answer.json()
        assert answer["Content-Type"] == "application/problem+json"
    assert everything() == before


@pytest.mark.parametrize("literal", ['"{}"', "{}"], ids=["as text", "as a number"])
def test_three_mebibytes_of_digits_are_too_large(ready: Callable[[Amount], Send], literal: str):
    sends = [ready(amount) for amount in AMOUNTS]
    before = everything()
    for send in sends:
        answer = send(literal.format("1" * 3 * 1024 * 1024))
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        assert answer["Content-Type"] == "application/problem+json"
    assert everything() == before


@pytest.mark.parametrize(
    ("literal", "read"),
    [
        *(("0.1", "0.1"), ('"0.1"', "0.1"), ("0.30", "0.3"), ("1.10000000", "1.1")),
        *(("1e-7", "0.0000001"), ("0.00000001", "0.00000001"), ('"0.00000001"', "0.00000001")),
        *(("1.00000003", "1.00000003"), ("5", "5"), ("0.29", "0.29"), ("4.35", "4.35")),
    ],
)
def test_a_json_number_is_read_exactly(client: APIClient, alice: User, literal: str, read: str):
    market.set_quote(market.make_instrument("BTC-USD", "crypto"), "1000.00", "1000.01")
    body = (
        '{"symbol":"BTC-USD","side":"buy","order_type":"limit","limit_price":100.29,'
        f'"quantity":{literal}}}'
    )
    document = client.post(ORDERS, body, content_type="application/json").json()
    assert (document["quantity"], document["limit_price"]) == (read, "100.29")


@pytest.mark.parametrize(
    "size",
    ["1e9", "1000000000", "0", "-1", "NaN", "", "١٠", "1.0", "9" * 5000, "201", "[]", "\x00"],
)
def test_a_page_of_any_other_size_is_refused(client: APIClient, size: str):
    for path in LISTS:
        answer = client.get(path, {"page_size": size})
        assert_refused(answer, code="invalid", fields={"page_size"}, sent=path)
