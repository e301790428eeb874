"""The sales of a year in the columns of Form 8949."""

import csv
import io
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine

from authentication.tests.api_client import signed_in_client
from authentication.tests.problems import assert_problem
from exchange.models import ActionKind
from exchange.tests.market import NOW, make_bond, make_customer, make_instrument
from portfolio.api import tax_documents
from portfolio.rules import form_8949
from portfolio.rules.wash_sales import AdjustedSale, SoldPart
from portfolio.tests.accounts import buy, carry_out, get, sell, shown
from portfolio.tests.random_trader import Account
from portfolio.tests.test_kept_lots import pages

pytestmark = pytest.mark.django_db

NEXT_YEAR = datetime(2027, 3, 3, 15, 0, tzinfo=UTC)  # a year and a day after NOW
HEADING = (
    "part,box,description,date_acquired,date_sold,proceeds,cost_basis,code,adjustment,gain\r\n"
)


def days(count):
    return NOW + timedelta(days=count)


def lines(user, *names, **query):
    return [
        tuple(row[name] for name in names)
        for row in shown(user, "form-8949", **{"year": 2026, **query})["results"]
    ]


@pytest.fixture
def washed(alice, aapl):
    """The account of docs/taxes.md: 3 of 4 shares that were sold at a loss are replaced."""
    first = buy(alice, aapl, "10", "190.00", at=NOW)
    sale = sell(alice, aapl, "4", "170.00", at=days(1))
    again = buy(alice, aapl, "3", "171.00", at=days(8))
    return [str(order.executions.get().pk) for order in (first, sale, again)]


def test_a_washed_loss_is_an_adjustment_with_code_w(alice, washed):
    first, sale, _ = washed
    sums = {"part": "I", "box": "C", "proceeds": "680.00", "cost_basis": "760.00"} | {
        "adjustment": "60.00",
        "gain": "-20.00",
    }

    assert shown(alice, "form-8949", now=days(9)) == {
        "year": 2026,
        "lot_method": "fifo",
        "results": [
            {
                **sums,
                "description": "4 sh. AAPL",
                "date_acquired": "2026-03-02",
                "date_sold": "2026-03-03",
                "code": "W",
                "symbol": "AAPL",
                "quantity": "4",
                "sale_id": sale,
                "lot_id": first,
            }
        ],
        "totals": [sums],
    }


def test_as_a_file_it_has_dates_as_the_form_and_no_sums(alice, aapl, washed):
    sell(alice, aapl, "1", "200.00", at=days(9))

    answer = get(alice, "form-8949", now=days(9), format="csv")

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="form-8949-2026.csv"'
    assert answer.content.decode() == (
        HEADING + "I,C,4 sh. AAPL,03/02/2026,03/03/2026,680.00,760.00,W,60.00,-20.00\r\n"
        "I,C,1 sh. AAPL,03/02/2026,03/11/2026,200.00,190.00,,,10.00\r\n"
    )
    assert get(alice, "form-8949", year=2025, format="csv").content.decode() == HEADING


def test_a_later_sale_has_the_carried_loss_in_its_basis_and_the_earlier_date(alice, aapl, washed):
    sell(alice, aapl, "9", "200.00", at=days(100))

    names = ("description", "date_acquired", "cost_basis", "code", "gain")
    assert lines(alice, *names, now=days(101))[1:] == [
        ("6 sh. AAPL", "2026-03-02", "1140.00", "", "60.00"),
        ("3 sh. AAPL", "2026-03-09", "573.00", "", "27.00"),
    ]


def test_the_shares_of_one_lot_with_and_without_a_loss_are_lines_of_their_own(alice, aapl, washed):
    buy(alice, aapl, "1", "171.00", at=days(9))  # the fourth share, and
    buy(alice, aapl, "2", "171.00", at=days(9))  # two more
    sell(alice, aapl, "10", "172.00", at=days(100))

    found = lines(alice, "quantity", "date_acquired", lot_method="lifo", now=days(101))

    assert ("1", "2026-03-10") in found  # with the loss that it carries, a day longer
    assert ("2", "2026-03-11") in found


def test_short_and_long_term_are_parts_one_and_two(alice, aapl):
    buy(alice, aapl, "1", "100.00", at=NOW)
    buy(alice, aapl, "1", "110.00", at=NEXT_YEAR - timedelta(days=1))
    sell(alice, aapl, "2", "120.00", at=NEXT_YEAR)

    document = shown(alice, "form-8949", now=NEXT_YEAR)

    assert [(row["part"], row["box"], row["gain"]) for row in document["results"]] == [
        ("II", "F", "20.00"),
        ("I", "C", "10.00"),
    ]
    assert [(row["part"], row["box"], row["gain"]) for row in document["totals"]] == [
        ("I", "C", "10.00"),
        ("II", "F", "20.00"),
    ]


def test_coins_have_boxes_of_their_own_and_no_wash_sales(alice):
    coin = make_instrument("BTC-USD", "crypto")
    buy(alice, coin, "0.5", "60000.00", at=NOW)  # 30,000.00 and 0.25 %
    sell(alice, coin, "0.5", "50000.00", at=days(1))
    buy(alice, coin, "0.5", "50000.00", at=days(2))

    names = ("part", "box", "description", "proceeds", "cost_basis", "code", "adjustment")
    assert lines(alice, *names, now=days(3)) == [
        ("I", "I", "0.5 BTC-USD", "24937.50", "30075.00", "", "0.00")
    ]


@pytest.mark.parametrize(
    ("year", "is_digital_asset", "box"),
    [(2024, True, "C"), (2025, True, "I"), (2025, False, "C")],
)
def test_digital_assets_have_boxes_of_their_own_since_2025(year, is_digital_asset, box):
    day = date(year, 6, 1)
    part = SoldPart("lot", 1, 100, 90, 0, 0, day)

    [line] = form_8949.lines(
        AdjustedSale("sale", 0, day, [part]), is_digital_asset=is_digital_asset
    )

    assert (line.part, line.box, line.gain) == ("I", box, 10)


def test_a_redemption_is_a_sale_too(alice):
    bond = make_bond()
    buy(alice, bond, "1000", "110.00", at=NOW)
    carry_out(bond, ActionKind.REDEMPTION, at=days(1), amount=Decimal(100))

    assert lines(alice, "description", "proceeds", now=days(2)) == [
        ("1000 face value ACME-2033", "1000.00")
    ]


@pytest.mark.parametrize("symbol", ["=1+1", "@SUM(A1)", "-X", "A,B"])
def test_no_cell_of_text_is_a_formula(alice, symbol):
    odd = make_instrument(symbol)
    buy(alice, odd, "1", "100.00", at=NOW)
    sell(alice, odd, "1", "90.00", at=days(1))

    content = get(alice, "form-8949", now=days(2), format="csv").content.decode()

    [row] = csv.DictReader(io.StringIO(content))
    assert row.pop("gain") == "-10.00"
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row.values())
    assert row["description"] == f"1 sh. {symbol}"


def test_a_long_file_is_sent_while_it_is_made(alice, aapl, monkeypatch):
    buy(alice, aapl, "9", "100.00", at=NOW)
    for day in range(1, 4):
        sell(alice, aapl, "1", "101.00", at=days(day))
    whole = get(alice, "form-8949", now=days(9), format="csv").content
    monkeypatch.setattr(tax_documents, "ROWS_AT_ONCE", 1)

    with time_machine.travel(days(9), tick=False):
        answer = signed_in_client(alice).get("/api/portfolio/form-8949/?format=csv")

    chunks: list[bytes] = list(answer.streaming_content)  # type: ignore[attr-defined]
    assert len(chunks) == 3
    assert b"".join(chunks) == whole


def test_another_customers_sales_do_not_show(alice, aapl, washed):
    assert lines(make_customer("bob@example.com"), "description") == []


def test_there_is_no_other_format(alice):
    response = get(alice, "form-8949", format="txf")

    assert_problem(response, status=400, code="invalid", field="format")


@pytest.mark.parametrize("seed", range(2))
def test_at_random_lines_add_up_to_the_gains_and_what_was_washed(seed):
    account = Account(seed + 10)
    for _ in range(30):
        account.step()
    user, now = account.user, account.at
    for method in ("fifo", "average"):
        gains = {
            row["id"]: (row["quantity"], row["proceeds"], row["gain"])
            for row in pages(user, "realized", now=now, lot_method=method, page_size=200)
        }
        washed = shown(user, "wash-sales", now=now, lot_method=method)
        document = shown(user, "form-8949", now=now, lot_method=method)

        sums: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 2)
        for row in document["results"]:
            assert Decimal(row["gain"]) == (
                Decimal(row["proceeds"]) - Decimal(row["cost_basis"]) + Decimal(row["adjustment"])
            )
            quantity, proceeds = sums[row["sale_id"]]
            sums[row["sale_id"]] = [
                quantity + Decimal(row["quantity"]),
                proceeds + Decimal(row["proceeds"]),
            ]
        assert {key: [*each] for key, each in sums.items()} == {
            key: [Decimal(quantity), Decimal(proceeds)]
            for key, (quantity, proceeds, _) in gains.items()
        }
        assert (
            sum(Decimal(row["adjustment"]) for row in document["totals"])
            == Decimal(washed["totals"]["disallowed_loss"])
            > 0
        )
        # What is disallowed now is lost later, or still carried by open lots.
        adjusted = sum(Decimal(row["gain"]) for row in document["totals"])
        assert adjusted >= sum(Decimal(gain) for *_, gain in gains.values())
