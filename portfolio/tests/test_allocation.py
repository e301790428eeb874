"""Allocation: how equity is spread, and that it adds up."""

from decimal import Decimal

import pytest

from exchange.tests.market import NOW, make_bond, make_customer, make_instrument, place, set_quote
from portfolio.tests.accounts import buy, reprice, shown

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return make_customer("alice@example.com", dollars="10000")


def part(asset_class, market_value, percent):
    return {"asset_class": asset_class, "market_value": market_value, "percent": percent}


def percents(rows):
    return [Decimal(row["percent"]) for row in rows]


def test_stocks_of_two_names_are_one_class_and_the_largest_comes_first(alice):
    aapl, msft = make_instrument("AAPL", name="Apple Inc."), make_instrument("MSFT", name="Softy")
    buy(alice, aapl, "10", "150.01", at=NOW)  # now 150.00: 1,500.00, and 0.10 lost
    buy(alice, msft, "20", "200.01", at=NOW)  # now 200.00: 4,000.00, and 0.20 lost

    document = shown(alice, "allocation")

    # Cash is 10,000.00 - 1,500.10 - 4,000.20 = 4,499.70.
    assert document["equity"] == "9999.70"
    assert document["by_asset_class"] == [
        part("stock", "5500.00", "55.00"),
        part("cash", "4499.70", "45.00"),
    ]
    assert document["by_instrument"] == [
        part("cash", "4499.70", "45.00") | {"symbol": "USD", "name": "US dollar"},
        part("stock", "4000.00", "40.00") | {"symbol": "MSFT", "name": "Softy"},
        part("stock", "1500.00", "15.00") | {"symbol": "AAPL", "name": "Apple Inc."},
    ]


def test_percentages_that_do_not_come_out_even_still_sum_to_a_hundred(alice):
    for symbol in ("AAPL", "MSFT", "TSLA"):
        instrument = make_instrument(symbol)
        buy(alice, instrument, "10", "333.33", at=NOW)
        reprice(instrument, "333.33", at=NOW)

    document = shown(alice, "allocation")

    assert sum(percents(document["by_instrument"])) == 100
    assert sum(percents(document["by_asset_class"])) == 100
    assert [str(percent) for percent in percents(document["by_instrument"])] == [
        "33.33",
        "33.34",
        "33.33",
        "0.00",  # 0.10 in cash
    ]


def test_a_bond_counts_with_its_accrued_interest(alice):
    set_quote(make_bond("ACME-2033"), "98.40", "98.50", size="100000")
    place(alice, "buy", "2000", symbol="ACME-2033")  # 1,970.00 and 36.00

    classes = {row["asset_class"]: row for row in shown(alice, "allocation")["by_asset_class"]}

    assert classes["bond"]["market_value"] == "2004.00"  # 1,968.00 and 36.00
    assert classes["cash"]["market_value"] == "7994.00"


def test_only_cash_is_all_cash(alice):
    assert shown(alice, "allocation")["by_asset_class"] == [part("cash", "10000.00", "100.00")]


def test_a_new_customer_has_nothing_to_allocate():
    new = make_customer("new@example.com", dollars="0")

    document = shown(new, "allocation")

    assert document == {"equity": "0.00", "by_asset_class": [], "by_instrument": []}


def test_another_customers_positions_do_not_show(alice):
    bob = make_customer("bob@example.com")
    buy(bob, make_instrument("AAPL"), "10", "100.00", at=NOW)

    assert [row["symbol"] for row in shown(alice, "allocation")["by_instrument"]] == ["USD"]
