"""Account statements as files: the CSV table, ETags, and how a format is chosen."""

import csv
import io

import pytest
import time_machine

from authentication.tests.api_client import signed_in_client
from authentication.tests.problems import assert_problem
from exchange.models import Instrument
from portfolio.api import statement_csv
from portfolio.tests.statements import LATER, ROOM, file, statement

pytestmark = pytest.mark.django_db


def test_csv_has_every_figure_of_the_document(ada, aapl):
    Instrument.objects.filter(pk=aapl.pk).update(symbol="=AAPL")
    document = statement(ada, "2026-04")

    answer = file(ada, "2026-04", "csv")

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="statement-2026-04.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert tuple(rows[0]) == statement_csv.COLUMNS
    sums = {(row["section"], row["type"]): row["amount"] for row in rows}
    for section in ("equity", "cash", "realized_gains"):
        for name, amount in document[section].items():
            assert sums[section, name] == amount
    assert sums["fees", "total"] == document["fees"]
    [sale] = [row for row in rows if row["section"] == "trades"]
    assert {name: text for name, text in sale.items() if text} == {
        "section": "trades",
        "type": "sell",
        "time": "2026-04-20T12:00:00.000000Z",
        "symbol": "'=AAPL",
        "quantity": "4",
        "price": "195.00",
        "accrued_interest": "0.00",
        "fee": "0.00",
        "amount": "780.00",
        "id": document["trades"][0]["id"],
    }
    for name in (
        "holdings",
        "trades",
        "transfers",
        "deliveries",
        "income",
        "corporate_actions",
        "realized",
    ):
        assert len([row for row in rows if row["section"] == name]) == len(document[name])


@pytest.mark.parametrize("format", ["json", "csv"])
def test_what_a_client_has_is_not_sent_again(ada, format):
    first = file(ada, "2026-04", format)

    again = file(ada, "2026-04", format, if_none_match=first["ETag"])
    other = file(ada, "2026-03", format, if_none_match=first["ETag"])

    assert (again.status_code, again.content) == (304, b"")
    assert other.status_code == 200


def test_formats_are_chosen_strictly(ada):
    refused = file(ada, "2026-04", "xml")
    assert_problem(refused, status=400, code="invalid", field="format")
    assert "send json, csv or pdf." in refused.json()["detail"]
    assert_problem(file(ada, "2025-04", "csv"), status=404, code="before_account_opened")
    with time_machine.travel(LATER, tick=False):
        client = signed_in_client(ada)
        negotiated = client.get(f"{ROOM}/2026-04/", headers={"accept": "text/csv"})
        unknown = client.get(f"{ROOM}/2026-04/?lot_method=lifo")
    assert negotiated["Content-Type"] == "text/csv; charset=utf-8"
    assert_problem(unknown, status=400, code="invalid", field="lot_method")
