"""The AsyncAPI 3 document of the WebSocket, made from the messages themselves. Pure."""

from typing import Any, get_args

import msgspec

from exchange.streaming.rules import protocol
from exchange.streaming.rules.protocol import (
    Auth,
    AuthSuccess,
    Error,
    Gap,
    Heartbeat,
    MarketAlert,
    OrderUpdate,
    Ping,
    Pong,
    PriceUpdate,
    Quote,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Unsubscribed,
)

Document = dict[str, Any]

ADDRESS = "/ws/market-data/"
CHANNEL = {"$ref": "#/channels/marketData"}
SCHEMAS = "#/components/schemas/{name}"

# Schemas of the REST API that are sent here too.
OF_REST = ["Quote", "Order", "Execution"]

# The answer to each message; `error` may come instead of any of them.
REPLIES: dict[type[msgspec.Struct], type[msgspec.Struct]] = {
    Auth: AuthSuccess,
    Subscribe: Subscribed,
    Unsubscribe: Unsubscribed,
    Ping: Pong,
}
CLIENT_MESSAGES: tuple[type[msgspec.Struct], ...] = get_args(protocol.ClientMessage)
SERVER_MESSAGES: tuple[type[msgspec.Struct], ...] = get_args(protocol.ServerMessage)

_TIME = "2026-03-02T15:00:00.000000Z"
_QUOTE = Quote(
    symbol="AAPL",
    price="191.25",
    bid="191.24",
    ask="191.26",
    bid_size="1200",
    ask_size="800",
    previous_close="189.90",
    change="1.35",
    change_percent="0.71",
    open="190.10",
    high="191.80",
    low="189.95",
    volume="1843200",
    timestamp=_TIME,
    sequence=4711,
)
_EXECUTION = {
    "id": "0195c3f2-4c1f-7d02-8a11-5b0e9f3c2d44",
    "price": "191.26",
    "quantity": "10",
    "amount": "1912.60",
    "accrued_interest": "0",
    "fee": "0.00",
    "liquidity": "taker",
    "executed_at": _TIME,
}
_ORDER = {
    "id": "0195c3f2-4c1e-7a55-9d5e-2f1b6c0a7e11",
    "client_order_id": None,
    "symbol": "AAPL",
    "asset_class": "stock",
    "side": "buy",
    "order_type": "limit",
    "order_class": "simple",
    "time_in_force": "day",
    "quantity": "10",
    "notional": None,
    "limit_price": "191.30",
    "stop_price": None,
    "trail_amount": None,
    "trail_percent": None,
    "lots": None,
    "status": "filled",
    "filled_quantity": "10",
    "remaining_quantity": "0",
    "average_fill_price": "191.26",
    "fees": "0.00",
    "reject_reason": None,
    "parent_id": None,
    "replaces": None,
    "replaced_by": None,
    "created_at": _TIME,
    "updated_at": _TIME,
    "filled_at": _TIME,
    "canceled_at": None,
    "expires_at": "2026-03-03T00:00:00.000000Z",
    "executions": [_EXECUTION],
    "legs": [],
}
EXAMPLES: tuple[msgspec.Struct, ...] = (
    Auth(token="eyJhbGciOiJIUzI1NiIs…"),  # noqa: S106 - an example
    Subscribe(symbols=["AAPL", "BTC-USD"], channels=["orders"]),
    Unsubscribe(symbols=["BTC-USD"]),
    Ping(id=1),
    AuthSuccess(user_id="0195c3f1-11aa-7b21-b4c6-8d3e5f7a9b01", expires_at=_TIME),
    Subscribed(
        symbols=["AAPL"], channels=["orders"], quotes=[_QUOTE], orders_sequence=17, time=_TIME
    ),
    Unsubscribed(symbols=["AAPL"], channels=["orders"]),
    Pong(id=1),
    PriceUpdate(sequence=90210, quotes=[_QUOTE]),
    OrderUpdate(sequence=18, event="fill", order=_ORDER, execution=_EXECUTION),
    Gap(channel="orders", sequence=19, since=_TIME),
    MarketAlert(
        symbol="AAPL",
        severity="high",
        title="AAPL halted",
        message="Working orders wait; market orders are refused.",
        timestamp=_TIME,
    ),
    Heartbeat(time=_TIME),
    Error(code="unknown_symbol", message="There is no NOPE.", symbols=["NOPE"]),
)


def document(*, version: str, host: str, is_secure: bool, rest: Document) -> Document:
    """The whole document, for a server that is reached at `host`.

    `rest` has the schemas of the REST API that are sent here too: OF_REST, and what they refer to.
    """
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "BrokerPro streaming",
            "version": version,
            "description": (
                "Live quotes and order updates over one WebSocket. JSON text frames; decimals are "
                "strings, times are RFC 3339 in UTC with six decimals of a second. The client "
                "speaks first: `auth`, within ten seconds. Unknown fields and message types should "
                "be ignored: there may be more."
            ),
        },
        "defaultContentType": "application/json",
        "servers": {"here": {"host": host, "protocol": "wss" if is_secure else "ws"}},
        "channels": {"marketData": _channel()},
        "operations": _operations(),
        "components": {"messages": _messages(), "schemas": _schemas() | rest},
    }


def _channel() -> Document:
    return {
        "address": ADDRESS,
        "title": "Market data and orders",
        "description": "Sockets are closed with the codes of `x-close-codes`.",
        "messages": {
            name: {"$ref": f"#/components/messages/{name}"}
            for name in map(_name, (*CLIENT_MESSAGES, *SERVER_MESSAGES))
        },
        "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
        "x-close-codes": {str(code): why for code, why in protocol.CLOSE_CODES.items()},
        "x-error-codes": {refusal.code: refusal.title for refusal in refusals()},
    }


def _operations() -> Document:
    """The server's operations: what it receives and answers, and what it sends by itself."""
    received: Document = {
        f"receive_{_name(message)}": {
            "action": "receive",
            "channel": CHANNEL,
            "summary": _summary(message),
            "messages": [_on_channel(message)],
            "reply": {
                "channel": CHANNEL,
                "messages": [_on_channel(reply), _on_channel(Error)],
            },
        }
        for message, reply in REPLIES.items()
    }
    sent: Document = {
        f"send_{_name(message)}": {
            "action": "send",
            "channel": CHANNEL,
            "summary": _summary(message),
            "messages": [_on_channel(message)],
        }
        for message in SERVER_MESSAGES
        if message not in REPLIES.values()
    }
    return received | sent


def _messages() -> Document:
    examples: dict[str, list[Any]] = {}
    for example in EXAMPLES:
        examples.setdefault(_name(type(example)), []).append(
            {"payload": msgspec.json.decode(msgspec.json.encode(example))}
        )
    return {
        _name(message): {
            "name": _name(message),
            "title": message.__name__,
            "summary": _summary(message),
            "payload": {"$ref": SCHEMAS.format(name=message.__name__)},
            "examples": examples[_name(message)],
        }
        for message in (*CLIENT_MESSAGES, *SERVER_MESSAGES)
    }


def _schemas() -> Document:
    _, schemas = msgspec.json.schema_components(
        (*CLIENT_MESSAGES, *SERVER_MESSAGES), ref_template=SCHEMAS
    )
    update = schemas[OrderUpdate.__name__]["properties"]
    update["order"] = {"$ref": SCHEMAS.format(name="Order")}
    update["execution"] = {"oneOf": [{"$ref": SCHEMAS.format(name="Execution")}, {"type": "null"}]}
    return {name: _with_constants(schema) for name, schema in schemas.items()}


def _with_constants(node: Any) -> Any:
    """An enumeration of one value as a constant: generated clients tell messages apart by it."""
    if isinstance(node, list):
        return [_with_constants(each) for each in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("enum"), list) and len(node["enum"]) == 1:
        return {"const": node["enum"][0]}
    return {name: _with_constants(each) for name, each in node.items()}


def refusals() -> list[type[protocol.SocketRefusal]]:
    """Every refusal that a socket may get, sorted by code."""
    found: list[type[protocol.SocketRefusal]] = []
    waiting: list[type[protocol.SocketRefusal]] = [protocol.SocketRefusal]
    while waiting:
        below = waiting.pop().__subclasses__()
        found += below
        waiting += below
    return sorted(found, key=lambda refusal: refusal.code)


def _name(message: type[msgspec.Struct]) -> str:
    return str(message.__struct_config__.tag)


def _summary(message: type[msgspec.Struct]) -> str:
    return (message.__doc__ or "").strip().split("\n\n")[0].replace("\n    ", " ")


def _on_channel(message: type[msgspec.Struct]) -> Document:
    return {"$ref": f"#/channels/marketData/messages/{_name(message)}"}
