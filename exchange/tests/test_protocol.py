"""Reading and writing the messages of the WebSocket."""

import json

import msgspec
import pytest

from exchange.market import quotes
from exchange.streaming.rules import protocol
from exchange.tests import market


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"auth","token":"abc"}', protocol.Auth(token="abc")),
        (
            '{"type":"subscribe","symbols":["AAPL"],"channels":["orders"]}',
            protocol.Subscribe(symbols=["AAPL"], channels=["orders"]),
        ),
        ('{"type":"subscribe"}', protocol.Subscribe(symbols=[], channels=[])),
        ('{"type":"unsubscribe","symbols":["AAPL"]}', protocol.Unsubscribe(symbols=["AAPL"])),
        ('{"type":"ping","id":7}', protocol.Ping(id=7)),
        ('{"id":"x","type":"ping"}', protocol.Ping(id="x")),
    ],
)
def test_a_client_message_is_read(text, message):
    assert protocol.decode(text) == message


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", protocol.NotJson),
        ("{", protocol.NotJson),
        ('{"type":"ping"} x', protocol.NotJson),
        ('{"type":"ping","id":NaN}', protocol.NotJson),
        ('{"type":"ping","id":"\\ud800"}', protocol.NotJson),
        ('{"type":"ping","a":' + "[" * 30_000, protocol.NotJson),
        ('{"type":"buy"}', protocol.UnknownType),
        ('{"type":"price_update","sequence":1,"quotes":[]}', protocol.UnknownType),
        ('{"type":"subscribe","symbol":"AAPL"}', protocol.BadMessage),
        ('{"type":"unsubscribe","symbols":["AAPL"],"more":null}', protocol.BadMessage),
        ('{"type":"auth","token":"abc","user":"bob"}', protocol.BadMessage),
        ('{"type":"ping","id":7,"time":1}', protocol.BadMessage),
        ("[]", protocol.BadMessage),
        ("{}", protocol.BadMessage),
        ('{"type":1}', protocol.BadMessage),
        ('{"type":"auth"}', protocol.BadMessage),
        ('{"type":"auth","token":1}', protocol.BadMessage),
        ('{"type":"auth","token":"' + "x" * 5000 + '"}', protocol.BadMessage),
        ('{"type":"subscribe","symbols":"AAPL"}', protocol.BadMessage),
        ('{"type":"subscribe","symbols":[null]}', protocol.BadMessage),
        ('{"type":"subscribe","symbols":["' + "A" * 33 + '"]}', protocol.BadMessage),
        (json.dumps({"type": "subscribe", "symbols": ["A"] * 1001}), protocol.BadMessage),
        ('{"type":"ping","id":1.5}', protocol.BadMessage),
        ('{"type":"ping","id":1e400}', protocol.BadMessage),
        ('{"type":"ping","id":99999999999999999999}', protocol.BadMessage),
        ('{"type":"ping","id":"' + "x" * 101 + '"}', protocol.BadMessage),
    ],
)
def test_what_is_no_client_message_is_refused_with_its_code(text, refusal):
    with pytest.raises(protocol.BadMessage) as refused:
        protocol.decode(text)
    assert refused.value.code == refusal.code


def test_a_refused_type_is_not_echoed_at_length():
    with pytest.raises(protocol.UnknownType) as refused:
        protocol.decode(json.dumps({"type": "x" * 60_000}))
    assert len(refused.value.detail) < 200


@pytest.mark.parametrize(
    ("message", "document"),
    [
        (
            protocol.AuthSuccess(user_id="u", expires_at="t"),
            {"type": "auth_success", "user_id": "u", "expires_at": "t"},
        ),
        (
            protocol.Unsubscribed(symbols=["A"], channels=[]),
            {"type": "unsubscribed", "symbols": ["A"], "channels": []},
        ),
        (protocol.Pong(id=None), {"type": "pong", "id": None}),
        (
            protocol.Gap(channel="orders", sequence=5, since="t"),
            {"type": "gap", "channel": "orders", "sequence": 5, "since": "t"},
        ),
        (protocol.Heartbeat(time="t"), {"type": "heartbeat", "time": "t"}),
        (protocol.Error(code="c", message="m"), {"type": "error", "code": "c", "message": "m"}),
        (
            protocol.UnknownSymbols(["X", "Y"]).message(),
            {
                "type": "error",
                "code": "unknown_symbol",
                "message": "There is no X, Y.",
                "symbols": ["X", "Y"],
            },
        ),
        (
            protocol.read_order_update(
                {"sequence": 3, "event": "new", "order": {"id": "1"}, "execution": None}
            ),
            {
                "type": "order_update",
                "sequence": 3,
                "event": "new",
                "order": {"id": "1"},
                "execution": None,
            },
        ),
    ],
)
def test_a_server_message_is_written_as_published(message, document):
    assert json.loads(protocol.encode(message)) == document


def test_an_order_update_of_an_unpublished_shape_is_refused():
    with pytest.raises(msgspec.ValidationError):
        protocol.read_order_update({"sequence": 3, "event": "lost", "order": {}, "execution": None})


def test_every_refusal_has_a_code_of_its_own():
    def all_below(refusal: type[protocol.SocketRefusal]) -> list[type[protocol.SocketRefusal]]:
        below = refusal.__subclasses__()
        return [*below, *(deeper for each in below for deeper in all_below(each))]

    codes = [refusal.code for refusal in all_below(protocol.SocketRefusal)]
    assert len(codes) > 10
    assert len(set(codes)) == len(codes)


@pytest.mark.django_db
@pytest.mark.parametrize("is_bond", [False, True])
def test_a_quote_of_the_rest_api_is_the_quote_of_the_protocol(is_bond):
    quote = market.set_quote(market.make_bond() if is_bond else market.make_instrument())
    document = quotes.document(quote)

    read = msgspec.convert(document, protocol.Quote)

    assert json.loads(msgspec.json.encode(read)) == document
    ready = [protocol.encode_quote(document)]
    assert protocol.encode_price_update(sequence=7, quotes=ready) == protocol.encode(
        protocol.PriceUpdate(sequence=7, quotes=[read])
    )
    assert protocol.encode_subscribed(
        symbols=["A"], channels=[], quotes=ready, orders_sequence=None, time="t"
    ) == protocol.encode(
        protocol.Subscribed(
            symbols=["A"], channels=[], quotes=[read], orders_sequence=None, time="t"
        )
    )
