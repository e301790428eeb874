"""Holdings and performance are answered as their serializers write them, for any history."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from banking.models import JournalEntry, Posting
from be.database import statements
from exchange.models import Execution
from exchange.tests.market import give, make_bond, make_instrument, place, set_quote
from portfolio import daily, holdings, kept_lots, performance
from portfolio.api import documents, serializers
from portfolio.periods import Period
from portfolio.rules.lots import LotMethod
from portfolio.tests.accounts import (
    MONDAY,
    THURSDAY,
    WEDNESDAY,
    buy,
    closes,
    midnight,
    open_account,
    reprice,
    sell,
    shown,
)

pytestmark = pytest.mark.django_db


def an_account(email):
    """A stock and a bond, gains and a fall; something that has no quote."""
    alice = open_account(email, deposits="10000", at=MONDAY)
    aapl, bond = make_instrument(f"A-{email[0]}"), make_bond(f"B-{email[0]}")
    buy(alice, aapl, "10.5", "100.00", at=MONDAY)
    closes(aapl, ["90.00", "95.125"], first=midnight(MONDAY) - timedelta(days=2))
    buy(alice, bond, "1000", "99.00", at=MONDAY)
    sell(alice, aapl, "3.25", "110.00", at=WEDNESDAY)
    give(alice, make_instrument(f"C-{email[0]}").asset, "3")
    return alice


@pytest.mark.parametrize("email", ["alice@example.com", None])
def test_the_documents_are_those_of_the_serializers(email):
    make_instrument("SPY")
    owner = an_account(email).pk if email else uuid4()
    for method in LotMethod:
        held = holdings.holdings(owner_id=owner, lot_method=method, now=THURSDAY)
        assert_same(documents.holdings(held), serializers.HoldingsSerializer(held).data)
    for period in Period:
        found = performance.performance(owner_id=owner, period=period, benchmark=None, now=THURSDAY)
        written = msgspec.json.decode(documents.performance(found))
        assert_same(written, serializers.PerformanceSerializer(found).data)


def assert_same(document, expected):
    """The same values, and in the same order."""
    assert document == expected
    if isinstance(document, dict):
        assert [*document] == [*expected]
        for name, value in document.items():
            assert_same(value, expected[name])
    elif isinstance(document, list):
        for one, other in zip(document, expected, strict=True):
            assert_same(one, other)


def test_two_users_in_turn_each_see_their_own():
    alice = an_account("alice@example.com")
    bob = open_account("bob@example.com", deposits="7", at=WEDNESDAY)
    for _ in range(2):
        rows = shown(alice, "holdings", now=THURSDAY)["results"]
        assert [row["symbol"] for row in rows] == ["A-a", "B-a", "C-a"]
        assert shown(bob, "holdings", now=THURSDAY)["results"] == []
        assert shown(bob, "performance", now=THURSDAY)["end_equity"] == "7.00"
        assert shown(alice, "performance", now=THURSDAY)["end_equity"] != "7.00"


@pytest.mark.parametrize("period", Period)
def test_a_series_reads_as_many_rows_for_any_number_of_executions(period, monkeypatch):
    stock = make_instrument("AAPL")
    alice = open_account("alice@example.com", deposits="10000", at=MONDAY)
    for hour in (0, 30, 45):
        buy(alice, stock, "1", "100.00", at=MONDAY + timedelta(hours=hour))
    reprice(stock, "100.00", at=THURSDAY - timedelta(minutes=20))
    rows = counted(monkeypatch)

    def read():
        rows.clear()
        found = performance.performance(
            owner_id=alice.pk, period=period, benchmark=None, now=THURSDAY
        )
        return sum(rows), found

    few, before = read()
    trade_more(alice, times=100)
    daily.advance(alice.pk)
    many, after = read()

    assert many == few
    assert after == before


def counted(monkeypatch):
    """How many rows each statement of fixed SQL has given."""
    rows, query = [], statements.query

    def count(sql, params, **options):
        found = query(sql, params, **options)
        rows.append(len(found))
        return found

    monkeypatch.setattr(statements, "query", count)
    return rows


def trade_more(owner, *, times):
    """As many executions again, each with an entry that gives and one that takes back."""
    for execution in list(Execution.objects.filter(owner=owner)):
        entry = JournalEntry.objects.get(reference=execution.trade_id)
        lines = list(Posting.objects.filter(entry=entry))
        at = execution.executed_at
        made = JournalEntry.objects.bulk_create(
            JournalEntry(kind=entry.kind, reference=uuid4(), created_at=at)
            for _ in range(2 * times)
        )
        Posting.objects.bulk_create(
            Posting(
                entry=each,
                units=line.units if number % 2 else -line.units,
                **{
                    name: getattr(line, name) for name in fields_of(Posting) - {"entry_id", "units"}
                },
            )
            for number, each in enumerate(made)
            for line in lines
        )
        same = {name: getattr(execution, name) for name in fields_of(Execution)}
        Execution.objects.bulk_create(
            Execution(**{**same, "id": uuid4(), "trade_id": each.reference}) for each in made
        )


def fields_of(model):
    """Names of all values of a row, but for a key that the database gives."""
    return {field.attname for field in model._meta.concrete_fields} - {"id"}


def test_holdings_need_as_many_statements_for_five_hundred_positions():
    alice = open_account("alice@example.com", deposits="100000", at=MONDAY)

    def held(number):
        stock = make_instrument(f"S{number}")
        set_quote(stock, "10.00", "10.01")
        return stock

    place(alice, "buy", "1", symbol=held(0).symbol)
    with CaptureQueriesContext(connection) as few:
        holdings.holdings(owner_id=alice.pk, lot_method=LotMethod.FIFO, now=THURSDAY)
    for number in range(1, 500):
        give(alice, held(number).asset, "1")
    kept_lots.catch_up(owner_id=alice.pk, lot_method=LotMethod.FIFO)
    daily.advance(alice.pk)
    with CaptureQueriesContext(connection) as many:
        found = holdings.holdings(owner_id=alice.pk, lot_method=LotMethod.FIFO, now=THURSDAY)

    assert len(found.results) == 500
    assert found.totals.market_value == Decimal("5000.00")
    # 499 of them have no execution behind them: read three times, and the difference is reported.
    assert len(many) <= 3 * len(few)
