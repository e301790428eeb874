"""Holdings: what is held, what it is worth, and what it gained."""

from datetime import timedelta
from decimal import Decimal

import pytest

from authentication.tests.problems import assert_problem
from exchange.tests.market import (
    NOW,
    give,
    make_bond,
    make_customer,
    make_instrument,
    place,
    set_quote,
)
from portfolio.tests.accounts import buy, deposit, get, open_account, reprice, sell, shown, withdraw

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def btc():
    return make_instrument("BTC-USD", "crypto", name="Bitcoin")


def test_a_stock_and_a_coin_are_shown_with_their_cost_value_and_gain(alice, aapl, btc):
    set_quote(aapl, "190.00", "190.02")
    set_quote(btc, "59990.00", "60000.00")
    place(alice, "buy", "10", symbol="AAPL")  # 1,900.20
    place(alice, "buy", "0.5", symbol="BTC-USD")  # 30,000.00 and a fee of 0.25 %, 75.00
    reprice(aapl, "200.00", at=LATER)
    reprice(btc, "61000.00", at=LATER)

    document = shown(alice, "holdings", now=LATER)

    assert document["results"] == [
        {
            "symbol": "AAPL",
            "name": "Apple Inc.",
            "asset_class": "stock",
            "quantity": "10",
            "available_quantity": "10",
            "average_cost": "190.02",
            "cost_basis": "1900.20",
            "price": "200.00",
            "accrued_interest": "0.00",
            "market_value": "2000.00",
            "unrealized_pnl": "99.80",
            "unrealized_pnl_percent": "5.2521",  # 99.80 / 1900.20
            "day_change": "99.80",  # bought today: as the gain
            "day_change_percent": "5.2521",
            "price_change": "10.00",
            "price_change_percent": "5.2632",  # 10 / 190
            "price_change_value": "100.00",  # 10 × (200.00 - 190.00)
            "realized_pnl": "0.00",
            "fees": "0.00",
            "weight": "0.039585",  # 2000.00 / 50524.80
        },
        {
            "symbol": "BTC-USD",
            "name": "Bitcoin",
            "asset_class": "crypto",
            "quantity": "0.5",
            "available_quantity": "0.5",
            "average_cost": "60150.00",  # 30075.00 / 0.5
            "cost_basis": "30075.00",
            "price": "61000.00",
            "accrued_interest": "0.00",
            "market_value": "30500.00",
            "unrealized_pnl": "425.00",
            "unrealized_pnl_percent": "1.4131",  # 425 / 30075
            "day_change": "425.00",
            "day_change_percent": "1.4131",  # 425.00 / 30075.00
            "price_change": "1010.00",
            "price_change_percent": "1.6836",  # 1010 / 59990
            "price_change_value": "505.00",  # 0.5 × (61000 - 59990)
            "realized_pnl": "0.00",
            "fees": "0.00",
            "weight": "0.603664",  # 30500.00 / 50524.80
        },
    ]
    assert document["totals"] == {
        "cash": "18024.80",  # 50000.00 - 1900.20 - 30075.00
        "available_cash": "18024.80",
        "debt": "0.00",
        "market_value": "32500.00",
        "equity": "50524.80",
        "cost_basis": "31975.20",
        "unrealized_pnl": "524.80",
        "realized_pnl": "0.00",
        "fees": "0.00",
        "day_change": "524.80",
        "last_close_equity": "0.00",
        "day_net_deposits": "50000.00",
    }


def test_a_bond_is_worth_its_clean_price_and_the_interest_accrued_on_it(alice):
    # 6 %, 30/360. Settlement is 3 March, 108 days after the coupon date of 15 November:
    # 3.00 × 108 / 180 = 1.80 for each 100 of face value.
    bond = make_bond("ACME-2033")
    set_quote(bond, "98.40", "98.50", size="100000")
    place(alice, "buy", "10000", symbol="ACME-2033")

    [row] = shown(alice, "holdings")["results"]

    assert row["cost_basis"] == "10030.00"  # 9,850.00 and 180.00
    assert row["average_cost"] == "100.300"  # per 100 of face value, as prices are
    assert row["price"] == "98.400"
    assert row["accrued_interest"] == "180.00"
    assert row["market_value"] == "10020.00"  # 9,840.00 and 180.00
    assert row["unrealized_pnl"] == "-10.00"


@pytest.mark.parametrize(
    ("lot_method", "realized", "cost_basis"),
    [
        ("fifo", "350.00", "1700.00"),  # sold 10 at 100 and 5 at 120; left 5 at 120 and 10 at 110
        ("lifo", "250.00", "1600.00"),  # sold 10 at 110 and 5 at 120; left 10 at 100 and 5 at 120
        ("hifo", "200.00", "1550.00"),  # sold 10 at 120 and 5 at 110; left 10 at 100 and 5 at 110
        ("average", "300.00", "1650.00"),  # all at 110
    ],
)
def test_the_lot_method_decides_what_a_sale_had_cost(alice, aapl, lot_method, realized, cost_basis):
    for minute, price in enumerate(["100.00", "120.00", "110.00"]):
        buy(alice, aapl, "10", price, at=NOW + timedelta(minutes=minute))
    sell(alice, aapl, "15", "130.00", at=LATER)  # brings 1,950.00

    document = shown(alice, "holdings", now=LATER, lot_method=lot_method)

    [row] = document["results"]
    assert (row["quantity"], row["realized_pnl"], row["cost_basis"]) == ("15", realized, cost_basis)
    assert document["totals"]["realized_pnl"] == realized
    # Whatever the method, 50,000.00 - 3,300.00 + 1,950.00 and 15 at 130.00.
    assert document["totals"]["equity"] == "50600.00"


def test_what_was_sold_altogether_is_in_the_total_of_realized_gains_only(alice, aapl):
    buy(alice, aapl, "10", "100.00", at=NOW)
    sell(alice, aapl, "10", "112.50", at=LATER)

    document = shown(alice, "holdings", now=LATER)

    assert document["results"] == []
    assert document["totals"]["realized_pnl"] == "125.00"
    assert document["totals"]["equity"] == document["totals"]["cash"] == "50125.00"


def test_what_an_open_order_holds_is_owned_but_not_available(alice, aapl):
    buy(alice, aapl, "10", "100.00", at=NOW)
    place(alice, "sell", "4", symbol="AAPL", limit="150.00")
    place(alice, "buy", "5", symbol="AAPL", limit="90.00")

    document = shown(alice, "holdings")

    [row] = document["results"]
    assert (row["quantity"], row["available_quantity"]) == ("10", "6")
    assert document["totals"]["cash"] == "49000.00"
    assert document["totals"]["available_cash"] == "48550.00"


def test_a_withdrawal_that_is_pending_is_still_in_cash(alice):
    withdraw(alice, "1000.00", at=NOW, settled=False)

    totals = shown(alice, "holdings")["totals"]

    assert (totals["cash"], totals["available_cash"]) == ("50000.00", "49000.00")


def test_a_new_customer_has_nothing():
    document = shown(make_customer("new@example.com", dollars="0"), "holdings")

    assert document["results"] == []
    assert set(document["totals"].values()) == {"0.00"}


def test_another_customers_trades_do_not_show(alice, bob, aapl):
    buy(bob, aapl, "10", "100.00", at=NOW)
    sell(bob, aapl, "4", "120.00", at=LATER)

    document = shown(alice, "holdings", now=LATER)

    assert document["results"] == []
    assert document["totals"]["realized_pnl"] == "0.00"
    assert document["totals"]["equity"] == "50000.00"


def test_a_trade_between_customers_is_one_purchase_and_one_sale(alice, bob, aapl):
    buy(bob, aapl, "10", "100.00", at=NOW)
    place(bob, "sell", "10", symbol="AAPL", limit="100.00", now=NOW)
    place(alice, "buy", "10", symbol="AAPL", limit="100.00", now=NOW)

    [row] = shown(alice, "holdings")["results"]

    assert (row["quantity"], row["cost_basis"]) == ("10", "1000.00")
    assert shown(bob, "holdings")["results"] == []


def test_the_quantity_is_the_ledgers_and_a_cost_that_no_execution_tells_is_null(alice, aapl):
    buy(alice, aapl, "10", "100.00", at=NOW)
    give(alice, aapl.asset, "2")

    document = shown(alice, "holdings")

    [row] = document["results"]
    assert (row["quantity"], row["market_value"]) == ("12", "1199.88")  # at 99.99
    assert row["cost_basis"] is row["average_cost"] is row["unrealized_pnl"] is None
    assert document["totals"]["market_value"] == "1199.88"
    assert document["totals"]["unrealized_pnl"] == "0.00"


def test_securities_that_were_never_bought_can_be_sold_without_breaking_anything(alice, aapl):
    give(alice, aapl.asset, "5")
    sell(alice, aapl, "2", "100.00", at=NOW)

    [row] = shown(alice, "holdings")["results"]

    assert (row["quantity"], row["market_value"], row["cost_basis"]) == ("3", "300.00", None)


def test_an_instrument_without_a_quote_has_no_value(alice, aapl):
    give(alice, aapl.asset, "5")

    document = shown(alice, "holdings")

    [row] = document["results"]
    assert row["price"] is row["market_value"] is row["day_change"] is row["weight"] is None
    assert row["price_change"] is row["price_change_value"] is row["day_change_percent"] is None
    assert document["totals"]["equity"] == "50000.00"


def test_a_sale_that_came_in_before_the_purchase_it_waited_for_is_still_matched(alice, aapl):
    buy(alice, aapl, "10", "100.00", at=NOW)
    # Its clock was read before that of the purchase, but it was booked after it.
    place(alice, "sell", "10", symbol="AAPL", now=NOW - timedelta(milliseconds=20))

    totals = shown(alice, "holdings")["totals"]

    assert totals["realized_pnl"] == "-0.10"  # 10 × (99.99 - 100.00)


def test_money_that_came_back_from_a_returned_deposit_is_gone():
    alice = open_account("alice@example.com", deposits="500.00", at=NOW)
    deposit(alice, "-200.00", at=LATER)

    assert shown(alice, "holdings", now=LATER)["totals"]["equity"] == "300.00"


def test_an_unknown_lot_method_is_refused(alice):
    assert_problem(
        get(alice, "holdings", lot_method="random"), status=400, code="invalid", field="lot_method"
    )


def test_prices_of_half_cents_round_to_even_cents(alice, aapl):
    buy(alice, aapl, "0.5", "100.02", at=NOW)  # now 100.01: 50.005

    [row] = shown(alice, "holdings")["results"]

    assert Decimal(row["market_value"]) == Decimal("50.00")
