"""The WebSocket, over real sockets to a real server."""

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from exchange.streaming.rules import protocol
from exchange.tests.server import SERVERS, LiveServer
from exchange.tests.socket_client import SCENES, Client, opened, sign_in, signed_in

AUTH_TIMEOUT = 1.5
HEARTBEAT = 1.0
STALL = 2.0


def each_server(name: str) -> list[Any]:
    """Daphne, and among the many-process tests uvicorn, each with a worker of its own."""
    group = pytest.mark.xdist_group
    return [
        pytest.param(SERVERS["daphne"], id="daphne", marks=group(f"{name}-daphne")),
        pytest.param(
            SERVERS["uvicorn"], id="uvicorn", marks=[group(f"{name}-uvicorn"), pytest.mark.servers]
        ),
    ]


@pytest.fixture(scope="module", params=each_server("websocket"))
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    env = {
        "WEBSOCKET_AUTH_TIMEOUT_SECONDS": str(AUTH_TIMEOUT),
        "WEBSOCKET_HEARTBEAT_SECONDS": str(HEARTBEAT),
        "WEBSOCKET_STALL_SECONDS": str(STALL),
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "CORS_ALLOWED_ORIGINS": "https://app.example.com",
    }
    folder = tmp_path_factory.mktemp("server")
    with LiveServer(folder, env=env, command=request.param) as server:
        bids = {"AAPL": "190.00", "MSFT": "400.00", "BTC-USD": "60000.00"}
        server.call(f"{SCENES}:list_instruments", bids=bids)
        yield server


def advance(server: LiveServer, **bids: str) -> int:
    sequence: int = server.call(f"{SCENES}:advance", bids=bids)
    return sequence


async def sequences_until(client: Client, last: int) -> list[int]:
    """Sequences of the one subscribed symbol's quotes, up to this one."""
    received: list[int] = []
    while not received or received[-1] < last:
        update = await client.next()
        received += [quote["sequence"] for quote in update["quotes"]]
    return received


# Authentication


async def test_a_good_token_is_answered_with_the_user_and_the_end(server):
    alice = sign_in(server)
    async with opened(server) as client:
        answer = await client.ask(type="auth", token=alice["token"])
    assert answer["type"] == "auth_success"
    assert answer["user_id"] == alice["user_id"]
    assert answer["expires_at"].endswith("Z")


@pytest.mark.parametrize(
    "first",
    [
        '{"type":"subscribe","symbols":["AAPL"]}',
        '{"type":"ping"}',
        "not json",
        '{"type":"auth"}',
        b"\x00",
    ],
)
async def test_anything_before_auth_is_refused_and_closes_with_4401(server, first):
    async with opened(server) as client:
        await client.connection.send(first)
        answer = await client.next()
        assert (answer["type"], answer["code"]) == ("error", "not_authenticated")
        assert await client.close_code() == 4401


async def test_a_wrong_token_is_refused_and_closes_with_4401(server):
    refresh_token = sign_in(server)["refresh_token"]
    for token in ("wrong", refresh_token):
        async with opened(server) as client:
            answer = await client.ask(type="auth", token=token)
            assert (answer["type"], answer["code"]) == ("error", "auth_failed")
            assert await client.close_code() == 4401


async def test_a_socket_that_stays_silent_gets_no_data_and_is_closed_with_4401(server):
    async with opened(server) as client:
        advance(server, AAPL="190.10")
        answer = await client.next()
        assert (answer["type"], answer["code"]) == ("error", "not_authenticated")
        assert await client.close_code() == 4401


async def test_a_socket_renews_its_access_in_place(server):
    later = sign_in(server)["token"]
    soon = sign_in(server, seconds_left=3)["token"]
    async with opened(server) as client:
        end = datetime.fromisoformat((await client.ask(type="auth", token=soon))["expires_at"])
        await client.ask(type="subscribe", symbols=["AAPL"])
        assert (await client.ask(type="auth", token=later))["type"] == "auth_success"
        # Past the end of the first token and a check more, what was subscribed still comes.
        await asyncio.sleep((end - datetime.now(UTC)).total_seconds() + 1.5)
        advance(server, AAPL="190.20")
        assert (await client.next())["quotes"][0]["bid"] == "190.20"


async def test_an_expired_token_closes_the_socket_with_4401(server):
    async with signed_in(server, seconds_left=3) as client:
        answer = await client.next()
        assert (answer["type"], answer["code"]) == ("error", "token_expired")
        assert await client.close_code() == 4401


async def test_another_users_token_on_an_open_socket_is_refused(server):
    mallory = sign_in(server, "mallory@example.com")
    async with signed_in(server) as client:
        answer = await client.ask(type="auth", token=mallory["token"])
        assert (answer["type"], answer["code"]) == ("error", "auth_failed")
        assert await client.close_code() == 4401


async def test_logging_out_elsewhere_closes_that_sessions_sockets_and_no_others(server):
    phone = sign_in(server)
    async with signed_in(server) as laptop, opened(server) as client:
        await client.ask(type="auth", token=phone["token"])
        server.call(f"{SCENES}:log_out", refresh_token=phone["refresh_token"])
        answer = await client.next()
        assert (answer["type"], answer["code"]) == ("error", "session_ended")
        assert await client.close_code() == 4401
        assert await laptop.ask(type="ping", id=1) == {"type": "pong", "id": 1}


# Subscriptions


async def test_a_subscription_gives_a_snapshot_and_then_only_what_was_subscribed(server):
    async with signed_in(server) as client:
        answer = await client.ask(type="subscribe", symbols=["MSFT", "BTC-USD"])
        assert answer["symbols"] == ["BTC-USD", "MSFT"]
        assert answer["channels"] == []
        assert answer["quotes"] == server.call(
            f"{SCENES}:current_quotes", symbols=["BTC-USD", "MSFT"]
        )

        sequence = advance(server, MSFT="401.00", AAPL="191.00")
        update = await client.next()
        assert update["type"] == "price_update"
        assert [quote["symbol"] for quote in update["quotes"]] == ["MSFT"]
        assert update["quotes"] == server.call(f"{SCENES}:current_quotes", symbols=["MSFT"])
        assert update["quotes"][0]["sequence"] == sequence

        advance(server, AAPL="192.00")
        advance(server, MSFT="402.00", AAPL="193.00")
        later = await client.next()
        assert later["sequence"] > update["sequence"]
        assert later["quotes"][0]["sequence"] == sequence + 1


async def test_a_second_subscription_adds_and_gives_quotes_of_new_symbols_only(server):
    async with signed_in(server) as client:
        await client.ask(type="subscribe", symbols=["AAPL"])
        answer = await client.ask(type="subscribe", symbols=["AAPL", "MSFT"], channels=["orders"])
        assert answer["symbols"] == ["AAPL", "MSFT"]
        assert answer["channels"] == ["orders"]
        assert [quote["symbol"] for quote in answer["quotes"]] == ["MSFT"]


async def test_a_field_that_is_not_known_is_named_and_nothing_is_subscribed(server):
    async with signed_in(server) as client:
        answer = await client.ask(type="subscribe", symbols=["AAPL"], chanels=["orders"])
        assert (answer["type"], answer["code"]) == ("error", "invalid_message")
        assert "chanels" in answer["message"]
        assert (await client.ask(type="unsubscribe"))["symbols"] == []


async def test_an_unknown_symbol_is_named_and_the_rest_is_subscribed(server):
    unknown = ["NOPE", "AAPL ", "\0", "ÄÖ"]
    async with signed_in(server) as client:
        answer = await client.ask(type="subscribe", symbols=["AAPL", *unknown])
        assert (answer["type"], answer["code"]) == ("error", "unknown_symbol")
        assert answer["symbols"] == sorted(unknown)
        assert "NOPE" in answer["message"]
        assert (await client.next())["symbols"] == ["AAPL"]


async def test_an_unknown_channel_is_named_and_the_rest_is_subscribed(server):
    async with signed_in(server) as client:
        answer = await client.ask(type="subscribe", channels=["orders", "gossip"])
        assert (answer["type"], answer["code"]) == ("error", "unknown_channel")
        assert (await client.next())["channels"] == ["orders"]


async def test_an_instrument_without_a_quote_is_subscribed_and_its_first_quote_comes(server):
    server.call(f"{SCENES}:list_unquoted", symbol="NEW")
    async with signed_in(server) as client:
        answer = await client.ask(type="subscribe", symbols=["NEW"])
        assert (answer["symbols"], answer["quotes"]) == (["NEW"], [])


async def test_what_was_unsubscribed_comes_no_more(server):
    async with signed_in(server) as client:
        await client.ask(type="subscribe", symbols=["AAPL", "MSFT"], channels=["orders"])
        answer = await client.ask(
            type="unsubscribe", symbols=["AAPL", "NEVER-HAD"], channels=["orders"]
        )
        assert answer == {"type": "unsubscribed", "symbols": ["MSFT"], "channels": []}
        advance(server, AAPL="194.00", MSFT="403.00")
        assert [quote["symbol"] for quote in (await client.next())["quotes"]] == ["MSFT"]


async def test_more_than_500_symbols_are_refused_and_nothing_changes(server):
    async with signed_in(server) as client:
        await client.ask(type="subscribe", symbols=["AAPL"])
        answer = await client.ask(type="subscribe", symbols=[f"S{n}" for n in range(500)])
        assert (answer["type"], answer["code"]) == ("error", "too_many_symbols")
        answer = await client.ask(type="unsubscribe")
        assert answer["symbols"] == ["AAPL"]


async def test_sockets_with_the_same_symbols_get_identical_frames(server):
    async with signed_in(server) as one, signed_in(server, "bob@example.com") as other:
        await one.ask(type="subscribe", symbols=["AAPL", "MSFT"])
        await other.ask(type="subscribe", symbols=["MSFT", "AAPL"])
        advance(server, AAPL="195.00", MSFT="404.00")
        assert await one.text("price_update") == await other.text("price_update")


async def test_a_round_that_the_channel_layer_lost_is_made_up_for(server):
    async with signed_in(server) as client:
        await client.ask(type="subscribe", symbols=["AAPL"])
        for bid in ("196.00", "197.00"):
            sequence = server.call(f"{SCENES}:advance_unheard", bids={"AAPL": bid})
            update = await client.next()
            assert update["type"] == "price_update"
            assert [quote["sequence"] for quote in update["quotes"]] == [sequence]


# What the server sends by itself


async def test_an_order_update_reaches_its_owners_subscribed_sockets_only(server):
    async with (
        signed_in(server, "alice@example.com") as alice,
        signed_in(server, "alice@example.com") as without_channel,
        signed_in(server, "bob@example.com") as bob,
    ):
        await alice.ask(type="subscribe", channels=["orders"])
        await bob.ask(type="subscribe", channels=["orders"])
        order_id = server.call(f"{SCENES}:place", email="alice@example.com", symbol="AAPL")
        update = await alice.next()
        assert (update["type"], update["event"]) == ("order_update", "new")
        assert update["order"]["id"] == order_id
        assert update["execution"] is None
        assert update["sequence"] >= 1
        assert await bob.rest() == []
        assert await without_channel.rest() == []


async def test_an_alert_reaches_everybody(server):
    async with signed_in(server) as client:
        await client.ask(type="ping")
        server.call(f"{SCENES}:alert", symbol="AAPL")
        alert = await client.next("market_alert")
        assert (alert["type"], alert["symbol"]) == ("market_alert", "AAPL")
        assert alert["severity"] == "high"


async def test_a_heartbeat_comes_when_nothing_else_does(server):
    async with signed_in(server) as client:
        heartbeat = await client.next("heartbeat")
        assert heartbeat["time"].endswith("Z")


async def test_a_ping_is_answered_with_its_id(server):
    async with signed_in(server) as client:
        for ping_id in ("a", 7, None):
            assert await client.ask(type="ping", id=ping_id) == {"type": "pong", "id": ping_id}
        assert await client.ask(type="ping") == {"type": "pong", "id": None}


# Limits


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example:5173",
    ],
)
async def test_a_foreign_origin_is_refused_with_403(server, origin):
    with pytest.raises(InvalidStatus) as refused:
        async with opened(server, origin=origin):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:5173",
        "https://127.0.0.1",
        "http://127.0.0.5:3000",
        "http://app.localhost:3000",
        "https://app.example.com",
    ],
)
async def test_an_allowed_origin_may_connect(server, origin):
    token = sign_in(server)["token"]
    async with opened(server, origin=origin) as client:
        assert (await client.ask(type="auth", token=token))["type"] == "auth_success"


async def test_an_unknown_path_is_refused_without_a_traceback(server):
    with pytest.raises(InvalidStatus) as refused:
        async with connect(server.ws_url + "elsewhere/"):
            pass
    assert refused.value.response.status_code in {403, 404}
    assert "Traceback" not in server.output


async def test_a_flood_of_messages_is_refused_and_closes_with_4429(server):
    async with signed_in(server) as client:
        for _ in range(protocol.MAX_MESSAGES):
            await client.send(type="ping")
        frames = [await client.next() for _ in range(protocol.MAX_MESSAGES)]
        pongs, last = frames[:-1], frames[-1]
        assert {frame["type"] for frame in pongs} == {"pong"}
        assert (last["type"], last["code"]) == ("error", "rate_limited")
        assert await client.close_code() == 4429


@pytest.mark.parametrize("kind", ["text", "binary"])
async def test_a_message_over_64_kib_is_refused_and_closes_with_1009(server, kind):
    message = json.dumps({"type": "ping", "padding": "é" * (32 * 1024)}, ensure_ascii=False)
    async with signed_in(server) as client:
        await client.connection.send(message if kind == "text" else message.encode())
        answer = await client.next()
        assert (answer["type"], answer["code"]) == ("error", "message_too_large")
        assert await client.close_code() == 1009


async def test_a_message_of_2_mib_is_not_read_and_closes_with_1009(server):
    async with signed_in(server) as client:
        with suppress(ConnectionClosed):
            await client.connection.send("x" * 2 * 1024 * 1024)
        assert await client.close_code() == 1009


async def test_ten_thousand_symbols_are_refused_and_the_socket_goes_on(server):
    async with signed_in(server) as client:
        answer = await client.ask(type="subscribe", symbols=["A"] * 10_000)
        assert (answer["type"], answer["code"]) == ("error", "invalid_message")
        assert await client.ask(type="ping", id=1) == {"type": "pong", "id": 1}


async def test_a_client_that_offers_compression_gets_none(server):
    async with connect(server.ws_url, compression="deflate") as connection:
        assert connection.request is not None
        assert connection.response is not None
        assert "Sec-WebSocket-Extensions" in connection.request.headers
        assert "Sec-WebSocket-Extensions" not in connection.response.headers


async def test_the_tenth_bad_message_closes_with_4400(server):
    bad: list[str | bytes] = [
        "{",
        '{"type":"buy"}',
        '{"type":"ping","id":[]}',
        b"{}",
        '{"a":' + "[" * 9000,
    ]
    codes = ["invalid_json", "unknown_type", "invalid_message", "not_text", "invalid_json"]
    async with signed_in(server) as client:
        for _ in range(2):
            for message, code in zip(bad, codes, strict=True):
                await client.connection.send(message)
                answer = await client.next()
                assert (answer["type"], answer["code"]) == ("error", code)
        assert await client.close_code() == 4400


async def test_of_50_sockets_of_a_user_20_are_let_in_and_the_others_closed_with_4429(server):
    token = sign_in(server, "carol@example.com")["token"]
    connections = [await connect(server.ws_url) for _ in range(50)]
    try:
        answers = [await Client(each).ask(type="auth", token=token) for each in connections]
        assert [answer["type"] for answer in answers] == [
            *["auth_success"] * protocol.MAX_SOCKETS_PER_USER,
            *["error"] * 30,
        ]
        assert {answer["code"] for answer in answers[20:]} == {"too_many_sockets"}
        for connection in connections[20:]:
            assert await Client(connection).close_code() == 4429
    finally:
        for connection in connections:
            await connection.close()
    # Whoever closes one may open another.
    async with signed_in(server, "carol@example.com"):
        pass


@asynccontextmanager
async def narrow(server: LiveServer) -> AsyncIterator[Client]:
    """A client whose system takes little that it has not asked for."""
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    small.connect(("127.0.0.1", server.port))
    async with connect(server.ws_url, sock=small, max_queue=1, max_size=None) as connection:
        yield Client(connection)


async def test_a_reader_that_stops_reading_holds_up_nobody_and_later_gets_the_newest(server):
    token = sign_in(server, "dave@example.com")["token"]
    server.call(f"{SCENES}:list_instruments", bids={"LARGE": "1.00"})
    async with signed_in(server) as quick, narrow(server) as slow:
        await slow.ask(type="auth", token=token)
        for client in (quick, slow):
            await client.ask(type="subscribe", symbols=["LARGE"])
        last = server.call(f"{SCENES}:publish_large", symbol="LARGE", count=100, characters=100_000)
        # In all 10 MB, more than the system's buffers hold; the rest must not pile up in ours.
        assert (await sequences_until(quick, last))[-1] == last
        received = await sequences_until(slow, last)
        assert len(received) < 100
        assert received == sorted(received)
        assert await slow.ask(type="ping") == {"type": "pong", "id": None}


async def test_a_reader_that_stays_away_is_closed_with_4408(server):
    token = sign_in(server, "erin@example.com")["token"]
    server.call(f"{SCENES}:list_instruments", bids={"HUGE": "1.00"})
    advance(server, HUGE="1.00")
    async with narrow(server) as client:
        await client.ask(type="auth", token=token)
        await client.ask(type="subscribe", symbols=["HUGE"])
        last = 0
        for _ in range(10):  # one by one, or they would be joined; more than the system takes
            last = server.call(
                f"{SCENES}:publish_large", symbol="HUGE", count=1, characters=1_000_000, after=last
            )
            await asyncio.sleep(0.1)
        await asyncio.sleep(STALL + 1.5)  # a check more
        assert await client.close_code() == 4408


async def test_nothing_above_left_a_traceback_in_the_log(server):
    assert "Traceback" not in server.output
    assert "ERROR" not in server.output


async def test_a_server_that_stops_says_1001_and_a_restarted_one_serves_again(server):
    async with signed_in(server) as client, opened(server) as silent:
        stopping = asyncio.create_task(asyncio.to_thread(server.stop))
        assert await client.close_code() == 1001
        assert await silent.close_code() == 1001
        # uvicorn ends by the signal that it was sent, once all is done.
        assert await stopping in (0, -signal.SIGTERM)
    server.start()
    async with signed_in(server) as client:
        answer = await client.ask(type="subscribe", symbols=["AAPL"])
        assert answer["quotes"] == server.call(f"{SCENES}:current_quotes", symbols=["AAPL"])
