"""DELETE holdings/{symbol}/ and holdings/: one call that sells a position, a part of it, or all."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
import time_machine

from authentication.tests.api_client import signed_in_client
from authentication.tests.problems import assert_problem
from be.kernel.refusals import Refusal
from exchange.models import Instrument, Order, Quote
from exchange.tests.market import (
    NOW,
    advance,
    assert_books_are_right,
    balance,
    give,
    make_bond,
    make_customer,
    make_instrument,
    place,
    set_quote,
    tick,
)
from exchange.tests.parallel import in_threads
from exchange.trading import closing
from exchange.trading.closing import CloseRequest

pytestmark = pytest.mark.django_db

URL = "/api/portfolio/holdings/"
ORDERS = "/api/exchange/api/v1/orders/"


@pytest.fixture(autouse=True)
def now():
    """The clock of the whole test stands where quotes are fresh."""
    with time_machine.travel(NOW, tick=False):
        yield NOW


@pytest.fixture
def alice():
    return make_customer("alice@example.com")


@pytest.fixture
def bob():
    return make_customer("bob@example.com")


@pytest.fixture
def client(alice):
    return signed_in_client(alice)


@pytest.fixture
def aapl() -> Instrument:
    instrument = make_instrument("AAPL")
    set_quote(instrument, "190.00", "190.02")
    return instrument


@pytest.fixture
def msft() -> Instrument:
    instrument = make_instrument("MSFT")
    set_quote(instrument, "400.00", "400.02")
    return instrument


@pytest.fixture
def coin() -> Instrument:
    instrument = make_instrument("BTC-USD", "crypto", min_quantity=Decimal("0.0001"))
    set_quote(instrument, "50000.00", "50010.00")
    return instrument


def test_a_position_is_sold_at_market_and_the_order_is_the_answer(client, alice, aapl, msft):
    place(alice, "buy", "2.123456")
    place(alice, "buy", "1", symbol="MSFT")
    answer = client.delete(f"{URL}AAPL/")
    assert answer.status_code == 201, answer.json()
    order = answer.json()
    assert (order["side"], order["order_type"], order["status"]) == ("sell", "market", "filled")
    assert (order["quantity"], order["average_fill_price"]) == ("2.123456", "190.00")
    assert client.get(f"{ORDERS}{order['id']}/").json() == order
    assert [row["symbol"] for row in client.get(URL).json()["results"]] == ["MSFT"]
    assert_problem(client.delete(f"{URL}AAPL/"), status=404, code="not_found")


@pytest.mark.parametrize(
    ("query", "sold"),
    [
        ("quantity=1.5", "1.5"),
        ("quantity=4", "4"),
        ("percent=25", "1"),
        ("percent=33.3333", "1.333332"),
        ("percent=100", "4"),
        ("cancel_orders=false", "4"),
    ],
)
def test_a_part_can_be_sold(client, alice, aapl, query, sold):
    place(alice, "buy", "4")
    answer = client.delete(f"{URL}AAPL/?{query}")
    assert (answer.status_code, answer.json()["quantity"]) == (201, sold)
    assert balance(alice, aapl.asset) == (4 - Decimal(sold), 0)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("quantity=1&percent=50", "percent"),
        ("percent=100.01", "percent"),
        ("percent=0", "percent"),
        ("percent=0.00000001", "percent"),
        ("percent=1e1", "percent"),
        ("quantity=0", "quantity"),
        ("quantity=-1", "quantity"),
        ("quantity=0.0000001", "quantity"),
        ("qty=1", "qty"),
        ("cancel_orders=perhaps", "cancel_orders"),
    ],
)
def test_a_senseless_part_is_a_400_that_names_the_field(client, alice, aapl, query, field):
    place(alice, "buy", "4")
    answer = client.delete(f"{URL}AAPL/?{query}")
    assert_problem(answer, status=400, code="invalid", field=field)
    assert balance(alice, aapl.asset) == (4, 0)


def test_more_than_there_is_is_refused(client, alice, aapl):
    place(alice, "buy", "4")
    answer = client.delete(f"{URL}AAPL/?quantity=4.000001")
    assert (answer.status_code, answer.json()["code"]) == (422, "insufficient_position")
    assert balance(alice, aapl.asset) == (4, 0)


@pytest.mark.parametrize("symbol", ["AAPL", "NOPE", "USD", "%00", "0" * 500])
def test_what_is_not_held_is_a_404(client, bob, aapl, symbol):
    place(bob, "buy", "4")
    assert_problem(client.delete(f"{URL}{symbol}/"), status=404, code="not_found")
    assert balance(bob, aapl.asset) == (4, 0)


def test_a_reserved_position_says_which_orders_to_cancel(client, alice, aapl):
    place(alice, "buy", "5")
    resting = place(alice, "sell", "2", limit="210.00")
    for query in ("", "?quantity=4", "?percent=61"):
        answer = client.delete(f"{URL}AAPL/{query}")
        assert (answer.status_code, answer.json()["code"]) == (409, "position_reserved")
        assert f"2 of 5 AAPL: {resting.pk}. Cancel" in answer.json()["detail"]
    assert balance(alice, aapl.asset) == (3, 2)
    assert client.delete(f"{URL}AAPL/?quantity=3").json()["status"] == "filled"
    assert balance(alice, aapl.asset) == (0, 2)


def test_the_orders_can_be_canceled_with_it(client, alice, aapl, msft):
    place(alice, "buy", "5")
    sale, purchase, other = (
        place(alice, "sell", "2", limit="210.00"),
        place(alice, "buy", "1", limit="150.00"),
        place(alice, "buy", "1", limit="350.00", symbol="MSFT"),
    )
    answer = client.delete(f"{URL}AAPL/?cancel_orders=true")
    assert (answer.status_code, answer.json()["quantity"]) == (201, "5")
    statuses = dict(Order.objects.values_list("pk", "status"))
    assert [statuses[each.pk] for each in (sale, purchase, other)] == ["canceled"] * 2 + ["new"]


def test_the_exits_of_a_bracket_are_canceled_with_it(client, alice, aapl):
    bracket = {
        "symbol": "AAPL",
        "side": "buy",
        "order_type": "market",
        "quantity": "3",
        "order_class": "bracket",
        "take_profit": {"limit_price": "200"},
        "stop_loss": {"stop_price": "180"},
    }
    assert client.post(ORDERS, bracket).status_code == 201
    assert client.delete(f"{URL}AAPL/").json()["code"] == "position_reserved"
    assert client.delete(f"{URL}AAPL/?cancel_orders=true").json()["status"] == "filled"
    assert balance(alice, aapl.asset) == (0, 0)


def test_a_refused_close_has_canceled_nothing(client, alice, aapl):
    place(alice, "buy", "5")
    resting = place(alice, "sell", "2", limit="210.00")
    Instrument.objects.update(status="halted")
    answer = client.delete(f"{URL}AAPL/?cancel_orders=true")
    assert (answer.status_code, answer.json()["code"]) == (422, "instrument_not_tradable")
    resting.refresh_from_db()
    assert resting.status == "new"
    assert balance(alice, aapl.asset) == (3, 2)


def test_dust_below_the_smallest_order_can_be_closed(client, alice, coin):
    give(alice, coin.asset, "0.00000007")
    body = {"symbol": "BTC-USD", "side": "sell", "order_type": "market", "quantity": "0.00000007"}
    assert client.post(ORDERS, body).status_code == 400
    answer = client.delete(f"{URL}BTC-USD/")
    assert (answer.status_code, answer.json()["status"]) == (201, "filled")
    assert balance(alice, coin.asset) == (0, 0)


def test_a_part_below_the_smallest_order_is_refused(client, alice, coin):
    give(alice, coin.asset, "0.001")
    answer = client.delete(f"{URL}BTC-USD/?percent=5")
    assert_problem(answer, status=400, code="invalid", field="percent")
    assert "0.0001 BTC-USD, the smallest" in answer.json()["detail"]


def test_a_part_of_a_bond_is_a_multiple_of_its_face(client, alice):
    bond = make_bond()
    set_quote(bond, "100.000", "100.010")
    give(alice, bond.asset, "5000")
    assert client.delete(f"{URL}{bond.symbol}/?percent=50").json()["quantity"] == "2000"
    assert client.delete(f"{URL}{bond.symbol}/?percent=10").json()["code"] == "invalid"
    assert client.delete(f"{URL}{bond.symbol}/?quantity=500").json()["code"] == "invalid"
    assert client.delete(f"{URL}{bond.symbol}/").json()["quantity"] == "3000"


def test_a_key_closes_once_and_a_part_is_another_request(client, alice, aapl):
    place(alice, "buy", "4")
    close = partial(client.delete, headers={"Idempotency-Key": "close-1"})
    first, again = close(f"{URL}AAPL/?quantity=1"), close(f"{URL}AAPL/?quantity=1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again["Idempotency-Replayed"] == "true"
    assert again.json() == first.json()
    other = close(f"{URL}AAPL/?quantity=2")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert balance(alice, aapl.asset) == (3, 0)


def test_everything_can_be_closed_and_what_can_not_stops_nothing(client, alice, bob, aapl, msft):
    coin = make_instrument("BTC-USD", "crypto")
    set_quote(coin, "50000.00", "50010.00")
    halted = make_instrument("HALT")
    set_quote(halted, "10.00", "10.01")
    for symbol, quantity in (("AAPL", "4"), ("MSFT", "1"), ("BTC-USD", "0.01"), ("HALT", "5")):
        place(alice, "buy", quantity, symbol=symbol)
    place(bob, "buy", "1")
    place(alice, "sell", "1", limit="500.00", symbol="MSFT")
    Instrument.objects.filter(symbol="HALT").update(status="halted")

    results = client.delete(URL).json()["results"]

    assert {
        each["symbol"]: each["order"]["status"] if each["order"] else each["problem"]["code"]
        for each in results
    } == {
        "AAPL": "filled",
        "BTC-USD": "filled",
        "HALT": "instrument_not_tradable",
        "MSFT": "position_reserved",
    }
    assert balance(alice, aapl.asset) == (0, 0)
    assert balance(bob, aapl.asset) == (1, 0)
    assert_books_are_right()
    [msft_now, halted_now] = client.delete(f"{URL}?cancel_orders=true").json()["results"][::-1]
    assert msft_now["order"]["status"] == "filled"
    assert halted_now["problem"]["status"] == 422


def test_with_nothing_to_close_nothing_happens(client, alice, aapl):
    assert client.delete(URL).json() == {"results": []}
    assert not Order.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_closing_twice_at_once_sells_once(alice, aapl, now):
    for number in range(6):
        place(alice, "buy", "1", now=NOW + timedelta(milliseconds=number))
        close = partial(
            closing.close, owner_id=alice.pk, symbol="AAPL", request=CloseRequest(), now=NOW
        )
        outcomes = in_threads([close, close, close])
        refused = [each.code for each in outcomes if isinstance(each, Refusal)]
        assert refused == ["not_found"] * 2
        assert balance(alice, aapl.asset) == (0, 0)
    assert_books_are_right()


# Selling all in dollars -------------------------------------------------------------------------


@pytest.fixture
def shown_above_the_bid(alice, aapl) -> None:
    """3.332966 shares at a last price of 100.001: shown as 333.30, and 333.2966 at the bid."""
    give(alice, aapl.asset, "3.332966")
    Quote.objects.update(price="100.001", bid="100.00", ask="100.01")


@pytest.mark.parametrize("dollars", ["333.29", "333.30", "333.31"])
@pytest.mark.usefixtures("shown_above_the_bid")
def test_a_notional_within_a_cent_of_the_whole_sells_the_whole(client, alice, aapl, dollars):
    assert client.get(URL).json()["results"][0]["market_value"] == "333.30"
    body = {"symbol": "AAPL", "side": "sell", "order_type": "market", "notional": dollars}
    order = client.post(ORDERS, body).json()
    assert (order["status"], order["quantity"]) == ("filled", "3.332966")
    assert balance(alice, aapl.asset) == (0, 0)


@pytest.mark.usefixtures("shown_above_the_bid")
def test_a_notional_beyond_that_says_how_to_sell_all(client, alice, aapl):
    body = {"symbol": "AAPL", "side": "sell", "order_type": "market", "notional": "333.32"}
    answer = client.post(ORDERS, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "insufficient_position")
    assert "DELETE /api/portfolio/holdings/AAPL/" in answer.json()["detail"]
    assert balance(alice, aapl.asset) == (Decimal("3.332966"), 0)


@pytest.mark.usefixtures("shown_above_the_bid")
def test_a_notional_below_that_leaves_what_was_not_asked_for(client, alice, aapl):
    body = {"symbol": "AAPL", "side": "sell", "order_type": "market", "notional": "333.28"}
    assert client.post(ORDERS, body).json()["quantity"] == "3.3328"
    assert balance(alice, aapl.asset) == (Decimal("0.000166"), 0)


def test_a_notional_that_is_the_whole_of_a_bond_or_of_dust_sells_it(client, alice, coin):
    bond = make_bond()
    set_quote(bond, "100.000", "100.010")
    give(alice, bond.asset, "3000")
    give(alice, coin.asset, "0.000012")  # 0.60 dollars, below the smallest order
    for row in client.get(URL).json()["results"]:
        body = {"side": "sell", "order_type": "market", "notional": row["market_value"]}
        order = client.post(ORDERS, {**body, "symbol": row["symbol"]}).json()
        assert (order["status"], order["quantity"]) == ("filled", row["quantity"])
    assert client.get(URL).json()["results"] == []


def test_a_wide_gap_between_bid_and_last_price_sells_what_was_shown(client, alice, aapl):
    give(alice, aapl.asset, "1")
    Quote.objects.update(price="110.00", bid="100.00", ask="111.00")
    body = {"symbol": "AAPL", "side": "sell", "order_type": "market", "notional": "105.00"}
    assert client.post(ORDERS, body).json()["quantity"] == "1"


def test_a_round_in_between_does_not_matter(client, alice, aapl):
    place(alice, "buy", "4")
    advance(tick("AAPL", "150.00", "150.02"), at=NOW + timedelta(seconds=1))
    assert client.delete(f"{URL}AAPL/").json()["average_fill_price"] == "150.00"
