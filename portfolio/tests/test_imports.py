"""What a customer brings from elsewhere: as lots, as a flow in all returns, once and as a whole."""

import json
from datetime import timedelta
from decimal import Decimal
from functools import partial
from io import StringIO
from threading import BoundedSemaphore
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command

from authentication.tests.api_client import signed_in_client
from authentication.tests.problems import assert_problem
from banking.models import JournalEntry, LedgerAccount, OpeningLot, Posting, TransferIn
from banking.tests.parallel import at_once
from exchange.models import ActionKind, Execution, Order
from exchange.tests.market import (
    NOW,
    assert_books_are_right,
    make_bond,
    make_customer,
    make_instrument,
    place,
    set_quote,
)
from exchange.trading.intake.requests import NamedLot
from portfolio.imports import booking
from portfolio.models import FlowValue
from portfolio.tests import ofx
from portfolio.tests.accounts import (
    bring,
    buy,
    carry_out,
    column,
    deposit,
    open_account,
    reprice,
    sell,
    shown,
)

pytestmark = pytest.mark.django_db

URL = "/api/portfolio/imports/"
LOTS = """symbol,quantity,cost,acquired
AAPL,4,400.00,2025-06-02
AAPL,6,900.00,2024-05-06
USD,500,,
"""
LATER = NOW + timedelta(hours=3)


@pytest.fixture
def alice(aapl):
    """Nothing has ever been in her account; AAPL is at 190."""
    set_quote(aapl)
    return make_customer("alice@example.com", dollars="0")


def post(user, content, *, media_type="text/csv", at=NOW, **query):
    with time_machine.travel(at, tick=False):
        address = f"{URL}?{'&'.join(f'{name}={value}' for name, value in query.items())}"
        return signed_in_client(user).generic("POST", address, content, media_type)


def booked() -> list[Any]:
    """All that an import could move."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (TransferIn, OpeningLot, JournalEntry, Posting, FlowValue)
    ] + [list(LedgerAccount.objects.order_by("pk").values("owner", "asset", "available", "held"))]


def test_lots_keep_their_cost_and_day_and_the_account_gains_nothing_by_arriving(alice):
    answer = post(alice, LOTS)

    assert answer.status_code == 201, answer.content
    brought = answer.json()
    assert {name: value for name, value in brought.items() if name not in ("id", "lots")} == {
        "status": "booked",
        "file_format": "csv",
        "cash": "500.00",
        "market_value": "1900.00",
        "net_deposit": "2400.00",
        "cost_basis": "1300.00",
        "booked_at": "2026-03-02T15:00:00.000000Z",
    }
    assert [
        (lot["quantity"], lot["cost_basis"], lot["market_value"], lot["acquired_at"], lot["line"])
        for lot in brought["lots"]
    ] == [
        ("6", "900.00", "1140.00", "2024-05-06T04:00:00.000000Z", 3),
        ("4", "400.00", "760.00", "2025-06-02T04:00:00.000000Z", 2),
    ]
    lots = shown(alice, "lots")["results"]
    assert [(lot["quantity"], lot["cost_basis"], lot["term"]) for lot in lots] == [
        ("4", "400.00", "short"),
        ("6", "900.00", "long"),
    ]
    assert [lot["id"] for lot in lots] == [lot["id"] for lot in reversed(brought["lots"])]
    holdings = shown(alice, "holdings")
    assert holdings["results"][0]["unrealized_pnl"] == "600.00"
    totals = holdings["totals"]
    assert (totals["equity"], totals["cash"], totals["day_change"]) == ("2400.00", "500.00", "0.00")
    assert totals["day_net_deposits"] == "2400.00"
    performance = shown(alice, "performance", now=LATER, period="1d")
    assert (performance["net_deposits"], performance["gain"]) == ("2400.00", "0.00")
    assert not Execution.objects.exists()
    assert not Order.objects.exists()
    assert_books_are_right()


def test_the_statement_says_what_came_and_that_its_dollars_were_for_the_securities(alice):
    brought = post(alice, LOTS).json()

    with time_machine.travel(NOW, tick=False):
        lines = signed_in_client(alice).get("/api/banking/statement/").json()["results"]
    assert [(line["kind"], line["asset"], line["amount"]) for line in reversed(lines)] == [
        ("transfer_in", "USD", "2400.00"),
        ("delivery", "AAPL", "10"),
        ("delivery", "USD", "-1900.00"),
    ]
    assert lines[-1]["reference"] == brought["id"]


def test_the_flow_is_valued_before_anything_has_come(alice):
    deposit(alice, "70.00", at=NOW)

    bring(alice, "AAPL,10,1,2024-05-06", "USD,500", at=NOW)

    assert [value.equity_cents for value in FlowValue.objects.order_by("pk")] == [0, 7000]


@pytest.mark.parametrize("period", ["1d", "1m", "all"])
def test_the_return_is_that_of_someone_who_bought_the_same_for_a_deposit(aapl, period):
    """Whatever the lots cost elsewhere: the import is a flow at its value on arrival."""
    reprice(aapl, "190.00", at=NOW - timedelta(days=2))
    reprice(aapl, "190.00", at=NOW)
    alice = make_customer("alice@example.com", dollars="0")
    bob = open_account("bob@example.com", deposits="2400", at=NOW)
    bring(alice, "AAPL,10,1.00,2024-05-06", "USD,500", at=NOW)
    buy(bob, aapl, "10", "190.00", at=NOW)
    for hour, price in ((1, "171.00"), (5, "209.00")):
        reprice(aapl, price, at=NOW + timedelta(hours=hour))
    for user in (alice, bob):
        deposit(user, "1000.00", at=NOW + timedelta(hours=6))
    reprice(aapl, "230.00", at=NOW + timedelta(hours=30))

    mine, his = (
        shown(user, "performance", now=NOW + timedelta(hours=31), period=period)
        for user in (alice, bob)
    )

    assert column(mine, "equity") == column(his, "equity")
    for figure in ("gain", "time_weighted_return", "money_weighted_return", "max_drawdown"):
        assert mine[figure] == his[figure]
    if period == "all":
        assert mine["gain"] == "400.00"
        assert mine["time_weighted_return"] == "0.142293"  # 2590 / 2400 × 3800 / 3590 - 1


def test_sales_take_imported_lots_in_the_order_of_the_method_and_by_their_own_days(alice, aapl):
    bring(
        alice,
        "AAPL,1,100.00,2025-06-02",
        "AAPL,1,150.00,2024-05-06",
        "AAPL,1,120.00,2025-03-02",
        at=NOW,
    )
    deposit(alice, "1000.00", at=NOW)
    buy(alice, aapl, "1", "130.00", at=NOW + timedelta(minutes=1))
    sell(alice, aapl, "2", "200.00", at=NOW + timedelta(minutes=2))

    def parts(method):
        [sale] = shown(alice, "realized", now=LATER, lot_method=method)["results"]
        return [(part["cost_basis"], part["gain"], part["term"]) for part in sale["parts"]]

    # A year after 2 March 2025 ends with 2 March 2026, the day of the sale: short.
    assert parts("fifo") == [("150.00", "50.00", "long"), ("120.00", "80.00", "short")]
    assert parts("lifo") == [("130.00", "70.00", "short"), ("100.00", "100.00", "short")]
    assert parts("hifo") == [("150.00", "50.00", "long"), ("130.00", "70.00", "short")]
    assert parts("average") == [("125.00", "75.00", "long"), ("125.00", "75.00", "short")]
    assert_books_are_right()


def test_imported_lots_are_split_and_paid_dividends_as_any_others(alice, aapl):
    bring(alice, "AAPL,3,90.00,2024-05-06", "AAPL,1,50.00,2025-05-06", at=NOW)

    carry_out(aapl, ActionKind.SPLIT, at=NOW + timedelta(days=1), new_shares=2, old_shares=1)

    later = NOW + timedelta(days=2)
    assert [
        (lot["quantity"], lot["cost_basis"], lot["acquired_at"][:10])
        for lot in shown(alice, "lots", now=later)["results"]
    ] == [("2", "50.00", "2025-05-06"), ("6", "90.00", "2024-05-06")]
    assert shown(alice, "performance", now=later, period="all")["gain"] == "0.00"
    assert_books_are_right()


def test_coins_and_bonds_come_with_all_decimals_and_with_the_interest_that_has_accrued(alice):
    set_quote(make_instrument("BTC-USD", "crypto"), "60000.00", "60001.00")
    set_quote(make_bond(), "98.000", "98.010")

    content = (
        "symbol,quantity,price,fees,acquired\n"
        "BTC/USD,0.12345678,50000,1.50,2021-01-04\n"
        "ACME-2033,2000,97.5,0,2025-12-01\n"
    )
    brought = post(alice, content).json()

    bond, coin = brought["lots"]
    assert (coin["symbol"], coin["quantity"]) == ("BTC-USD", "0.12345678")
    assert coin["cost_basis"] == "6174.34"  # 6172.839, and the fee
    assert bond["cost_basis"] == "1950.00"  # 97.5 % of 2000
    assert Decimal(bond["market_value"]) > 1960
    totals = shown(alice, "holdings")["totals"]
    assert (totals["equity"], totals["day_change"]) == (brought["net_deposit"], "0.00")
    assert_books_are_right()


def test_a_history_leaves_its_open_lots_and_its_cash(alice):
    content = (
        "date,action,symbol,quantity,price,amount,fees,ratio\n"
        "2024-01-02,deposit,,,,5000,,\n"
        "2024-01-03,buy,AAPL,2,300,,1.00,\n"
        "2024-02-01,buy,AAPL,1,360,,,\n"
        "2024-03-01,split,AAPL,,,,,3:1\n"
        "2024-04-01,sell,AAPL,4,120,,0.50,\n"
        "2024-05-01,dividend,AAPL,,,3.21,,\n"
        "2024-05-02,reinvest,AAPL,0.01,,1.10,,\n"
        "2024-06-01,withdrawal,,,,-100,,\n"
        "2024-06-02,fee,,,,2,,\n"
    )
    brought = post(alice, content, lot_method="lifo").json()

    assert [
        (lot["quantity"], lot["cost_basis"], lot["acquired_at"][:10], lot["line"])
        for lot in brought["lots"]
    ] == [
        ("5", "500.83", "2024-01-03", 3),  # 6 shares for 601, less one for 100.17
        ("0.01", "1.10", "2024-05-02", 8),
    ]
    # 5000 - 601 - 360 + 479.50 + 3.21 - 100 - 2
    assert brought["cash"] == "4419.71"


def test_a_dry_run_shows_the_same_and_moves_nothing(alice):
    before = booked()

    shown_only = post(alice, LOTS, dry_run="true")

    assert shown_only.status_code == 200
    assert booked() == before
    found, made = shown_only.json(), post(alice, LOTS).json()
    assert (found["status"], found["id"], found["booked_at"]) == ("previewed", None, None)
    for each in (found, made):
        for name in ("status", "id", "booked_at"):
            each.pop(name)
        for lot in each["lots"]:
            lot.pop("id")
    assert found == made


def test_the_same_content_is_booked_once_however_it_is_written(alice):
    first = post(alice, LOTS).json()
    before = booked()
    again = (
        "\ufeffAcquired;Symbol;Quantity;Cost;Name\r\n"
        ";usd;500;;cash\r\n"
        "05/06/2024;aapl;6.000;$900;Apple\r\n"
        "06/02/2025;AAPL;4;400.0;Apple\r\n"
    )

    for answer in (
        post(alice, LOTS, at=LATER),
        post(alice, again, at=LATER, date_format="%25m/%25d/%25Y"),
        post(alice, LOTS, at=LATER, dry_run="true"),
    ):
        assert answer.status_code == 200, answer.content
        assert answer.json() == {**first, "status": "booked_before"}
    assert booked() == before


def test_the_same_content_is_answered_after_trades_and_at_other_prices(alice, aapl):
    first = post(alice, LOTS).json()
    sell(alice, aapl, "3", "2000000.00", at=LATER)
    before = booked()

    assert post(alice, LOTS, at=LATER).json() == {**first, "status": "booked_before"}
    assert booked() == before


def assert_refused(answer, before, *, status, code, says, field=""):
    assert_problem(answer, status=status, code=code, field=field)
    assert says in answer.json()["detail"]
    assert booked() == before


def test_an_account_takes_one_import(alice):
    post(alice, "symbol,quantity,cost,acquired\nUSD,500,,\n")
    before = booked()

    for dry_run in ("true", "false"):
        answer = post(alice, LOTS, dry_run=dry_run)
        assert_refused(answer, before, status=409, code="account_not_new", says="once")


def test_an_account_that_has_traded_takes_none(alice, aapl):
    deposit(alice, "1000.00", at=NOW)
    place(alice)
    sell(alice, aapl, "1", "190.00", at=NOW)
    before = booked()

    answer = post(alice, LOTS, at=LATER)

    assert_refused(answer, before, status=409, code="account_not_new", says="securities already")


def test_one_bad_line_books_nothing_and_all_of_them_are_named(alice):
    before = booked()
    content = f"{LOTS}GONE,1,1,2024-01-02\nAAPL,0.0000001,1,2024-01-02\nAAPL,-1,1,2024-01-02\n"

    answer = post(alice, content)

    assert_problem(answer, status=422, code="bad_import_file", field="file")
    # Cells are read before what they mean is looked up, so the last line is named first.
    assert "line 7: a quantity of -1 is a short position" in answer.json()["detail"]
    answer = post(alice, content.removesuffix("AAPL,-1,1,2024-01-02\n"))
    detail = answer.json()["detail"]
    assert "line 5: GONE is not listed here" in detail
    assert "line 6: a quantity of 0.0000001 is no multiple of 0.000001" in detail
    assert booked() == before


def test_symbols_of_the_file_can_be_named(alice):
    content = "symbol,quantity,cost,acquired\nAPPLE INC,1,1,2024-01-02\n"
    assert post(alice, content).status_code == 422
    answer = post(alice, content, symbols="Apple%20Inc%3DAAPL")
    assert [lot["symbol"] for lot in answer.json()["lots"]] == ["AAPL"]


def test_what_is_not_traded_any_more_or_has_no_price_is_refused(alice, aapl):
    make_instrument("NEW")
    before = booked()
    rows = "symbol,quantity,cost,acquired\nNEW,1,1,2024-01-02\n"
    assert_refused(post(alice, rows), before, status=409, code="no_price", says="NEW")
    aapl.tradable = False
    aapl.save()
    assert_refused(
        post(alice, LOTS),
        before,
        status=422,
        code="bad_import_file",
        field="file",
        says="lines 2 to 3: AAPL is not listed here",
    )


def test_more_than_the_broker_allows_is_refused(alice, settings):
    settings.PORTFOLIO_IMPORT_MAX_DOLLARS = 2_400
    before = booked()
    for rows, says in (("AAPL,11,1,2024-01-02\n", "worth"), ("AAPL,1,2400,2024-01-02\n", "cost")):
        answer = post(alice, f"{LOTS.splitlines()[0]}\n{rows}USD,400,,\n")
        assert_refused(answer, before, status=422, code="import_too_large", says=says)
    assert post(alice, LOTS).status_code == 201


def test_a_file_of_nothing_is_refused(alice):
    before = booked()
    answer = post(alice, "symbol,quantity,cost,acquired\nAAPL,0.000001,1,2024-01-02\n")
    assert_refused(answer, before, status=422, code="nothing_to_import", says="worth a cent")


def test_imports_by_customers_can_be_turned_off(alice, settings):
    settings.PORTFOLIO_IMPORTS = False
    before = booked()
    for dry_run in ("true", "false"):
        answer = post(alice, LOTS, dry_run=dry_run)
        assert_refused(answer, before, status=403, code="imports_off", says="import_portfolio")


def test_no_more_files_are_read_at_once_than_leave_threads_for_others(alice, monkeypatch):
    before = booked()
    monkeypatch.setattr(booking, "_places", places := BoundedSemaphore(1))
    with places:
        assert_refused(post(alice, LOTS), before, status=503, code="imports_busy", says="again")
    post(alice, "nothing")  # a refusal gives its place back, too
    assert [post(alice, LOTS).status_code for _ in range(2)] == [201, 200]


def test_a_large_body_and_one_of_another_type_are_refused(alice):
    before = booked()
    large = LOTS + " \n" * 2**20
    form = {"file": SimpleUploadedFile("a.csv", large.encode())}
    with time_machine.travel(NOW, tick=False):
        answer = signed_in_client(alice).post(URL, form, format="multipart")
    assert_refused(answer, before, status=413, code="import_file_too_large", says="1048576")
    assert_problem(post(alice, large), status=413, code="import_file_too_large")
    answer = post(alice, json.dumps({"symbol": "AAPL"}), media_type="application/json")
    assert_problem(answer, status=415, code="unsupported_media_type")
    assert booked() == before


def test_a_file_may_come_in_a_form(alice):
    form = {"file": SimpleUploadedFile("lots.csv", LOTS.encode())}
    with time_machine.travel(NOW, tick=False):
        client = signed_in_client(alice)
        answer = client.post(f"{URL}?dry_run=true", form, format="multipart")
        assert answer.json()["net_deposit"] == "2400.00"
        answer = client.post(URL, {"file": "AAPL"}, format="multipart")
    assert_problem(answer, status=400, code="invalid", field="file")


@pytest.mark.parametrize("value", ["%25Y%25Y", "%25A", "%25d " * 9, "%25", "d"])
def test_a_format_of_dates_that_is_none_is_refused(alice, value):
    answer = post(alice, LOTS, date_format=value.replace(" ", "%20"))
    assert_problem(answer, status=400, code="invalid", field="date_format")


@pytest.mark.parametrize("value", ["A", "A=", "=A", "A=B,A=C"])
def test_symbols_that_name_nothing_are_refused(alice, value):
    answer = post(alice, LOTS, symbols=value.replace("=", "%3D"))
    assert_problem(answer, status=400, code="invalid", field="symbols")


def test_nobody_imports_without_a_token(client):
    answer = client.post(URL, LOTS, content_type="text/csv")
    assert_problem(answer, status=401, code="not_authenticated")


@pytest.mark.django_db(transaction=True)
def test_of_two_imports_at_once_one_is_booked():
    set_quote(make_instrument("AAPL"))
    alice = make_customer("alice@example.com", dollars="0")
    rows = ("AAPL,1,100.00,2024-05-06", "USD,500")

    found = at_once([partial(bring, alice, *rows, at=NOW) for _ in range(4)])

    assert sorted(each.status.value for each in found) == ["booked", *["booked_before"] * 3]
    assert {each.id for each in found} == {TransferIn.objects.get().pk}
    assert_books_are_right()


def test_stored_lots_and_sums_of_an_import_are_checked_and_made_anew(alice):
    post(alice, LOTS)
    shown(alice, "holdings")
    for options in ({}, {"check": True}):
        out = StringIO()
        call_command("rebuild_portfolio", stdout=out, **options)
        assert "1 customers" in out.getvalue()
    assert len(shown(alice, "lots")["results"]) == 2


@pytest.mark.parametrize(
    ("content", "media_type", "file_format"),
    [
        (ofx.sgml(ofx.bought(1, "20240506", "6", "-900.00")), "application/x-ofx", "ofx"),
        (ofx.xml(ofx.bought(1, "20240506", "6", "-900.00")), "application/octet-stream", "ofx"),
        (
            b"2024-05-06 *\n  Assets:Broker 6 AAPL {150 USD}\n  Assets:Cash 500 USD\n"
            b"  Equity:Opening\n",
            "text/x-beancount",
            "beancount",
        ),
    ],
)
def test_other_formats_book_the_same_content(alice, content, media_type, file_format):
    answer = post(alice, content, media_type=media_type)
    assert answer.status_code == 201, answer.content
    assert answer.json()["file_format"] == file_format
    same = "symbol,quantity,cost,acquired\nUSD,500,,\nAAPL,6,900,2024-05-06\n"
    again = post(alice, same).json()
    assert again == {**answer.json(), "status": "booked_before"}
    assert_books_are_right()


def test_an_imported_lot_can_be_named_by_a_sale(alice, aapl):
    brought = bring(alice, "AAPL,1,100.00,2025-06-02", "AAPL,1,150.00,2024-05-06", at=NOW)
    newest = brought.lots[-1].id
    assert newest is not None
    reprice(aapl, "190.00", at=NOW + timedelta(minutes=1))

    place(
        alice,
        "sell",
        "1",
        now=NOW + timedelta(minutes=1),
        lots=(NamedLot(id=newest, quantity=Decimal(1)),),
    )

    [sale] = shown(alice, "realized", now=LATER)["results"]
    assert [(part["lot_id"], part["cost_basis"]) for part in sale["parts"]] == [
        (str(newest), "100.00")
    ]
