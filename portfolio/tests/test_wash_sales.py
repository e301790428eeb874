"""The report of wash sales, as the API shows it."""

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine

from authentication.tests.api_client import signed_in_client
from authentication.tests.problems import assert_problem
from exchange.models import ActionKind
from exchange.tests.market import (
    NOW,
    advance,
    give,
    make_bond,
    make_customer,
    make_instrument,
    place,
    tick,
)
from portfolio import kept_lots
from portfolio.api import tax_documents
from portfolio.tests.accounts import buy, carry_out, get, reprice, sell, shown, text
from portfolio.tests.random_trader import Account
from portfolio.tests.test_kept_lots import pages

pytestmark = pytest.mark.django_db

NOTHING = {
    "sales": 0,
    "disallowed_loss": "0.00",
    "short_term_disallowed_loss": "0.00",
    "long_term_disallowed_loss": "0.00",
}


def days(count):
    return NOW + timedelta(days=count)


def execution_of(order):
    return str(order.executions.get().pk)


def washed(user, **query):
    """(sale, disallowed) of the report of a year."""
    rows = shown(user, "wash-sales", **{"year": 2026, **query})["results"]
    return [(row["id"], row["disallowed_loss"]) for row in rows]


def test_a_loss_is_disallowed_as_far_as_shares_were_bought_again(alice, aapl):
    first = buy(alice, aapl, "10", "190.00", at=NOW)
    sale = sell(alice, aapl, "4", "170.00", at=days(1))
    again = buy(alice, aapl, "3", "171.00", at=days(8))

    assert shown(alice, "wash-sales", now=days(9)) == {
        "year": 2026,
        "lot_method": "fifo",
        "results": [
            {
                "symbol": "AAPL",
                "name": "Apple Inc.",
                "asset_class": "stock",
                "id": execution_of(sale),
                "sold_at": text(days(1)),
                "disallowed_loss": "60.00",
                "parts": [
                    {
                        "lot_id": execution_of(first),
                        "acquired_at": text(NOW),
                        "held_since": "2026-03-02",
                        "quantity": "4",
                        "proceeds": "680.00",
                        "cost_basis": "760.00",
                        "carried_loss": "0.00",
                        "loss": "80.00",
                        "washed_quantity": "3",
                        "disallowed_loss": "60.00",
                        "replacements": [
                            {
                                "lot_id": execution_of(again),
                                "acquired_at": text(days(8)),
                                "quantity": "3",
                                "cost_basis": "513.00",
                                "disallowed_loss": "60.00",
                                "adjusted_cost_basis": "573.00",
                                "held_since": "2026-03-09",
                            }
                        ],
                    }
                ],
            }
        ],
        "totals": {**NOTHING, "sales": 1, "disallowed_loss": "60.00"}
        | {"short_term_disallowed_loss": "60.00"},
    }


def test_the_gain_in_realized_stays_as_it_is(alice, aapl):
    buy(alice, aapl, "10", "190.00", at=NOW)
    sell(alice, aapl, "4", "170.00", at=days(1))
    before = shown(alice, "realized", now=days(9))

    buy(alice, aapl, "3", "171.00", at=days(8))

    assert shown(alice, "realized", now=days(9)) == before
    assert before["results"][0]["gain"] == "-80.00"
    assert len(washed(alice)) == 1


def test_a_loss_of_december_is_disallowed_by_a_purchase_in_january(alice, aapl):
    year_end = datetime(2026, 12, 31, 17, 0, tzinfo=UTC)
    buy(alice, aapl, "1", "190.00", at=NOW)
    sale = sell(alice, aapl, "1", "170.00", at=year_end)
    buy(alice, aapl, "1", "171.00", at=year_end + timedelta(days=30))
    late = year_end + timedelta(days=60)
    next_sale = sell(alice, aapl, "1", "100.00", at=late)
    buy(alice, aapl, "1", "101.00", at=late)

    assert washed(alice, now=late) == [(execution_of(sale), "20.00")]
    assert washed(alice, now=late, year=2027) == [(execution_of(next_sale), "91.00")]
    assert washed(alice, now=late, year=2025) == []
    assert shown(alice, "wash-sales", now=late)["year"] == 2027


def test_a_year_begins_at_midnight_in_new_york(alice, aapl):
    eve = datetime(2027, 1, 1, 4, 30, tzinfo=UTC)  # 23:30 on New Year's Eve
    buy(alice, aapl, "1", "190.00", at=NOW)
    sale = sell(alice, aapl, "1", "170.00", at=eve)
    buy(alice, aapl, "1", "171.00", at=eve)

    assert washed(alice, now=days(365)) == [(execution_of(sale), "20.00")]
    assert washed(alice, now=days(365), year=2027) == []
    assert shown(alice, "wash-sales", now=eve)["year"] == 2026


def test_lots_are_those_of_the_method(alice, aapl):
    buy(alice, aapl, "1", "100.00", at=NOW)
    buy(alice, aapl, "1", "200.00", at=days(1))
    sale = sell(alice, aapl, "1", "150.00", at=days(2))

    assert washed(alice) == []  # the oldest has gained
    assert washed(alice, lot_method="hifo") == [(execution_of(sale), "50.00")]


def test_coins_are_not_covered_and_bonds_are(alice):
    coin, bond = make_instrument("BTC-USD", "crypto"), make_bond()
    for instrument, quantity in ((coin, "1"), (bond, "1000")):
        buy(alice, instrument, quantity, "100.00", at=NOW)
        sell(alice, instrument, quantity, "50.00", at=days(1))
        buy(alice, instrument, quantity, "50.00", at=days(2))

    assert [row["symbol"] for row in shown(alice, "wash-sales", year=2026)["results"]] == [
        "ACME-2033"
    ]


def test_a_redemption_at_a_loss_is_replaced_by_nothing(alice):
    bond = make_bond()
    buy(alice, bond, "1000", "110.00", at=NOW)
    buy(alice, bond, "1000", "110.00", at=days(1))
    carry_out(bond, ActionKind.REDEMPTION, at=days(2), amount=Decimal(100))

    assert washed(alice, now=days(3)) == []


def test_a_split_between_the_sale_and_the_purchase_while_nothing_is_held(alice, aapl):
    buy(alice, aapl, "2", "100.00", at=NOW)
    sale = sell(alice, aapl, "2", "80.00", at=days(1))
    carry_out(aapl, ActionKind.SPLIT, at=days(2), new_shares=2, old_shares=1)
    buy(alice, aapl, "3", "41.00", at=days(3))

    document = shown(alice, "wash-sales", year=2026)

    [row] = document["results"]
    assert (row["id"], row["disallowed_loss"]) == (execution_of(sale), "30.00")
    [part] = row["parts"]
    assert part["washed_quantity"] == "1.5"
    assert part["replacements"][0]["quantity"] == "3"


def test_fills_of_one_order_are_one_purchase(alice, aapl):
    reprice(aapl, "99.99", at=NOW)
    place(alice, "buy", "4", limit="90.00", now=NOW)
    for minute in (1, 2):  # each time half of it is offered at its limit
        advance(tick("AAPL", "89.98", "89.99", size="2"), at=NOW + timedelta(minutes=minute))
    assert len(shown(alice, "lots")["results"]) > 1

    sell(alice, aapl, "1", "50.00", at=days(1))

    assert washed(alice) == []


def test_an_instrument_whose_trades_are_not_all_known_has_no_wash_sales(alice, aapl):
    buy(alice, aapl, "1", "100.00", at=NOW)
    sell(alice, aapl, "1", "50.00", at=days(1))
    buy(alice, aapl, "1", "50.00", at=days(2))
    give(alice, aapl.asset, "5")
    assert len(washed(alice)) == 1

    sell(alice, aapl, "6", "50.00", at=days(3))

    assert washed(alice) == []
    assert shown(alice, "realized")["results"] == []


def test_another_customers_wash_sales_do_not_show(alice, aapl):
    bob = make_customer("bob@example.com")
    buy(bob, aapl, "1", "100.00", at=NOW)
    sell(bob, aapl, "1", "50.00", at=days(1))
    buy(alice, aapl, "1", "50.00", at=days(2))
    assert washed(alice) == washed(bob) == []
    assert shown(alice, "wash-sales", year=2026)["totals"] == NOTHING


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("year", "1969"), ("year", "26e2"), ("year", "9999"), ("lot_method", "best")],
)
def test_a_bad_parameter_is_refused_and_named(alice, parameter, value):
    response = get(alice, "wash-sales", **{parameter: value})

    assert_problem(response, status=400, code="invalid", field=parameter)


def test_a_long_report_is_sent_while_it_is_made(alice, aapl, monkeypatch):
    for day in range(3):
        buy(alice, aapl, "1", "100.00", at=days(3 * day))
        sell(alice, aapl, "1", "90.00", at=days(3 * day + 1))
    short = shown(alice, "wash-sales", year=2026)
    monkeypatch.setattr(tax_documents, "ROWS_AT_ONCE", 1)

    with time_machine.travel(days(9), tick=False):
        long = signed_in_client(alice).get("/api/portfolio/wash-sales/?year=2026")

    assert len(short["results"]) == 2
    chunks: list[bytes] = list(long.streaming_content)  # type: ignore[attr-defined]
    assert len(chunks) == 2
    assert json.loads(b"".join(chunks)) == short


@pytest.mark.parametrize("seed", range(2))
def test_at_random_what_is_disallowed_is_carried_or_was_lost(seed, monkeypatch):
    """The same sales, units and figures as in realized/, and no loss disallowed that was none."""
    account = Account(seed)
    for number in range(40):
        if number % 10 == 9:
            account.at += timedelta(days=9)
        account.step()
    sold: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in pages(account.user, "realized", now=account.at, page_size=200):
        for part in row["parts"]:
            sold[row["id"], part["lot_id"]] += Decimal(part["quantity"])

    found = shown(account.user, "wash-sales", now=account.at, year=2026)

    total = Decimal(0)
    for row in found["results"]:
        assert row["asset_class"] != "crypto"
        for part in row["parts"]:
            assert Decimal(part["quantity"]) <= sold[row["id"], part["lot_id"]]
            assert Decimal(part["disallowed_loss"]) <= Decimal(part["loss"])
            total += Decimal(part["disallowed_loss"])
    assert total == Decimal(found["totals"]["disallowed_loss"]) > 0
    monkeypatch.setattr(kept_lots, "STORED_AT_ONCE", 7)  # many pieces, instead of one
    assert shown(account.user, "wash-sales", now=account.at, year=2026) == found
