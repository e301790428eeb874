"""Messages of one client, in this process over plain ASGI, independent of the server."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.layers import channel_layers
from channels.testing import WebsocketCommunicator
from django.db import OperationalError

from be.embedded.channel_layer import EmbeddedChannelLayer
from exchange.streaming import hub, routing
from exchange.streaming.rules import protocol
from exchange.tests import scenes

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 10.0  # only what fails takes so long
Frame = dict[str, Any]


class Client:
    """One socket of the application."""

    def __init__(self, *headers: tuple[bytes, bytes], path: str = "/ws/market-data/") -> None:
        self._wire = WebsocketCommunicator(routing.application, path, headers=list(headers))

    async def connect(self) -> bool:
        is_accepted, _ = await self._wire.connect(PATIENCE)
        return bool(is_accepted)

    async def send(self, **message: Any) -> None:
        await self._wire.send_json_to(message)

    async def send_raw(self, text: str | None = None, data: bytes | None = None) -> None:
        await self._wire.send_to(text, data)

    async def next(self) -> Frame:
        """The next message but heartbeats."""
        while True:
            frame: Frame = json.loads(await self._wire.receive_from(PATIENCE))
            if frame["type"] != "heartbeat":
                return frame

    async def ask(self, **message: Any) -> Frame:
        await self.send(**message)
        return await self.next()

    async def close_code(self) -> int:
        output = await self._wire.receive_output(PATIENCE)
        assert output["type"] == "websocket.close"
        return int(output["code"])

    async def leave(self) -> None:
        await self._wire.disconnect()


Connect = Callable[..., Awaitable[Client]]


@pytest.fixture
async def connect(tmp_path: Any) -> AsyncIterator[Connect]:
    """Opens sockets of a process with an embedded channel layer; they end with the test."""
    layer = EmbeddedChannelLayer(tmp_path / "channels.sqlite3", poll_interval=0.01)
    before = channel_layers.backends.copy()
    channel_layers.set("default", layer)
    clients: list[Client] = []

    async def connect(*headers: tuple[bytes, bytes]) -> Client:
        client = Client(*headers)
        assert await client.connect()
        clients.append(client)
        return client

    yield connect
    for client in clients:
        await client.leave()
    await hub.current().stop()
    await layer.close()
    channel_layers.backends = before


@pytest.fixture
async def alice(connect: Connect) -> Client:
    """Signed in, with AAPL and MSFT listed."""
    bids = {"AAPL": "190.00", "MSFT": "400.00"}
    await database_sync_to_async(scenes.list_instruments)(bids=bids)
    tokens = await database_sync_to_async(scenes.sign_in)(email="alice@example.com")
    client = await connect()
    answer = await client.ask(type="auth", token=tokens["token"])
    assert (answer["type"], answer["user_id"]) == ("auth_success", tokens["user_id"])
    return client


async def test_a_client_signs_in_subscribes_and_gets_the_next_round(alice: Client):
    subscribed = await alice.ask(type="subscribe", symbols=["AAPL"], channels=["orders"])
    assert (subscribed["type"], subscribed["symbols"]) == ("subscribed", ["AAPL"])
    assert subscribed["channels"] == ["orders"]
    assert [quote["bid"] for quote in subscribed["quotes"]] == ["190.00"]
    await database_sync_to_async(scenes.advance)(bids={"AAPL": "191.00", "MSFT": "401.00"})
    update = await alice.next()
    assert update["type"] == "price_update"
    assert [(quote["symbol"], quote["bid"]) for quote in update["quotes"]] == [("AAPL", "191.00")]


async def test_what_is_unsubscribed_is_left_out_of_what_is_left(alice: Client):
    await alice.ask(type="subscribe", symbols=["AAPL", "MSFT"])
    left = await alice.ask(type="unsubscribe", symbols=["AAPL"])
    assert (left["type"], left["symbols"]) == ("unsubscribed", ["MSFT"])


async def test_a_ping_is_answered(alice: Client):
    assert await alice.ask(type="ping", id=7) == {"type": "pong", "id": 7}


async def test_an_unknown_symbol_is_named(alice: Client):
    await alice.send(type="subscribe", symbols=["AAPL", "NOPE"])
    answers = [await alice.next(), await alice.next()]
    error = next(each for each in answers if each["type"] == "error")
    assert error["code"] == "unknown_symbol"
    assert "NOPE" in error["message"]


@pytest.mark.parametrize(
    "first",
    ['{"type": "ping", "id": 1}', '{"type": "subscribe", "symbols": ["AAPL"]}', "not json", "[]"],
)
async def test_whoever_does_not_begin_with_auth_is_closed(connect: Connect, first: str):
    client = await connect()
    await client.send_raw(first)
    error = await client.next()
    assert (error["type"], error["code"]) == ("error", "not_authenticated")
    assert await client.close_code() == protocol.AUTHENTICATION


async def test_a_wrong_token_is_refused(connect: Connect):
    client = await connect()
    error = await client.ask(type="auth", token="made.up.token")
    assert (error["type"], error["code"]) == ("error", "auth_failed")
    assert await client.close_code() == protocol.AUTHENTICATION


async def test_silence_is_closed(connect: Connect, settings: Any):
    settings.WEBSOCKET_AUTH_TIMEOUT_SECONDS = 0.05
    client = await connect()
    assert (await client.next())["code"] == "not_authenticated"
    assert await client.close_code() == protocol.AUTHENTICATION


async def test_a_binary_message_is_refused_and_the_socket_goes_on(alice: Client):
    await alice.send_raw(data=b"\x00")
    error = await alice.next()
    assert (error["type"], error["code"]) == ("error", "not_text")
    assert (await alice.ask(type="ping", id=1))["type"] == "pong"


async def test_bad_messages_are_answered_until_there_are_too_many(alice: Client):
    for _ in range(protocol.MAX_BAD_MESSAGES):
        await alice.send_raw('{"type": "dance"}')
        assert (await alice.next())["type"] == "error"
    assert await alice.close_code() == protocol.TOO_MANY_ERRORS


async def test_a_flood_is_refused(alice: Client):
    for number in range(protocol.MAX_MESSAGES - 1):
        assert (await alice.ask(type="ping", id=number))["type"] == "pong"
    assert (await alice.ask(type="ping", id=0))["code"] == "rate_limited"
    assert await alice.close_code() == protocol.TOO_MANY


async def test_a_message_that_is_too_large_is_refused(alice: Client):
    error = await alice.ask(type="ping", id="x" * protocol.MAX_MESSAGE_BYTES)
    assert error["code"] == "message_too_large"
    assert await alice.close_code() == protocol.MESSAGE_TOO_BIG


async def test_a_database_that_is_away_is_said_and_the_socket_goes_on(
    alice: Client, monkeypatch: pytest.MonkeyPatch
):
    """The only stand-in here: a database that can't be had, at this moment."""

    async def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(hub.Hub, "subscribe", fail)
        error = await alice.ask(type="subscribe", symbols=["AAPL"])
    assert (error["type"], error["code"]) == ("error", "unavailable")
    assert (await alice.ask(type="subscribe", symbols=["AAPL"]))["type"] == "subscribed"


async def test_a_foreign_page_is_not_let_in():
    assert not await Client((b"origin", b"https://evil.example")).connect()


async def test_an_unknown_path_is_not_let_in():
    assert not await Client(path="/ws/elsewhere/").connect()
