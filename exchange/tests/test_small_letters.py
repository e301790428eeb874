"""A symbol in small letters is the same symbol, wherever it is written."""

from collections.abc import Iterator

import pytest
from rest_framework.test import APIClient

from authentication.models import User
from banking.rules.assets import canonical
from exchange.models import Instrument, Order
from exchange.tests.market import balance, place
from exchange.tests.server import LiveServer
from exchange.tests.socket_client import SCENES, opened, sign_in, signed_in

MARKET = "/api/exchange/api/v1/market-data"
ORDERS = "/api/exchange/api/v1/orders/"
PORTFOLIO = "/api/portfolio"


@pytest.mark.parametrize("symbol", ["aapl", "Aapl", "AAPL"])
def test_in_a_path_and_a_query(client: APIClient, alice: User, aapl: Instrument, symbol: str):
    place(alice, "buy", "1")
    place(alice, "sell", "0.5")
    for path in (f"{MARKET}/{symbol}/", f"{MARKET}/{symbol}/book/"):
        assert client.get(path).json()["symbol"] == "AAPL"
    statistics = client.get(f"{MARKET}/statistics/", {"symbol": symbol})
    assert statistics.json()["symbol"] == "AAPL"
    performance = client.get(f"{PORTFOLIO}/performance/", {"benchmark": symbol})
    assert performance.json()["benchmark"] == "AAPL"
    for path, name in (
        (f"{MARKET}/current_prices/", "symbols"),
        (f"{MARKET}/", "search"),
        (ORDERS, "symbol"),
        (f"{PORTFOLIO}/lots/", "symbol"),
        (f"{PORTFOLIO}/realized/", "symbol"),
        ("/api/banking/statement/", "asset"),
    ):
        found = client.get(path, {name: symbol}).json()["results"]
        assert {row.get("symbol", row.get("asset")) for row in found} == {"AAPL"}, path


def test_in_a_body_and_in_the_path_of_a_position(client: APIClient, alice: User, aapl: Instrument):
    body = {"symbol": "aapl", "side": "buy", "order_type": "market", "quantity": "2"}
    assert client.post(ORDERS, body).json()["symbol"] == "AAPL"
    assert client.delete(f"{PORTFOLIO}/holdings/aapl/").json()["symbol"] == "AAPL"
    assert balance(alice, aapl.asset) == (0, 0)
    assert Order.objects.filter(instrument=aapl).count() == 2


def test_several_names_of_one_symbol_are_one_quote(client: APIClient, aapl: Instrument):
    answer = client.get(f"{MARKET}/current_prices/", {"symbols": "aapl,AAPL, Aapl"})
    assert [quote["symbol"] for quote in answer.json()["results"]] == ["AAPL"]


def test_letters_of_other_scripts_are_not_taken_for_ours():
    assert canonical("brk.b") == "BRK.B"
    for text in ("ıbm", "ﬁ", "ß", "aaplé"):
        assert canonical(text) == text


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("server")) as server:
        server.call(f"{SCENES}:list_instruments", bids={"AAPL": "190.00", "MSFT": "400.00"})
        yield server


@pytest.mark.xdist_group("small-letters")
async def test_on_a_socket(server: LiveServer):
    async with signed_in(server) as client:
        answer = await client.ask(type="subscribe", symbols=["aapl", "AAPL", "Msft"])
        assert answer["symbols"] == ["AAPL", "MSFT"]
        assert [quote["symbol"] for quote in answer["quotes"]] == ["AAPL", "MSFT"]
        again = await client.ask(type="subscribe", symbols=["aapl"])
        assert (again["symbols"], again["quotes"]) == (["AAPL", "MSFT"], [])
        assert (await client.ask(type="unsubscribe", symbols=["msft"]))["symbols"] == ["AAPL"]


@pytest.mark.xdist_group("small-letters")
async def test_the_last_slash_of_the_address_may_be_left_out(server: LiveServer):
    token = sign_in(server)["token"]
    for address in (server.ws_url.rstrip("/"), server.ws_url):
        async with opened(server, address=address) as client:
            assert (await client.ask(type="auth", token=token))["type"] == "auth_success"
