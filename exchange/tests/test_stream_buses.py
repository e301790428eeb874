"""Several servers and one simulator: over Redis, over the embedded layer, and without either."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any
from urllib.request import Request, urlopen

import pytest
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_sync

from exchange.tests.redis_server import needs_redis, redis_server
from exchange.tests.server import DAPHNE, ROOT, UVICORN, LiveServer, free_port
from exchange.tests.socket_client import PATIENCE, SCENES, Client, opened, sign_in, signed_in

pytestmark = [pytest.mark.servers, needs_redis]

ORDERS = "/api/exchange/api/v1/orders/"
ROUNDS = 20
IDLE_SECONDS = 61.0
SILENT_HEARTBEATS = 13  # of a second each
Pair = tuple[LiveServer, LiveServer]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(bus, marks=pytest.mark.xdist_group(f"bus-{bus}"))
        for bus in ("redis", "embedded")
    ],
)
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """Daphne and uvicorn on one database and one bus, with a simulator that moves the market."""
    folder = tmp_path_factory.mktemp(request.param)
    port = free_port()
    env = {"QUOTE_MAX_AGE_SECONDS": "3600"}
    if request.param == "redis":
        env["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
    with redis_server(port), LiveServer(folder, env=env, command=DAPHNE) as first:
        second = LiveServer(tmp_path_factory.mktemp("second"), env=first.env, command=UVICORN)
        second.start()
        try:
            first.call(f"{SCENES}:seed_market")
            with simulator(first):
                yield first, second
        finally:
            second.close()


@contextmanager
def simulator(server: LiveServer) -> Iterator[None]:
    command = [sys.executable, "manage.py", "run_exchange_simulator", "--interval", "0.1"]
    with subprocess.Popen(
        command, cwd=ROOT, env=server.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="module")
def idle(servers: Pair) -> Iterator[tuple[float, list[ClientConnection]]]:
    """Sockets that were opened before all other tests, one at each server, and since when."""
    first, second = servers
    token = sign_in(first, "idle@example.com")["token"]
    with (
        connect_sync(first.ws_url, max_queue=None) as one,
        connect_sync(second.ws_url, max_queue=None) as other,
    ):
        connections = [one, other]
        for connection in connections:
            connection.send(json.dumps({"type": "auth", "token": token}))
            assert json.loads(connection.recv(PATIENCE))["type"] == "auth_success"
        yield time.monotonic(), connections


async def rounds_of(client: Client) -> list[str]:
    """So many price updates, as they came."""
    return [await client.text("price_update") for _ in range(ROUNDS)]


async def test_every_server_delivers_the_same_rounds_with_none_left_out(servers, idle):
    first, second = servers
    symbols = ["AAPL", "BTC-USD", "UST-10Y"]
    async with signed_in(first) as one, signed_in(second, "bob@example.com") as other:
        for client in (one, other):
            await client.ask(type="subscribe", symbols=symbols)
        frames = await asyncio.gather(rounds_of(one), rounds_of(other))
    numbered = [{json.loads(text)["sequence"]: text for text in each} for each in frames]
    shared = sorted(numbered[0].keys() & numbered[1].keys())
    assert len(shared) > ROUNDS / 2
    assert shared == list(range(shared[0], shared[-1] + 1))
    assert all(numbered[0][number] == numbered[1][number] for number in shared)


async def test_updates_of_orders_placed_at_both_servers_arrive_in_order_at_both(servers):
    first, second = servers
    email = "carol@example.com"
    token = sign_in(first, email)["token"]
    first.call(f"{SCENES}:endow", email=email, dollars="1000000")
    async with signed_in(first, email) as one, signed_in(second, email) as other:
        for client in (one, other):
            await client.ask(type="subscribe", channels=["orders"])
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda n: place(servers[n % 2], token), range(40)))
        for client in (one, other):
            assert await orders_up_to(client, 40) == list(range(1, 41))


async def orders_up_to(client: Client, last: int) -> list[int]:
    """Numbers as they are told. What is announced as a gap (a busy machine may be late) counts."""
    told = [0]
    while told[-1] < last:
        message = await client.next()
        is_gap = message["type"] == "gap"
        first = told[-1] + 1 if is_gap else message["sequence"]
        told += range(first, message["sequence"] + 1)
    return told[1:]


async def test_an_alert_from_another_process_reaches_the_sockets_of_both(servers):
    first, second = servers
    async with signed_in(first) as one, signed_in(second) as other:
        first.call(f"{SCENES}:alert", symbol="AAPL")
        for client in (one, other):
            assert (await client.next("market_alert"))["symbol"] == "AAPL"


async def test_a_socket_of_a_session_that_ends_elsewhere_is_closed(servers):
    first, second = servers
    phone = sign_in(first, "dave@example.com")
    async with signed_in(second, "dave@example.com") as laptop, opened(second) as client:
        await client.ask(type="auth", token=phone["token"])
        request = Request(  # noqa: S310 - our own server
            f"{first.url}/api/auth/logout/",
            json.dumps({"refresh_token": phone["refresh_token"]}).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {phone['token']}"},
        )
        await asyncio.to_thread(lambda: urlopen(request, timeout=PATIENCE).close())  # noqa: S310
        assert await client.close_code() == 4401
        assert await laptop.ask(type="ping", id=1) == {"type": "pong", "id": 1}


def test_a_socket_that_was_idle_for_over_a_minute_is_open_and_nothing_was_logged(servers, idle):
    """Last: meanwhile the tests above have passed the time."""
    since, connections = idle
    time.sleep(max(0.0, since + IDLE_SECONDS - time.monotonic()))
    for connection in connections:
        connection.send('{"type":"ping","id":"still here"}')
        heartbeats = 0
        while (answer := json.loads(connection.recv(PATIENCE)))["type"] != "pong":
            assert answer["type"] in ("heartbeat", "market_alert")
            heartbeats += answer["type"] == "heartbeat"
        assert heartbeats >= 3
    for server in servers:
        assert "Traceback" not in server.output


def place(server: LiveServer, token: str) -> str:
    """A limit order far below the market, over REST; its id."""
    body = {
        "symbol": "AAPL",
        "side": "buy",
        "order_type": "limit",
        "quantity": "1",
        "limit_price": "1.00",
    }
    request = Request(  # noqa: S310 - our own server
        server.url + ORDERS,
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
        order_id: str = json.load(answer)["id"]
        return order_id


# A bus with nothing to carry


@pytest.mark.parametrize("command", [DAPHNE, UVICORN], ids=["daphne", "uvicorn"])
async def test_over_a_redis_that_has_been_silent_for_longer_than_it_would_wait_news_still_comes(
    tmp_path, command
):
    """redis-py 8 gives up a read after five seconds, unless it is told how long to wait."""
    port = free_port()
    env = {"REDIS_URL": f"redis://127.0.0.1:{port}/0", "WEBSOCKET_HEARTBEAT_SECONDS": "1"}
    with redis_server(port), LiveServer(tmp_path, env=env, command=command) as server:
        server.call(f"{SCENES}:list_instruments", bids={"AAPL": "190.00"})
        async with signed_in(server) as client:
            await client.ask(type="subscribe", symbols=["AAPL"], channels=["orders"])
            for _ in range(SILENT_HEARTBEATS):
                await client.next("heartbeat")
            server.call(f"{SCENES}:alert", symbol="AAPL")
            assert (await client.next("market_alert"))["symbol"] == "AAPL"
        assert "Traceback" not in server.output
        assert "Timeout" not in server.output


# A bus that dies


@pytest.mark.parametrize("command", [DAPHNE, UVICORN], ids=["daphne", "uvicorn"])
async def test_sockets_outlive_redis_prices_go_on_and_lost_order_updates_are_told(
    tmp_path, command
):
    port = free_port()
    env = {"REDIS_URL": f"redis://127.0.0.1:{port}/0"}
    email = "alice@example.com"
    server: LiveServer

    def call(scene: str, **arguments: Any) -> Any:
        return server.call(f"{SCENES}:{scene}", **arguments)

    with (
        redis_server(port) as redis,
        LiveServer(tmp_path, env=env, command=command) as server,
    ):
        call("list_instruments", bids={"AAPL": "190.00"})
        async with signed_in(server, email) as client:
            await client.ask(type="subscribe", symbols=["AAPL"], channels=["orders"])
            # The publisher has connected: what follows is not late because of that.
            call("alert", symbol="AAPL")
            await client.next("market_alert")
            order_id = call("place", email=email, symbol="AAPL")
            update = await client.next("order_update")
            assert (update["sequence"], update["order"]["id"]) == (1, order_id)

            redis.send_signal(signal.SIGKILL)
            redis.wait()
            sequence = call("advance", bids={"AAPL": "191.00"})
            assert (await client.next("price_update"))["quotes"][0]["sequence"] == sequence
            call("place", email=email, symbol="AAPL")
            assert (await client.next("gap"))["sequence"] == 2

            with redis_server(port):
                # Until the publisher and the hub are back, each is lost, and told as a gap.
                async with asyncio.timeout(PATIENCE):
                    types: list[str] = []
                    while "order_update" not in types:
                        call("place", email=email, symbol="AAPL")
                        with suppress(TimeoutError):
                            async with asyncio.timeout(1):
                                types.append((await client.next())["type"])
        assert server.output.count("Traceback") < 20, "the outage flooded the log"
