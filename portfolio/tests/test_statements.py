"""Account statements of months and years: a worked example, periods, refusals and files."""

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pypdf import PdfReader

from authentication.tests.api_client import signed_in_client
from authentication.tests.problems import assert_problem
from banking import corrections
from exchange.corporate import reversals
from exchange.corporate.rules import terms
from exchange.models import ActionKind, Candle, CorporateAction
from exchange.tests.market import give, make_bond, make_instrument
from portfolio import account_statements, past_positions, statement_lines
from portfolio.api import statement_examples
from portfolio.api.statement_serializers import StatementPeriodSerializer, StatementSerializer
from portfolio.tests.accounts import (
    bring,
    buy,
    carry_out,
    closes,
    deposit,
    get,
    open_account,
    reprice,
    sell,
    shown,
)
from portfolio.tests.statements import APRIL, DAY, LATER, MAY, OPENED, ROOM, SECOND, file, statement

pytestmark = pytest.mark.django_db


def without_ids(document: Any) -> Any:
    if isinstance(document, list):
        return [without_ids(each) for each in document]
    if not isinstance(document, dict):
        return document
    ids = ("lot_id",) if "type" not in document or "sold_at" in document else ()
    hidden = {*ids, *(("id",) if "start" not in document else ())}
    return {name: without_ids(each) for name, each in document.items() if name not in hidden}


def test_the_worked_example(ada):
    april = statement(ada, "2026-04")

    assert without_ids(april) == without_ids(statement_examples.STATEMENT.value)
    [sale], [gain] = april["trades"], april["realized"]
    [purchase] = statement(ada, "2026-03")["trades"]
    assert (gain["id"], gain["lot_id"]) == (sale["id"], purchase["id"])


def test_the_document_has_the_fields_of_the_schema(ada):
    document = statement(ada, "2026")
    document["corporate_actions"] = [
        {
            "id": "",
            "carried_out_at": "",
            "symbol": "",
            "type": "",
            "quantity_before": "",
            "quantity_after": "",
            "amount": "",
        }
    ]
    document["deliveries"] = [
        {
            "id": "",
            "delivered_at": "",
            "symbol": "",
            "quantity": "",
            "acquired_at": "",
            "cost_basis": "",
            "market_value": "",
        }
    ]
    assert_shaped(document, StatementSerializer())
    [row, *_] = shown(ada, "statements", now=LATER)["results"]
    assert_shaped(row, StatementPeriodSerializer())


def assert_shaped(document, serializer):
    assert {*document} == {*serializer.fields}
    for name, field in serializer.fields.items():
        child = getattr(field, "child", field)
        if hasattr(child, "fields"):
            parts = document[name] if isinstance(document[name], list) else [document[name]]
            assert parts, name
            for part in parts:
                assert [*part] == [*child.fields]


# Periods ----------------------------------------------------------------------------------------


def test_the_list_has_the_months_and_years_since_the_account_was_opened(ada):
    rows = shown(ada, "statements", now=LATER)["results"]

    assert [(row["id"], row["type"], row["preliminary"]) for row in rows] == [
        ("2026", "year", True),
        ("2026-05", "month", True),
        ("2026-04", "month", False),
        ("2026-03", "month", False),
    ]
    assert rows[2] == statement_examples.PERIOD.value
    after = shown(ada, "statements", now=datetime(2027, 1, 1, 7, tzinfo=UTC))["results"]
    assert [row["id"] for row in after[:4]] == ["2027", "2027-01", "2026", "2026-12"]
    assert [row["preliminary"] for row in after[:4]] == [True, True, False, False]


def test_the_list_is_paged_as_others_are(ada):
    with time_machine.travel(LATER + 900 * DAY, tick=False):
        client = signed_in_client(ada)
        page = client.get(f"{ROOM}/", {"page_size": "7"}).json()
        ids, pages = [row["id"] for row in page["results"]], 1
        while page["next"]:
            page = client.get(page["next"]).json()
            ids += [row["id"] for row in page["results"]]
            pages += 1
        back = client.get(page["previous"]).json()
        whole = client.get(f"{ROOM}/", {"page_size": "200"}).json()["results"]
    assert ids == [row["id"] for row in whole]
    assert pages == 5
    assert [row["id"] for row in back["results"]] == ids[-len(page["results"]) - 7 :][:7]


def test_without_an_account_there_are_no_statements(alice, django_user_model):
    nobody = django_user_model.objects.create_user("new@example.com", "a long enough pass-phrase")

    assert shown(nobody, "statements")["results"] == []
    assert_problem(get(nobody, "statements/2026-03"), status=404, code="before_account_opened")


@pytest.mark.parametrize(
    ("period", "code"),
    [
        ("2026-02", "before_account_opened"),
        ("2025", "before_account_opened"),
        ("2026-06", "period_not_begun"),
        ("2027", "period_not_begun"),
        ("2026-13", "unknown_period"),
        ("2026-00", "unknown_period"),
        ("2026-4", "unknown_period"),
        ("2026-04-01", "unknown_period"),
        ("0000", "unknown_period"),
        ("9999", "unknown_period"),
        ("9999-12", "unknown_period"),
        ("٢٠٢٦", "unknown_period"),
        ("2026-04%0A", "unknown_period"),
        ("\x00", "unknown_period"),
        ("last", "unknown_period"),
    ],
)
def test_a_period_that_there_is_not_is_refused(ada, period, code):
    with time_machine.travel(LATER, tick=False):
        answer = signed_in_client(ada).get(f"{ROOM}/{period}/")
    assert_problem(answer, status=404, code=code)


def test_nobody_sees_the_statement_of_another(ada):
    bob = open_account("bob@example.com", deposits="7", at=OPENED)

    document = statement(bob, "2026-04")

    assert document["account"] == {"holder": "", "email": "bob@example.com"}
    assert document["equity"]["closing"] == "7.00"
    assert document["trades"] == document["holdings"] == []


# What is in it ----------------------------------------------------------------------------------


def test_a_period_has_what_is_booked_after_its_first_midnight_and_at_its_last(ada):
    for seconds, dollars in ((-1, "1"), (0, "20"), (1, "300")):
        deposit(ada, dollars, at=MAY + seconds * SECOND)

    april, may = statement(ada, "2026-04"), statement(ada, "2026-05")

    assert april["cash"]["deposits"] == "21.00"
    assert may["cash"]["deposits"] == "300.00"
    assert may["equity"]["opening"] == april["equity"]["closing"]


def test_a_sale_at_midnight_is_of_the_period_that_ends(ada, aapl):
    sell(ada, aapl, "2", "200.00", at=MAY)

    april, may = statement(ada, "2026-04"), statement(ada, "2026-05")

    assert [row["quantity"] for row in april["trades"]] == ["4", "2"]
    assert [row["gain"] for row in april["realized"]] == ["20.00", "20.00"]
    assert may["trades"] == may["realized"] == []
    assert april["holdings"][0]["cost_basis"] == may["holdings"][0]["cost_basis"] == "760.00"
    assert april["equity"]["other"] == may["equity"]["other"] == "0.00"


def test_a_statement_is_final_when_the_day_is_over_in_new_york(ada):
    assert statement(ada, "2026-04", now=MAY + timedelta(hours=5, minutes=59))["preliminary"]
    assert not statement(ada, "2026-04", now=MAY + timedelta(hours=6))["preliminary"]


def test_a_period_that_runs_is_valued_at_quotes(ada, aapl):
    reprice(aapl, "210.00", at=LATER)

    may = statement(ada, "2026-05")

    [row] = may["holdings"]
    assert (may["preliminary"], may["as_of"]) == (True, "2026-05-03T09:00:00.000000Z")
    assert (row["price"], row["market_value"]) == ("210.00", "1260.00")
    assert may["equity"]["unrealized_gains"] == "60.00"


def test_a_later_split_changes_no_statement_of_the_past(ada, aapl):
    before = [statement(ada, period) for period in ("2026-03", "2026-04")]

    for day, (new, old) in enumerate([(7, 3), (1, 30), (3, 1)]):
        carry_out(aapl, ActionKind.SPLIT, at=LATER + day * DAY, new_shares=new, old_shares=old)

    later = LATER + 5 * DAY
    assert [statement(ada, each, now=later) for each in ("2026-03", "2026-04")] == before
    may = statement(ada, "2026-05", now=later)
    assert [
        (row["quantity_before"], row["quantity_after"]) for row in may["corporate_actions"]
    ] == [
        ("6", "14"),
        ("14", "0.466666"),
        ("0.466666", "1.399998"),
    ]
    assert may["holdings"][0]["quantity"] == "1.399998"
    assert may["holdings"][0]["cost_basis"] == "1140.00"
    year = statement(ada, "2026", now=later)
    assert [row["quantity"] for row in year["trades"]] == ["10", "4"]  # as they were traded
    assert year["equity"]["other"] == "0.00"


def test_what_is_taken_back_later_is_in_the_later_statement(ada, admin_user):
    before = statement(ada, "2026-04")
    paid = CorporateAction.objects.get(kind="dividend")

    reversals.reverse(paid.pk, by=admin_user, now=LATER)

    assert statement(ada, "2026-04") == before
    may = statement(ada, "2026-05")
    assert [(row["type"], row["amount"]) for row in may["income"]] == [("reversal", "-1.50")]
    assert may["equity"]["income"] == may["cash"]["reversals"] == "-1.50"


def test_a_deposit_that_the_bank_takes_back_is_shown_as_such(ada):
    deposit(ada, "-50", at=LATER)

    may = statement(ada, "2026-05")

    assert [(row["type"], row["amount"]) for row in may["transfers"]] == [
        ("deposit_return", "-50.00")
    ]
    assert may["cash"]["returned_deposits"] == may["equity"]["net_deposits"] == "-50.00"


def test_what_the_house_puts_right_is_money_from_outside_and_no_gain(ada, admin_user):
    for amount in ("30.00", "-10.00"):
        corrections.adjust(
            owner=ada, amount=Decimal(amount), by=admin_user, reason="A fee too many", now=LATER
        )

    may = statement(ada, "2026-05")

    assert [(row["type"], row["amount"]) for row in may["transfers"]] == [
        ("adjustment", "30.00"),
        ("adjustment", "-10.00"),
    ]
    assert may["cash"]["adjustments"] == may["equity"]["net_deposits"] == "20.00"
    assert may["cash"]["other"] == may["equity"]["other"] == "0.00"


def test_fees_and_accrued_interest_are_in_the_amounts(ada):
    coin, bond = make_instrument("BTC-USD", "crypto"), make_bond()
    buy(ada, coin, "2", "100.00", at=LATER)
    buy(ada, bond, "1000", "99.000", at=LATER)

    may = statement(ada, "2026-05", now=LATER + SECOND)

    bought, lent = may["trades"]
    fee = Decimal(bought["fee"])
    assert fee > 0
    assert Decimal(bought["amount"]) == -200 - fee
    assert may["fees"] == bought["fee"]
    interest = Decimal(lent["accrued_interest"])
    assert interest > 0
    assert Decimal(lent["amount"]) == -990 - interest
    held = {row["symbol"]: row for row in may["holdings"]}
    assert Decimal(held["BTC-USD"]["cost_basis"]) == 200 + fee
    # It is valued at the bid, a cent for each 100 below what was paid.
    assert Decimal(held[bond.symbol]["market_value"]) == Decimal("989.90") + interest
    assert may["equity"]["other"] == "0.00"


def test_what_came_from_another_broker_had_gained_before(django_user_model, aapl):
    bob = django_user_model.objects.create_user("bob@example.com", "a long enough pass-phrase")
    reprice(aapl, "190.00", at=OPENED)
    bring(bob, "USD,100", "AAPL,10,1500.00,2024-01-15", at=OPENED)
    closes(aapl, ["198.00"], first=datetime(2026, 3, 31, tzinfo=UTC))
    sell(bob, aapl, "10", "195.00", at=APRIL)

    march, april = statement(bob, "2026-03"), statement(bob, "2026-04")

    assert march["equity"] == {
        "opening": "0.00",
        "net_deposits": "2000.00",  # 100 in cash, and 10 at 190.00
        "income": "0.00",
        "realized_gains": "0.00",
        "unrealized_gains": "80.00",
        "fees": "0.00",
        "other": "0.00",
        "closing": "2080.00",
    }
    assert (march["cash"]["transfers_in"], march["cash"]["deliveries"]) == ("2000.00", "-1900.00")
    [lot] = march["deliveries"]
    assert (lot["quantity"], lot["cost_basis"], lot["market_value"]) == ("10", "1500.00", "1900.00")
    assert march["holdings"][0]["unrealized_pnl"] == "480.00"
    [gain] = april["realized"]
    assert (gain["lot_id"], gain["gain"], gain["term"]) == (lot["id"], "450.00", "long")
    assert april["equity"]["unrealized_gains"] == "-480.00"
    assert april["equity"]["closing"] == april["cash"]["closing"] == "2050.00"
    [page] = PdfReader(io.BytesIO(file(bob, "2026-03", "pdf").content)).pages
    assert "2026-03-02 15:00 AAPL 2024-01-15 10 1,500.00 1,900.00" in page.extract_text()


def test_positions_without_a_trade_have_no_cost_and_are_named_as_such(ada):
    other = make_instrument("GIFT")
    reprice(other, "10.00", at=OPENED)
    give(ada, other.asset, "3")

    march = statement(ada, "2026-03")

    gift = march["holdings"][1]
    assert (gift["market_value"], gift["cost_basis"], gift["unrealized_pnl"]) == (
        "30.00",
        None,
        None,
    )
    assert march["equity"]["other"] == "30.00"
    assert march["cash"]["other"] == "0.00"


def test_a_price_that_was_never_known_counts_as_nothing(ada):
    give(ada, make_instrument("GIFT").asset, "3")

    march = statement(ada, "2026-03")

    gift = march["holdings"][1]
    assert (gift["price"], gift["market_value"]) == (None, None)
    assert march["equity"]["closing"] == "10080.00"


def test_an_order_that_is_filled_between_two_reads_is_in_all_figures(ada, aapl, monkeypatch):
    executed = statement_lines.executed
    begun: list[object] = []

    def overtaken(**times):
        if not begun:
            begun.append(buy(ada, aapl, "1", "201.00", at=LATER))
        return executed(**times)

    monkeypatch.setattr(statement_lines, "executed", overtaken)
    may = statement(ada, "2026-05")

    assert len(may["trades"]) == 1
    assert may["cash"]["other"] == may["equity"]["other"] == "0.00"
    assert may["holdings"][0]["quantity"] == "7"


def test_any_number_of_trades_is_read_by_as_many_statements(ada, aapl):
    def count(name):
        with CaptureQueriesContext(connection) as queries:
            account_statements.statement(owner=ada, name=name, now=LATER + DAY)
        return len(queries)

    buy(ada, aapl, "1", "201.00", at=LATER)
    of_one = count("2026-05")
    for minute in range(1, 9):
        buy(ada, aapl, "1", "201.00", at=LATER + timedelta(minutes=minute))

    assert count("2026-05") == of_one


# Prices of the past -----------------------------------------------------------------------------

GRID = Decimal("0.01")
NOON = datetime(2026, 4, 10, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 4, 11, tzinfo=UTC)


def restated(price: str, *ratios: Fraction) -> Decimal:
    """What splits have made of a close in the table of candles."""
    close = Decimal(price)
    for ratio in ratios:
        close = terms.price_after_split(close, ratio)
    return close


@pytest.mark.parametrize(
    "ratios", [[Fraction(30)], [Fraction(1, 30), Fraction(7, 3)], [Fraction(3)] * 4]
)
def test_a_close_is_found_again_however_it_was_restated(ratios):
    carried_out = [(MAY + day * DAY, each) for day, each in enumerate(ratios, start=1)]

    found = past_positions.close_at(MAY, restated("104.37", *ratios), MIDNIGHT, GRID, carried_out)

    assert found == Decimal("104.37")


def test_a_close_before_a_split_of_its_day_is_found_again_too():
    """It is off the grid already, so that a later split could change its last digit."""
    first, second = (NOON, Fraction(7, 3)), (MAY + DAY, Fraction(3, 7))
    alone = past_positions.close_at(MAY, restated("104.37", first[1]), MIDNIGHT, GRID, [first])

    both = past_positions.close_at(
        MAY, restated("104.37", first[1], second[1]), MIDNIGHT, GRID, [first, second]
    )

    assert both == alone == Decimal("44.73")  # 104.37 x 3 / 7


def test_what_the_owner_paid_counts_in_shares_of_the_end_where_there_is_no_close(aapl):
    bob = open_account("bob@example.com", deposits="10000", at=OPENED)
    buy(bob, aapl, "10", "190.00", at=OPENED + DAY)
    Candle.objects.all().delete()
    carry_out(aapl, ActionKind.SPLIT, at=OPENED + 2 * DAY, new_shares=2, old_shares=1)

    [held] = statement(bob, "2026-03")["holdings"]

    assert (held["quantity"], held["price"], held["market_value"]) == ("20", "95.00", "1900.00")
