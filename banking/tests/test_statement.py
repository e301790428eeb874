"""The lines of the ledger, as pages and as CSV."""

import csv
import io
import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection
from django.test import AsyncClient

from authentication.tests.api_client import signed_in
from authentication.tests.factories import UserFactory
from authentication.tests.problems import assert_problem
from banking import holds, ledger, statement, transactions
from banking.api.statement_csv import neutralised
from banking.models import EntryKind, HouseAccount, Posting
from banking.rules import rails
from banking.rules.assets import Asset
from banking.tests.factories import NOW, BankAccountFactory, give

URL = "/api/banking/statement/"
AAPL = Asset("AAPL", 6)


def deposit(account, amount, now):
    return transactions.deposit(
        owner=account.owner, account_id=account.pk, amount=Decimal(amount), now=now
    )


def read_csv(answer):
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_a_deposit_is_one_line(api, alice):
    row = deposit(BankAccountFactory.create(owner=alice), "250", NOW)

    assert api.get(URL).json() == {
        "next": None,
        "previous": None,
        "results": [
            {
                "id": str(Posting.objects.get(account__owner=alice).pk),
                "asset": "USD",
                "bucket": "available",
                "amount": "250.00",
                "kind": "deposit",
                "reference": str(row.pk),
                "created_at": "2026-03-02T14:30:00.000000Z",
            }
        ],
    }


def test_a_withdrawal_moves_between_the_buckets_and_then_out(api, alice):
    give(alice, "100.00")
    account = BankAccountFactory.create(owner=alice, account_number=rails.DELAYED)
    transactions.withdraw(owner=alice, account_id=account.pk, amount=Decimal(60), now=NOW)
    transactions.settle_due(now=NOW + timedelta(seconds=5))

    lines = api.get(URL).json()["results"]

    assert [(line["kind"], line["bucket"], line["amount"]) for line in lines] == [
        ("withdrawal", "held", "-60.00"),
        ("hold", "held", "60.00"),
        ("hold", "available", "-60.00"),
        ("deposit", "available", "100.00"),
    ]


def test_it_is_filtered_by_asset_and_by_time_from_start_until_before_end(api, alice):
    account = BankAccountFactory.create(owner=alice)
    give(alice, "1.5", AAPL)
    for minutes, amount in ((1, "1"), (2, "2"), (3, "3")):
        deposit(account, amount, NOW + timedelta(minutes=minutes))

    def amounts(**filters):
        return [line["amount"] for line in api.get(URL, filters).json()["results"]]

    assert amounts() == ["3.00", "2.00", "1.00", "1.5"]
    assert amounts(asset="AAPL") == ["1.5"]
    assert amounts(asset="aapl") == ["1.5"]
    assert amounts(start="2026-03-02T14:32:00Z") == ["3.00", "2.00"]
    assert amounts(end="2026-03-02T14:32:00Z") == ["1.00", "1.5"]
    assert amounts(start="2026-03-02T15:32:00+01:00", end="2026-03-02T14:33:00Z") == ["2.00"]


def test_a_line_is_found_by_its_time_also_where_it_was_written_late(api, alice):
    account = BankAccountFactory.create(owner=alice)
    for minutes, amount in ((1, "1"), (9, "9"), (2, "2"), (8, "8")):
        deposit(account, amount, NOW + timedelta(minutes=minutes))

    def amounts(**filters):
        as_csv = api.get(URL, {"format": "csv", **filters})
        shown = [line["amount"] for line in api.get(URL, filters).json()["results"]]
        assert [line["amount"] for line in read_csv(as_csv)] == shown
        return shown

    assert amounts(end="2026-03-02T14:35:00Z") == ["2.00", "1.00"]
    assert amounts(end="2026-03-02T14:35:00Z", asset="USD") == ["2.00", "1.00"]
    assert amounts(start="2026-03-02T14:35:00Z") == ["8.00", "9.00"]


@pytest.mark.parametrize("more", [{}, {"format": "csv"}])
def test_an_asset_that_nobody_ever_had_is_refused(api, more):
    answer = api.get(URL, {"asset": "GONE", **more})

    assert_problem(answer, status=400, code="unknown_asset", field="asset")
    assert "GONE" in answer.json()["detail"]


def test_dollars_and_what_others_have_are_known_assets(api, bob):
    give(bob, "1.5", AAPL)

    for asset in ("USD", "usd", "AAPL"):
        assert api.get(URL, {"asset": asset}).json()["results"] == []


@pytest.mark.parametrize("end", ["2026-03-02T14:31:00Z", "2026-03-02T14:32:00Z"])
def test_an_end_that_is_not_after_the_start_is_refused(api, end):
    answer = api.get(URL, {"start": "2026-03-02T14:32:00Z", "end": end})

    assert_problem(answer, status=400, code="invalid", field="end")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("start", "yesterday"),
        ("end", ""),
        ("start", "2026-02-30T00:00:00Z"),
        ("start", "0001-01-01T00:00:00+14:00"),
        ("asset", ""),
        ("asset", "A\x00"),
        ("asset", "A" * 25),
    ],
)
def test_a_filter_of_another_shape_is_refused(api, name, value):
    assert_problem(api.get(URL, {name: value}), status=400, code="invalid", field=name)


def test_pages_show_each_line_once_while_lines_are_added(api, alice):
    account = give(alice, "1.00")
    for _ in range(4):
        give(alice, "1.00")
    expected = list(account.postings.order_by("-pk").values_list("pk", flat=True))

    page = api.get(URL, {"page_size": 2}).json()
    seen = page["results"]
    while page["next"]:
        give(alice, "1.00")
        page = api.get(page["next"]).json()
        seen += page["results"]

    assert [int(line["id"]) for line in seen] == expected


def test_nobody_sees_the_lines_of_others(api, bobs_api, alice):
    give(alice, "1.00")

    assert bobs_api.get(URL).json()["results"] == []
    assert read_csv(bobs_api.get(URL, headers={"Accept": "text/csv"})) == []


@pytest.mark.parametrize("ask", [{"headers": {"Accept": "text/csv"}}, {"data": {"format": "csv"}}])
def test_it_comes_as_csv(api, alice, ask):
    row = deposit(BankAccountFactory.create(owner=alice), "250", NOW)
    give(alice, "1.5", AAPL)

    answer = api.get(URL, **ask)

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "statement.csv" in answer["Content-Disposition"]
    shares, dollars = read_csv(answer)
    assert (shares["asset"], shares["amount"]) == ("AAPL", "1.5")
    assert dollars == {
        "id": str(Posting.objects.get(account__owner=alice, account__asset="USD").pk),
        "created_at": "2026-03-02T14:30:00.000000Z",
        "kind": "deposit",
        "asset": "USD",
        "bucket": "available",
        "amount": "250.00",
        "reference": str(row.pk),
    }


def test_csv_is_filtered_too(api, alice):
    give(alice, "1.00")
    give(alice, "1.5", AAPL)

    lines = read_csv(api.get(URL, {"asset": "AAPL"}, headers={"Accept": "text/csv"}))

    assert [line["asset"] for line in lines] == ["AAPL"]


def test_csv_has_all_lines_across_batches(api, alice, monkeypatch):
    monkeypatch.setattr(statement, "BATCH", 2)
    account = give(alice, "1.00")
    for _ in range(3):
        holds.hold(account=account, units=10, reference=uuid.uuid4(), at=NOW)

    lines = read_csv(api.get(URL, headers={"Accept": "text/csv"}))

    assert [int(line["id"]) for line in lines] == list(
        Posting.objects.filter(account__owner=alice).order_by("-pk").values_list("pk", flat=True)
    )


def test_an_asset_that_looks_like_a_formula_is_text_in_csv_and_a_loss_stays_a_number(api, alice):
    account = give(alice, "1.00", Asset("=1+1", 2))
    market = ledger.house_account(HouseAccount.MARKET, Asset("=1+1", 2))
    ledger.post(
        kind=EntryKind.TRADE,
        reference=uuid.uuid4(),
        lines=[ledger.Line(account, -50), ledger.Line(market, 50)],
        at=NOW,
    )

    lines = read_csv(api.get(URL, headers={"Accept": "text/csv"}))

    assert [(line["asset"], line["amount"]) for line in lines] == [
        ("'=1+1", "-0.5"),
        ("'=1+1", "1"),
    ]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_starts_like_a_formula_is_quoted(first):
    assert neutralised(f"{first}SUM(A1)") == f"'{first}SUM(A1)"
    assert neutralised(f"A{first}") == f"A{first}"


def test_what_goes_wrong_is_a_problem_document_also_for_who_asked_for_csv(api):
    answer = api.get(URL, {"start": "yesterday"}, headers={"Accept": "text/csv"})

    assert_problem(answer, status=400, code="invalid", field="start")


@pytest.mark.django_db(transaction=True)
def test_an_asynchronous_server_streams_csv_too(monkeypatch):
    monkeypatch.setattr(statement, "BATCH", 1)
    owner = UserFactory.create()
    give(owner, "1.00")
    give(owner, "2.00")
    token = signed_in(owner).access_token

    async def body():
        answer: Any = await AsyncClient().get(
            URL, headers={"Accept": "text/csv", "Authorization": f"Bearer {token}"}
        )
        assert answer.is_async
        return [(chunk, await holds_a_connection()) async for chunk in answer.streaming_content]

    @sync_to_async
    def holds_a_connection():
        return connection.connection is not None

    chunks, held = zip(*async_to_sync(body)(), strict=True)

    assert len(chunks) == 3
    assert not any(held)  # or a few slow readers would have all that the pool can spare
    assert [line["amount"] for line in csv.DictReader(io.StringIO(b"".join(chunks).decode()))] == [
        "2.00",
        "1.00",
    ]
