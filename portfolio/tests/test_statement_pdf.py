"""The PDF of a statement says what its JSON says, on pages that a person can read."""

import copy
import io
import re
import subprocess
import sys
from itertools import pairwise
from typing import Any

import pytest
from pypdf import PdfReader

from authentication.tests.problems import assert_problem
from portfolio.api import statement_examples
from portfolio.api.pdf import lettering, pages, statement
from portfolio.tests.accounts import deposit, shown
from portfolio.tests.statements import LATER, file

EXAMPLE: Any = statement_examples.STATEMENT.value


def read(body: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(body), strict=True)


def lines(body: bytes) -> list[list[str]]:
    """The lines of each page."""
    return [page.extract_text().splitlines() for page in read(body).pages]


def figures(text: str) -> list[str]:
    """The amounts in a text, as JSON writes them."""
    found = re.findall(r"\u2212?[0-9][0-9,]*\.[0-9]+", text)
    return [each.replace(",", "").replace("\u2212", "-") for each in found]


def with_trades(count: int) -> Any:
    """The example, with so many trades; each has an amount of its own."""
    document = copy.deepcopy(EXAMPLE)
    [trade] = document["trades"]
    document["trades"] = [{**trade, "amount": f"{number}.25"} for number in range(count)]
    return document


# The worked example -----------------------------------------------------------------------------


@pytest.mark.django_db
def test_it_has_the_figures_of_the_json(ada):
    document = shown(ada, "statements/2026-04", now=LATER)

    answer = file(ada, "2026-04", "pdf")

    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == 'attachment; filename="statement-2026-04.pdf"'
    [page] = lines(answer.content)
    text = "\n".join(page)
    assert page[:5] == [
        "BrokerPro Account statement April 2026",
        "Ada Lovelace",
        "ada@example.com",
        "From 1 April 2026",
        "To 30 April 2026",
    ]
    assert page[-1] == f"{statement.FOOTING} Page 1 of 1"
    sums = [*document["equity"].values(), *document["cash"].values()]
    sums += document["realized_gains"].values()
    assert {each for each in sums if each != "0.00"} <= {*figures(text)}
    for row in (
        "AAPL Apple Inc. 6 200.00 1,200.00 1,140.00 60.00",
        "2026-04-20 12:00 AAPL Sell 4 195.00 0.00 780.00",
        f"2026-04-22 12:00 Withdrawal {document['transfers'][0]['id']} \u22121,000.00",
        "2026-04-21 12:00 Dividend AAPL 1.50",
        "AAPL 2026-03-03 2026-04-20 Short 4 780.00 760.00 20.00",
    ):
        assert row in page


def test_fees_beside_the_gains_are_a_line_of_equity_and_a_note():
    document = copy.deepcopy(EXAMPLE)
    document["fees_in_cost"] = False
    document["equity"] |= {"fees": "-12.50", "closing": "9069.00"}

    [page] = lines(statement.written(document))

    text = "\n".join(page)
    assert "Fees \u221212.50" in text
    assert "\u221211.00" in text  # 1.50 + 20.00 - 20.00 - 12.50: gains and income
    assert "Fees are in no cost and no proceeds, and so in no gain." in text
    assert "Fees are part of the cost" not in text


@pytest.mark.django_db
def test_the_same_statement_has_the_same_bytes(ada):
    first = file(ada, "2026-04", "pdf")

    assert file(ada, "2026-04", "pdf").content == first.content
    again = file(ada, "2026-04", "pdf", if_none_match=first["ETag"])
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.django_db
def test_one_that_may_change_says_so(ada):
    deposit(ada, "1", at=LATER)

    [page] = lines(file(ada, "2026-05", "pdf").content)

    assert any("Figures as of 3 May 2026, 09:00 UTC." in line for line in page)
    assert not any("Preliminary" in line for line in lines(statement.written(EXAMPLE))[0])


def test_its_title_and_language_are_told_to_readers():
    document = read(statement.written(EXAMPLE))

    assert document.metadata is not None
    root: Any = document.trailer["/Root"]
    assert document.metadata.title == "Account statement April 2026"
    assert document.metadata.author == "BrokerPro"
    assert root["/Lang"] == "en-US"


# Pages ------------------------------------------------------------------------------------------


def test_tables_go_on_with_their_heads_and_each_row_is_there_once():
    document = with_trades(200)

    found = lines(statement.written(document))

    assert len(found) == 6
    for number, page in enumerate(found, start=1):
        assert page[-1] == f"{statement.FOOTING} Page {number} of 6"
    assert all("Ada Lovelace" in page[0] for page in found[1:])
    going_on = [page for page in found if "Trades (continued)" in page]
    assert len(going_on) == 4
    for page in going_on:
        assert page[page.index("Trades (continued)") + 1] == HEADS
    rows = [line for page in found for line in page if line.startswith("2026-04-20 12:00")]
    assert [figures(row)[-1] for row in rows] == [row["amount"] for row in document["trades"]]


HEADS = "Time Symbol Side Quantity Price Fee Amount"


def test_wherever_a_page_ends_no_row_is_in_the_foot_and_no_total_alone():
    for count in range(20, 70):
        for page in lines(statement.written(with_trades(count))):
            assert page[-1].startswith(statement.FOOTING)  # the lowest of all
            for above, line in pairwise(page):
                if line.startswith("Total"):
                    assert above.startswith("2026-04-20 12:00")
                assert line != "Trades (continued)" or above == page[0]


@pytest.mark.django_db
def test_too_many_rows_are_refused(ada, monkeypatch):
    monkeypatch.setattr(statement, "MAX_ROWS", 4)

    assert_problem(file(ada, "2026-04", "pdf"), status=422, code="statement_too_long")
    assert file(ada, "2026-04", "csv").status_code == 200


def test_of_an_account_in_which_nothing_happened_it_says_so():
    document = copy.deepcopy(EXAMPLE)
    for name in ("holdings", "trades", "transfers", "income", "realized"):
        document[name] = []

    [page] = lines(statement.written(document))

    assert "There were no trades." in page
    assert "Nothing was sold." in page


# Letters ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["Łucja Żółć", "Αλέξανδρος Παππάς", "Зинаида Щукина", "Ngô Thị Đặng", "Կարեն Սարգսյան"],
)
def test_names_in_many_letters_are_shown(name):
    document = copy.deepcopy(EXAMPLE)
    document["account"]["holder"] = name

    assert name in lines(statement.written(document))[0]


def test_what_the_font_can_not_show_is_a_square():
    lettering.prepare()

    assert lettering.shown("王小明 Wang") == "□□□ Wang"
    assert lettering.shown("שלום") == "□□□□"  # right to left
    assert lettering.shown("a\u202eb\x07\nc") == "a□b□ c"
    assert lettering.shown("e\u0301") == "é"


def test_long_texts_stay_in_their_columns():
    document = copy.deepcopy(EXAMPLE)
    document["account"] = {"holder": "Wolfeschlegelstein " * 15, "email": f"{'a' * 240}@b.example"}
    document["holdings"][0].update(
        symbol="W" * 24,
        name="W" * 120,
        quantity="92233720368.54775807",
        price="12345678.12345678",
        market_value="92233720368547758.07",
    )

    [page, *_] = read(statement.written(document)).pages

    text = page.extract_text()
    assert "92,233,720,368.54775807" in text  # no number is ever cut
    assert "92,233,720,368,547,758.07" in text
    assert text.count("W\u2026") == 2
    assert text.count("\u2026") >= 4
    for size in (8, 11):
        long = "Wolfeschlegelstein " * 15
        fits = lettering.fitted(long, lettering.BOLD, size, 200)
        assert lettering.width(fits, lettering.BOLD, size) <= 200
        assert fits.endswith(lettering.ELLIPSIS)


def test_numbers_that_are_too_wide_are_made_smaller():
    lettering.prepare()
    text, room = "92,233,720,368,547,758.07", 60.0

    size = lettering.size_for(text, lettering.PLAIN, pages.TEXT, room)

    assert lettering.width(text, lettering.PLAIN, size) <= room + 1e-9
    assert lettering.size_for("1.00", lettering.PLAIN, pages.TEXT, room) == pages.TEXT


def test_a_server_that_makes_no_pdf_does_not_load_what_makes_them():
    code = (
        "import sys, django; django.setup(); from django.urls import get_resolver; "
        "get_resolver().url_patterns; import portfolio.api.statement_views; "
        "sys.exit(any(name.partition('.')[0] == 'reportlab' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
