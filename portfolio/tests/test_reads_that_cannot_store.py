"""Answers where nothing can be stored: they are those of everything that was booked."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction

from be.database import statements
from exchange.tests.market import NOW
from portfolio import daily, day_activity, kept_lots, lot_pages
from portfolio.lot_rows import Page
from portfolio.models import LedgerFold, LotFold
from portfolio.rules.lots import LotMethod
from portfolio.tests.accounts import buy

pytestmark = pytest.mark.django_db


@pytest.fixture
def trader(alice, aapl):
    for minute in range(3):
        buy(alice, aapl, "2", "100.00", at=NOW + timedelta(minutes=minute))
    return alice


@pytest.fixture
def many_are_new(monkeypatch):
    """A read of anything is to store what it has read."""
    monkeypatch.setattr(kept_lots, "FOLDED_BY_A_READ", 0)
    monkeypatch.setattr(daily, "MANY", 0)


@pytest.fixture
def read_only(trader, many_are_new):
    """The database refuses to write and to lock, as a replica does."""
    with transaction.atomic(), connection.cursor() as cursor:
        if statements.is_postgresql():
            cursor.execute("SET TRANSACTION READ ONLY")
            yield
            transaction.set_rollback(True)
        else:
            cursor.execute("PRAGMA query_only = ON")
            yield
            cursor.execute("PRAGMA query_only = OFF")


def units_and_cost(user):
    def answer(lots):
        rows = lot_pages.open_lots(lots, Page(None, 200))
        assert sum(row.lot.units_left for row in rows) == lots.totals("AAPL").units
        return lots.totals("AAPL").units, lots.totals("AAPL").cost

    return kept_lots.read(owner_id=user.pk, lot_method=LotMethod.FIFO, answer=answer, has_rows=True)


def test_lots_and_daily_sums_are_read_from_a_database_that_takes_no_rows(trader, aapl, read_only):
    assert units_and_cost(trader) == (aapl.asset.units(Decimal(6)), 60_000)
    activity = day_activity.read(owner_id=trader.pk, since=day_activity.last_close(NOW))
    assert activity.instruments["AAPL"].spent == 60_000
    assert not LotFold.objects.exists()
    assert not LedgerFold.objects.exists()
