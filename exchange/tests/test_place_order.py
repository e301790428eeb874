"""POST orders/: what a customer may order, and its immediate result."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from rest_framework.test import APIClient

from authentication.models import User
from banking.models import JournalEntry
from banking.rules.assets import USD
from exchange.models import Execution, Instrument, InstrumentStatus, Order, Quote, TimeInForce
from exchange.tests import market
from exchange.tests.market import balance, make_instrument, place, set_quote

pytestmark = pytest.mark.usefixtures("books_must_agree")

URL = "/api/exchange/api/v1/orders/"
BUY = {"symbol": "AAPL", "side": "buy", "order_type": "market", "quantity": "1.5"}
REST = {**BUY, "order_type": "limit", "limit_price": "150.00"}


def assert_nothing_moved(user: User) -> None:
    assert balance(user) == (Decimal("10000.00"), Decimal("0.00"))
    assert Order.objects.filter(owner=user).count() == 0
    assert Execution.objects.count() == 0


def test_a_market_order_fills_at_the_quote(client: APIClient, alice: User, aapl: Instrument):
    answer = client.post(URL, BUY)
    assert answer.status_code == 201, answer.json()
    order = answer.json()
    assert order["status"] == "filled"
    assert order["time_in_force"] == "day"
    assert order["average_fill_price"] == "190.02"
    assert order["filled_quantity"] == "1.5"
    assert order["remaining_quantity"] == "0"
    (fill,) = order["executions"]
    assert (fill["price"], fill["quantity"], fill["liquidity"]) == ("190.02", "1.5", "taker")
    assert fill["amount"] == "285.03"
    assert balance(alice) == (Decimal("9714.97"), 0)
    assert balance(alice, aapl.asset) == (Decimal("1.5"), 0)


def test_a_json_number_is_read_exactly(client: APIClient, aapl: Instrument):
    answer = client.post(
        URL,
        '{"symbol":"AAPL","side":"buy","order_type":"market","quantity":0.100001}',
        content_type="application/json",
    )
    assert answer.json()["quantity"] == "0.100001"


def test_an_instrument_can_be_named_by_its_id(client: APIClient, aapl: Instrument):
    assert client.post(URL, {**BUY, "symbol": str(aapl.pk)}).json()["symbol"] == "AAPL"


def test_a_limit_order_below_the_market_rests_and_holds_its_worst_case(
    client: APIClient, alice: User, aapl: Instrument
):
    order = client.post(URL, REST).json()
    assert order["status"] == "new"
    assert order["expires_at"] == "2026-03-03T00:00:00.000000Z"
    assert balance(alice) == (Decimal("9775.00"), Decimal("225.00"))


def test_a_limit_order_that_reaches_the_market_pays_the_markets_price(
    client: APIClient, alice: User, aapl: Instrument
):
    order = client.post(URL, {**REST, "limit_price": "200.00"}).json()
    assert order["status"] == "filled"
    assert order["average_fill_price"] == "190.02"
    assert balance(alice) == (Decimal("9714.97"), 0)


def test_a_large_order_pays_for_depth_and_what_is_left_rests(
    client: APIClient, alice: User, aapl: Instrument
):
    aapl.quote.ask_size = 1_000_000
    aapl.quote.save()
    order = client.post(URL, {**REST, "quantity": "3", "limit_price": "190.02"}).json()
    assert order["status"] == "partially_filled"
    assert (order["filled_quantity"], order["remaining_quantity"]) == ("1", "2")
    assert balance(alice) == (Decimal("9429.94"), Decimal("380.04"))
    deep = client.post(URL, {**BUY, "quantity": "2"}).json()
    assert deep["status"] == "filled"
    assert Decimal(deep["average_fill_price"]) > Decimal("190.02")


def test_nothing_is_sold_twice_from_one_quote(client: APIClient, aapl: Instrument):
    aapl.quote.ask_size = 2_000_000
    aapl.quote.save()
    limit = {**REST, "quantity": "2", "limit_price": "190.02", "time_in_force": "ioc"}
    assert client.post(URL, limit).json()["status"] == "filled"
    second = client.post(URL, limit).json()
    assert (second["status"], second["reject_reason"]) == ("canceled", "ioc_unfilled")


def test_fill_or_kill_takes_all_or_nothing(client: APIClient, alice: User, aapl: Instrument):
    aapl.quote.ask_size = 1_000_000
    aapl.quote.save()
    fok = {**REST, "quantity": "2", "limit_price": "190.02", "time_in_force": "fok"}
    order = client.post(URL, fok).json()
    assert (order["status"], order["filled_quantity"]) == ("canceled", "0")
    assert balance(alice) == (Decimal("10000.00"), 0)


def test_fill_or_kill_sees_however_many_customers_it_takes(
    alice: User, bob: User, aapl: Instrument
):
    market.give(bob, aapl.asset, "40")
    for _ in range(40):
        place(bob, "sell", "1", limit="190.01")
    order = place(alice, "buy", "40", limit="190.01", time_in_force=TimeInForce.FOK)
    assert order.status == "filled"
    order = place(alice, "buy", "1", limit="190.01", time_in_force=TimeInForce.FOK)
    assert (order.status, order.reject_reason) == ("canceled", "fok_unfilled")


@pytest.mark.parametrize("dollars", ["1.00", "100.00", "250.01", "9999.99", "10000.00"])
def test_a_notional_buys_what_it_can_and_never_spends_more(
    client: APIClient, alice: User, aapl: Instrument, dollars: str
):
    body = {"symbol": "AAPL", "side": "buy", "order_type": "market", "notional": dollars}
    order = client.post(URL, body).json()
    assert order["status"] == "filled"
    assert order["notional"] == dollars
    spent = Decimal(10000) - balance(alice)[0]
    assert Decimal(dollars) - Decimal("0.01") <= spent <= Decimal(dollars)


def test_a_notional_sale_is_sized_at_the_bid(client: APIClient, alice: User, aapl: Instrument):
    place(alice, "buy", "2")
    body = {"symbol": "AAPL", "side": "sell", "order_type": "market", "notional": "100.00"}
    order = client.post(URL, body).json()
    assert (order["status"], order["quantity"]) == ("filled", "0.526315")  # 100 / 190.00
    assert order["executions"][0]["amount"] == "99.99"


def test_a_notional_too_small_to_sell_one_increment_is_a_400(client: APIClient, alice: User):
    bond = market.make_bond()
    set_quote(bond, "99.000", "99.010", size="100000")
    body = {"symbol": bond.symbol, "side": "sell", "order_type": "market", "notional": "500"}
    answer = client.post(URL, body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "notional"


@pytest.mark.parametrize(
    ("dollars", "face"), [("1033.39", 0), ("1033.40", 1000), ("2066.80", 2000)]
)
def test_a_notional_of_a_bond_covers_accrued_interest_too(alice: User, dollars: str, face: int):
    bond = market.make_bond()  # 1.80 has accrued
    set_quote(bond, "101.500", "101.540", size="100000")
    place(alice, quantity=None, notional=dollars, symbol=bond.symbol)
    assert balance(alice, bond.asset) == (face, 0)
    assert Decimal(10000) - balance(alice)[0] == face * Decimal("1.0334")


def test_a_notional_sale_of_a_bond_brings_no_more_than_was_asked(alice: User):
    bond = market.make_bond()
    market.give(alice, bond.asset, "10000")
    set_quote(bond, "101.500", "101.540", size="100000")
    place(alice, "sell", None, notional="2040.00", symbol=bond.symbol)  # 1,033 for a thousand
    assert balance(alice) == (11033, 0)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_notional_of_more_units_than_can_be_counted_is_a_400(client: APIClient, side: str):
    coin = make_instrument("MITE-USD", "crypto", price_increment=Decimal("0.00000001"))
    set_quote(coin, "0.00001000", "0.00001001", size="1000")
    body = {"symbol": coin.symbol, "side": side, "order_type": "market", "notional": "1000000000"}
    answer = client.post(URL, body)
    assert answer.status_code == 400, answer.json()
    assert answer.json()["errors"][0]["field"] == "notional"


def test_a_notional_covers_the_fee_too(client: APIClient, alice: User):
    set_quote(make_instrument("BTC-USD", "crypto"), "65000.00", "65010.00", size="3")
    body = {"symbol": "BTC-USD", "side": "buy", "order_type": "market", "notional": "500.00"}
    order = client.post(URL, body).json()
    assert order["time_in_force"] == "gtc"
    assert Decimal(order["fees"]) > 0
    spent = Decimal(10000) - balance(alice)[0]
    assert Decimal("499.97") <= spent <= Decimal("500.00")


def test_a_notional_too_small_for_one_increment_is_canceled(client: APIClient, alice: User):
    bond = market.make_bond()
    set_quote(bond, "99.000", "99.010", size="100000")
    body = {"symbol": bond.symbol, "side": "buy", "order_type": "market", "notional": "500"}
    order = client.post(URL, body).json()
    assert (order["status"], order["reject_reason"]) == ("canceled", "notional_too_small")
    assert balance(alice) == (Decimal("10000.00"), 0)


def test_a_bonds_buyer_pays_the_clean_price_and_accrued_interest(client: APIClient, alice: User):
    bond = market.make_bond()  # 6 %, 30/360, coupons on 15 May and November
    set_quote(bond, "99.000", "99.010", size="100000")
    body = {"symbol": bond.symbol, "side": "buy", "order_type": "market", "quantity": "2000"}
    order = client.post(URL, body).json()
    (fill,) = order["executions"]
    # Traded on Monday 2 March, settles on 3 March: 108 days of 30/360 after 15 November.
    assert fill["accrued_interest"] == "1.8"
    assert fill["amount"] == "2016.20"  # 2,000 x (99.010 + 1.80) / 100
    assert balance(alice)[0] == Decimal("7983.80")
    assert balance(alice, bond.asset)[0] == Decimal("2000.00")


def test_customers_trade_with_each_other_at_the_resting_price(
    client: APIClient, alice: User, bob: User, aapl: Instrument
):
    bobs = place(bob, "buy", "1", limit="190.01")  # inside the spread
    place(alice, "buy", "1")
    sale = client.post(URL, {**BUY, "side": "sell", "quantity": "0.4"}).json()
    assert sale["average_fill_price"] == "190.01"
    bobs.refresh_from_db()
    assert bobs.status == "partially_filled"
    assert balance(bob) == (Decimal("9809.99"), Decimal("114.00"))
    assert balance(bob, aapl.asset) == (Decimal("0.4"), 0)


def test_a_notional_larger_than_the_book_ends_canceled_with_what_it_got(
    client: APIClient, alice: User, aapl: Instrument
):
    aapl.quote.ask_size = 100_000
    aapl.quote.save()
    body = {"symbol": "AAPL", "side": "buy", "order_type": "market", "notional": "9000.00"}
    order = client.post(URL, body).json()
    assert (order["status"], order["reject_reason"]) == ("canceled", "no_liquidity")
    assert Decimal(order["filled_quantity"]) > 0
    assert Decimal(order["remaining_quantity"]) > 0
    assert balance(alice, aapl.asset)[0] == Decimal(order["filled_quantity"])


def test_a_notional_that_meets_nobody_finds_no_liquidity(client: APIClient, aapl: Instrument):
    place(market.make_customer("carol@example.com", "100000000"), quantity="1000000")
    body = {"symbol": "AAPL", "side": "buy", "order_type": "market", "notional": "9000.00"}
    order = client.post(URL, body).json()
    assert (order["status"], order["reject_reason"]) == ("canceled", "no_liquidity")


def test_what_is_left_of_an_order_may_be_worth_less_than_a_cent(
    client: APIClient, alice: User, bob: User
):
    """The earlier fill was rounded up by more than the rest can cost, so the hold is of nothing."""
    coin = make_instrument("BTC-USD", "crypto", price_increment=Decimal("0.01"))
    set_quote(coin, "65000.00", "65010.00", size="3")
    place(bob, "buy", "0.05", symbol="BTC-USD")
    place(bob, "sell", "0.012345", symbol="BTC-USD", limit="65009.99")
    body = {"symbol": "BTC-USD", "side": "buy", "order_type": "limit", "quantity": "0.01234501"}
    order = client.post(URL, {**body, "limit_price": "65009.99"}).json()
    assert (order["status"], order["remaining_quantity"]) == ("partially_filled", "0.00000001")
    assert client.delete(f"{URL}{order['id']}/").json()["status"] == "canceled"
    assert balance(alice)[1] == 0


def test_an_order_whose_day_is_over_trades_no_more_even_before_a_round_ends_it(
    client: APIClient, bob: User, alice: User, aapl: Instrument
):
    place(alice, "buy", "1")
    place(bob, "buy", "1", limit="190.01")
    Order.objects.filter(owner=bob).update(expires_at=market.NOW)
    book = client.get("/api/exchange/api/v1/market-data/AAPL/book/").json()
    assert book["bids"][0][0] == "190.00"
    sale = client.post(URL, {**BUY, "side": "sell", "quantity": "1"}).json()
    assert sale["average_fill_price"] == "190.00"


def test_nobody_trades_with_themself(client: APIClient, alice: User, aapl: Instrument):
    place(alice, "buy", "2")
    place(alice, "buy", "1", limit="190.01")
    sale = client.post(URL, {**BUY, "side": "sell", "quantity": "1"}).json()
    assert (sale["status"], sale["reject_reason"]) == ("canceled", "self_trade")


def test_without_a_fresh_quote_an_order_waits_with_its_hold(
    client: APIClient, alice: User, aapl: Instrument
):
    with time_machine.travel(market.NOW + timedelta(minutes=5), tick=False):
        order = client.post(URL, {**BUY, "quantity": "1"}).json()
    assert order["status"] == "accepted"
    # A market order may cost up to five percent more than the last quote: 190.02 x 1.05 = 199.53.
    assert balance(alice) == (Decimal("9800.47"), Decimal("199.53"))


# Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"symbol": "NOPE"}, "symbol"),
        ({"symbol": ""}, "symbol"),
        ({"symbol": None}, "symbol"),
        ({"side": "hold"}, "side"),
        ({"order_type": "iceberg"}, "order_type"),
        ({"order_type": "stop"}, "stop_price"),
        ({"time_in_force": "opg"}, "time_in_force"),
        ({"quantity": None}, "quantity"),
        ({"notional": "10.00"}, "quantity"),
        ({"quantity": "0.0000001"}, "quantity"),
        ({"quantity": "99999999999"}, "quantity"),
        ({"limit_price": "10.00"}, "limit_price"),
        ({"order_type": "limit"}, "limit_price"),
        ({"order_type": "limit", "limit_price": "10.001"}, "limit_price"),
        ({"order_type": "limit", "limit_price": "99999999"}, "limit_price"),
        ({"quantity": None, "notional": "10.001"}, "notional"),
        ({"quantity": None, "notional": "9999999999"}, "notional"),
        ({"quantity": None, "notional": "9.00", "time_in_force": "fok"}, "time_in_force"),
        ({"symbol": "A\x00B"}, "symbol"),
        ({"side": "\ud800"}, "side"),
        (
            {"order_type": "limit", "limit_price": "9", "notional": "9", "quantity": None},
            "notional",
        ),
        ({"client_order_id": "has a space"}, "client_order_id"),
        ({"client_order_id": "x" * 129}, "client_order_id"),
    ],
)
def test_a_misshapen_order_is_a_400_that_names_the_field(
    client: APIClient, alice: User, aapl: Instrument, change: dict[str, object], field: str
):
    answer = client.post(URL, {**BUY, **change})
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert_nothing_moved(alice)


@pytest.mark.parametrize(
    "body", ["NaN", '{"quantity": NaN}', "[1, 2]", '"text"', "[" * 100_000, "{"]
)
def test_a_body_that_is_no_object_is_a_400(client: APIClient, aapl: Instrument, body: str):
    answer = client.post(URL, body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["code"] in ("invalid", "parse_error")


def test_more_than_there_is_is_refused(client: APIClient, alice: User, aapl: Instrument):
    answer = client.post(URL, {**BUY, "quantity": "53"})
    assert (answer.status_code, answer.json()["code"]) == (422, "insufficient_funds")
    assert_nothing_moved(alice)
    answer = client.post(URL, {**BUY, "side": "sell"})
    assert (answer.status_code, answer.json()["code"]) == (422, "insufficient_position")
    assert_nothing_moved(alice)


def test_a_refusal_names_what_the_whole_order_needs(
    client: APIClient, alice: User, aapl: Instrument
):
    place(alice, "buy", "1")
    aapl.quote.refresh_from_db()
    aapl.quote.bid_size = 1_000_000
    aapl.quote.save()
    sale = {**REST, "side": "sell", "quantity": "3", "limit_price": "190.00"}
    assert client.post(URL, sale).json()["detail"] == (
        "This needs 3.000000 AAPL; 1.000000 is available."
    )
    purchase = {**REST, "quantity": "100", "limit_price": "190.02"}
    assert client.post(URL, purchase).json()["detail"] == (
        "This needs 19002.00 USD; 9809.98 is available."
    )
    assert Execution.objects.count() == 1


def test_a_resting_order_can_not_hold_more_than_there_is(
    client: APIClient, alice: User, aapl: Instrument
):
    answer = client.post(URL, {**REST, "quantity": "66.67"})
    assert (answer.status_code, answer.json()["code"]) == (422, "insufficient_funds")
    assert_nothing_moved(alice)


def test_a_halted_instrument_refuses_market_orders_and_lets_limit_orders_wait(
    client: APIClient, alice: User, aapl: Instrument
):
    Instrument.objects.update(status=InstrumentStatus.HALTED)
    answer = client.post(URL, BUY)
    assert (answer.status_code, answer.json()["code"]) == (422, "instrument_not_tradable")
    assert_nothing_moved(alice)
    assert client.post(URL, REST).json()["status"] == "accepted"


def test_an_instrument_that_is_no_longer_tradable_takes_no_order(
    client: APIClient, alice: User, aapl: Instrument
):
    Instrument.objects.update(tradable=False)
    answer = client.post(URL, REST)
    assert (answer.status_code, answer.json()["code"]) == (422, "instrument_not_tradable")
    assert_nothing_moved(alice)


def test_an_instrument_without_a_price_takes_no_order(client: APIClient, alice: User):
    make_instrument("NEWCO")
    answer = client.post(URL, {**BUY, "symbol": "NEWCO"})
    assert (answer.status_code, answer.json()["code"]) == (422, "instrument_not_tradable")


def test_crypto_has_no_day_orders(client: APIClient):
    set_quote(make_instrument("BTC-USD", "crypto"), "65000.00", "65010.00")
    body = {**BUY, "symbol": "BTC-USD", "quantity": "0.01", "time_in_force": "day"}
    answer = client.post(URL, body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "time_in_force"


def test_a_client_order_id_works_once_per_customer(
    client: APIClient, alice: User, bob: User, aapl: Instrument
):
    place(bob, client_order_id="mine")
    assert client.post(URL, {**BUY, "client_order_id": "mine"}).status_code == 201
    entries, before = JournalEntry.objects.count(), balance(alice)
    again = client.post(URL, {**BUY, "client_order_id": "mine"})
    assert (again.status_code, again.json()["code"]) == (409, "client_order_id_exists")
    assert (JournalEntry.objects.count(), balance(alice)) == (entries, before)


def test_fields_that_nobody_asked_for_are_refused(
    client: APIClient, alice: User, bob: User, aapl: Instrument
):
    body = {**BUY, "status": "filled", "owner": str(bob.pk), "fees": "-5", "id": "x"}
    answer = client.post(URL, body)
    assert answer.status_code == 400
    named = {error["field"] for error in answer.json()["errors"]}
    assert named == {"status", "owner", "fees", "id"}
    assert not Order.objects.exists()
    assert balance(alice, USD) == balance(bob, USD) == (Decimal("10000.00"), 0)


def test_without_a_token_nothing_is_placed(aapl: Instrument):
    answer = APIClient().post(URL, BUY)
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert Order.objects.count() == 0


def test_shares_below_a_dollar_are_sold_at_market_by_their_finer_increment(alice: User):
    """On the grid of whole cents the collar would be above the price, and most levels below it."""
    penny = make_instrument("PENNY")
    set_quote(penny, "0.0050", "0.0051", size="60")
    place(alice, "buy", "50", symbol="PENNY")
    Quote.objects.filter(pk=penny.pk).update(bid_size=penny.asset.units(Decimal(30)))

    order = place(alice, "sell", "50", symbol="PENNY")

    assert order.status == "filled"
    prices = order.executions.values_list("price", flat=True)
    assert set(prices) == {Decimal("0.0050"), Decimal("0.0049")}
