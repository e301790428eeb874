"""API keys against a running server behind a proxy: REST, sockets, revocation, and the last use."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from websockets.asyncio.client import connect

from be.tests.price_reader import until
from exchange.tests.server import ROOT, LiveServer
from exchange.tests.socket_client import SCENES, Client, opened

INSIDE, OUTSIDE = "192.0.2.7", "198.51.100.1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("server")
    with LiveServer(folder, env={"TRUSTED_PROXIES": "127.0.0.1"}) as server:
        server.call(f"{SCENES}:list_instruments", bids={"AAPL": "190.00"})
        yield server


def key_of(
    server: LiveServer,
    name: str,
    *scopes: str,
    addresses: tuple[str, ...] = (),
    seconds: float | None = None,
) -> str:
    made: str = server.call(
        f"{SCENES}:make_api_key",
        email=f"{name}@example.com",
        scopes=scopes or ["read"],
        addresses=addresses,
        seconds=seconds,
    )
    return made


def status_of(server: LiveServer, key: str, path: str, client: str = OUTSIDE) -> int:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {"Authorization": f"Bearer {key}", "X-Forwarded-For": client}
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


PRICES = "/api/exchange/api/v1/market-data/current_prices/"
BALANCES = "/api/banking/balances/"


@pytest.mark.parametrize("path", [PRICES, BALANCES])
def test_a_key_is_good_from_its_addresses_as_the_proxy_tells_them(server, path):
    key = key_of(server, "alice", addresses=("192.0.2.0/24",))

    # The second time a price may be ready, and the key's check a moment old.
    for _ in range(3):
        assert status_of(server, key, path, INSIDE) == 200
        assert status_of(server, key, path, OUTSIDE) == 401
        assert status_of(server, key, path, f"{INSIDE}, {OUTSIDE}") == 401


def test_a_key_that_may_not_read_gets_no_ready_answer(server):
    key = key_of(server, "bob", "trade", "transfer")

    for _ in range(3):
        assert status_of(server, key, PRICES) == 403


def test_a_revoked_key_gets_no_ready_answer_after_a_second(server):
    key = key_of(server, "carol")
    assert status_of(server, key, PRICES) == 200

    server.call(f"{SCENES}:revoke_api_keys", email="carol@example.com")

    assert status_of(server, key, BALANCES) == 401
    until(lambda: status_of(server, key, PRICES) == 401)


def test_the_last_use_is_written_behind_the_answer(server):
    key = key_of(server, "dave")
    assert server.call(f"{SCENES}:last_uses", email="dave@example.com") == [None]

    status_of(server, key, BALANCES)

    until(lambda: server.call(f"{SCENES}:last_uses", email="dave@example.com") != [None])
    (first,) = server.call(f"{SCENES}:last_uses", email="dave@example.com")
    status_of(server, key, BALANCES)
    assert server.call(f"{SCENES}:last_uses", email="dave@example.com") == [first]


async def test_a_key_opens_a_socket_for_as_long_as_it_lives(server):
    key = key_of(server, "erin")
    async with opened(server) as client:
        answer = await client.ask(type="auth", token=key)
        assert (answer["type"], answer["expires_at"]) == ("auth_success", None)
        await client.ask(type="subscribe", symbols=["AAPL"], channels=["orders"])
        assert (await client.ask(type="ping", id=1))["type"] == "pong"
        assert server.call(f"{SCENES}:last_uses", email="erin@example.com") != [None]

        await asyncio.to_thread(server.call, f"{SCENES}:revoke_api_keys", email="erin@example.com")

        answer = await client.next("error")
        assert answer["code"] == "api_key_revoked"
        assert await client.close_code() == 4401


async def test_a_key_that_may_not_read_opens_no_socket(server):
    async with opened(server) as client:
        answer = await client.ask(type="auth", token=key_of(server, "frank", "trade"))
        assert (answer["type"], answer["code"]) == ("error", "auth_failed")
        assert await client.close_code() == 4401


async def test_the_end_of_a_key_closes_its_socket(server):
    key = key_of(server, "grace", seconds=4)
    async with opened(server) as client:
        answer = await client.ask(type="auth", token=key)
        assert answer["expires_at"].endswith("Z")
        assert (await client.next("error"))["code"] in ("token_expired", "api_key_revoked")
        assert await client.close_code() == 4401


async def test_a_key_opens_a_socket_from_its_addresses_only(server):
    key = key_of(server, "heidi", addresses=("192.0.2.0/24",))
    assert (await first_answer(server, key, INSIDE))["type"] == "auth_success"
    assert (await first_answer(server, key, OUTSIDE))["code"] == "auth_failed"


async def first_answer(server: LiveServer, key: str, client: str) -> Any:
    headers = {"X-Forwarded-For": client}
    async with connect(server.ws_url, additional_headers=headers) as connection:
        return await Client(connection).ask(type="auth", token=key)


def test_nothing_above_left_a_traceback_or_a_secret_in_the_log(server):
    key = key_of(server, "ivan")
    status_of(server, key, BALANCES)

    assert "Traceback" not in server.output
    assert key.partition(".")[2] not in server.output


def test_the_example_of_a_bot_trades_with_a_key(server):
    key = key_of(server, "judy", "read", "trade")
    server.call(f"{SCENES}:endow", email="judy@example.com", dollars="1000")
    server.call(f"{SCENES}:advance", bids={"AAPL": "190.00"})
    bot = [sys.executable, "examples/bot.py", "--url", server.url, "--symbol", "AAPL"]
    # A fall of nothing: it buys at the first price.
    done = subprocess.run(
        [*bot, "--fall", "0", "--updates", "1", "--dollars", "100.00"],
        env={**server.env, "BROKERPRO_API_KEY": key},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert "acting for judy@example.com" in done.stdout
    assert "for 100.00: filled" in done.stdout
