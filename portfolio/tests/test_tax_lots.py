"""Open tax lots and realized gains, as the API shows them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest

from authentication.tests.problems import assert_problem
from exchange.models import Execution
from exchange.tests.market import NOW, make_customer, make_instrument, place, set_quote
from portfolio.tests.accounts import buy, get, reprice, sell, shown

pytestmark = pytest.mark.django_db

NEXT_YEAR = datetime(2027, 3, 3, 15, 0, tzinfo=UTC)  # a year and a day after NOW
A_DAY_BEFORE = NEXT_YEAR - timedelta(days=1)


def minutes(count):
    return NOW + timedelta(minutes=count)


def execution_of(order):
    return str(order.executions.get().pk)


def test_a_sale_leaves_the_rest_of_the_lot_it_was_taken_from(alice, aapl):
    first = buy(alice, aapl, "10", "100.00", at=minutes(0))
    second = buy(alice, aapl, "10", "110.00", at=minutes(1))
    sell(alice, aapl, "14", "120.00", at=minutes(2))

    document = shown(alice, "lots", now=minutes(2))

    assert document["next"] is document["previous"] is None
    assert document["results"] == [
        {
            "symbol": "AAPL",
            "name": "Apple Inc.",
            "asset_class": "stock",
            "id": execution_of(second),
            "quantity": "6",
            "cost_basis": "660.00",
            "unit_cost": "110.00",
            "price": "120.00",
            "market_value": "720.00",
            "unrealized_pnl": "60.00",
            "unrealized_pnl_percent": "9.0909",
            "term": "short",
            "acquired_at": "2026-03-02T15:01:00.000000Z",
        }
    ]
    [lifo] = shown(alice, "lots", now=minutes(2), lot_method="lifo")["results"]
    assert (lifo["id"], lifo["quantity"]) == (execution_of(first), "6")


def test_lots_sum_to_the_holding_to_the_cent(alice, aapl):
    for minute, quantity in enumerate(["1", "1.5", "0.333333"]):
        buy(alice, aapl, quantity, "33.37", at=minutes(minute))
    reprice(aapl, "41.11", at=minutes(5))

    for lot_method in ("fifo", "average"):
        rows = shown(alice, "lots", now=minutes(5), lot_method=lot_method)["results"]
        [held] = shown(alice, "holdings", now=minutes(5), lot_method=lot_method)["results"]
        for figure in ("quantity", "cost_basis", "market_value", "unrealized_pnl"):
            assert sum(Decimal(row[figure]) for row in rows) == Decimal(held[figure])


def test_a_lot_becomes_long_term_a_year_and_a_day_after_the_purchase(alice, aapl):
    buy(alice, aapl, "1", "100.00", at=NOW)

    [early] = shown(alice, "lots", now=A_DAY_BEFORE)["results"]
    [late] = shown(alice, "lots", now=NEXT_YEAR)["results"]

    assert (early["term"], late["term"]) == ("short", "long")


def test_a_sale_out_of_two_lots_tells_what_each_had_cost_and_for_how_long(alice, aapl):
    first = buy(alice, aapl, "10", "100.00", at=NOW)
    second = buy(alice, aapl, "10", "110.00", at=A_DAY_BEFORE)
    sale = sell(alice, aapl, "14", "120.00", at=NEXT_YEAR)

    assert shown(alice, "realized", now=NEXT_YEAR)["results"] == [
        {
            "symbol": "AAPL",
            "name": "Apple Inc.",
            "asset_class": "stock",
            "id": execution_of(sale),
            "quantity": "14",
            "proceeds": "1680.00",
            "cost_basis": "1440.00",
            "gain": "240.00",
            "gain_percent": "16.6667",
            "fees": "0.00",
            "short_term_gain": "40.00",
            "long_term_gain": "200.00",
            "sold_at": "2027-03-03T15:00:00.000000Z",
            "parts": [
                {
                    "lot_id": execution_of(first),
                    "quantity": "10",
                    "proceeds": "1200.00",
                    "cost_basis": "1000.00",
                    "gain": "200.00",
                    "term": "long",
                    "acquired_at": "2026-03-02T15:00:00.000000Z",
                },
                {
                    "lot_id": execution_of(second),
                    "quantity": "4",
                    "proceeds": "480.00",
                    "cost_basis": "440.00",
                    "gain": "40.00",
                    "term": "short",
                    "acquired_at": "2027-03-02T15:00:00.000000Z",
                },
            ],
        }
    ]


def test_fees_raise_the_cost_and_lower_the_proceeds(alice):
    btc = make_instrument("BTC-USD", "crypto")
    buy(alice, btc, "0.1", "60000.00", at=minutes(0))  # 6,000.00 and 0.25 %: 15.00
    sell(alice, btc, "0.1", "62000.00", at=minutes(1))  # 6,200.00 less 0.25 %: 15.50

    [sale] = shown(alice, "realized", now=minutes(1))["results"]

    assert (sale["cost_basis"], sale["proceeds"], sale["gain"]) == ("6015.00", "6184.50", "169.50")


def test_sales_come_newest_first_and_page_by_page(alice, aapl):
    buy(alice, aapl, "10", "100.00", at=minutes(0))
    sold = [
        execution_of(sell(alice, aapl, "1", "101.00", at=minutes(1 + number)))
        for number in range(3)
    ]

    first = shown(alice, "realized", page_size=2)
    [cursor] = parse_qs(urlsplit(first["next"]).query)["cursor"]
    second = shown(alice, "realized", page_size=2, cursor=cursor)

    assert [row["id"] for row in first["results"]] == [sold[2], sold[1]]
    assert [row["id"] for row in second["results"]] == [sold[0]]
    assert second["next"] is None


@pytest.mark.parametrize("path", ["lots", "realized"])
def test_one_instrument_can_be_asked_for(alice, aapl, path):
    for instrument in (aapl, make_instrument("MSFT")):
        buy(alice, instrument, "2", "100.00", at=NOW)
        sell(alice, instrument, "1", "101.00", at=minutes(1))

    assert [row["symbol"] for row in shown(alice, path, symbol="MSFT")["results"]] == ["MSFT"]
    assert len(shown(alice, path)["results"]) == 2
    by_id = shown(alice, path, symbol=str(aapl.pk))["results"]
    assert [row["symbol"] for row in by_id] == ["AAPL"]
    make_instrument("NVDA")
    assert shown(alice, path, symbol="NVDA")["results"] == []


@pytest.mark.parametrize("path", ["lots", "realized"])
@pytest.mark.parametrize("symbol", ["GONE", "01a22024-6f2b-707e-8ba9-a7b376fca8de"])
def test_an_instrument_that_there_is_not_is_refused(alice, aapl, path, symbol):
    response = get(alice, path, symbol=symbol)

    assert_problem(response, status=400, code="unknown_symbol", field="symbol")


@pytest.mark.parametrize("path", ["lots", "realized"])
def test_another_customers_lots_and_sales_do_not_show(alice, aapl, path):
    bob = make_customer("bob@example.com")
    buy(bob, aapl, "2", "100.00", at=NOW)
    sell(bob, aapl, "1", "101.00", at=minutes(1))

    assert shown(alice, path)["results"] == []
    assert len(shown(bob, path)["results"]) == 1


@pytest.mark.parametrize("path", ["lots", "realized"])
@pytest.mark.parametrize(
    ("parameter", "value"),
    [("lot_method", "best"), ("page_size", "0"), ("cursor", "%00"), ("symbol", "A" * 41)],
)
def test_a_bad_parameter_is_refused_and_named(alice, path, parameter, value):
    response = get(alice, path, **{parameter: value})

    assert_problem(response, status=400, code="invalid", field=parameter)


def test_an_order_filled_in_parts_has_a_lot_for_each_part(alice, aapl):
    set_quote(aapl, "99.99", "100.00", size="4")
    order = place(alice, "buy", "10", symbol="AAPL")

    rows = shown(alice, "lots")["results"]

    fills = Execution.objects.filter(order=order)
    assert len(rows) == fills.count() > 1
    assert sum(Decimal(row["cost_basis"]) for row in rows) * 100 == sum(
        fill.cents + fill.fee_cents for fill in fills
    )
