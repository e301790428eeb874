"""Daily sums: stored by long reads, whatever is booked meanwhile, and never different from it.

That answers are the same with and without them is proved by `accounts.get`, which asks twice, and
by `test_plain_series.py`, where they are stored at random moments.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from threading import Event

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, close_old_connections, connection

from banking.models import LedgerAccount
from banking.tests.parallel import at_once
from be.database import statements
from be.kernel.identifiers import uuid7
from exchange.tests.market import give, make_instrument
from portfolio import daily, daily_rows, history, periods
from portfolio.instants import first_id_sql, instant
from portfolio.models import BankFlow, DailyMovement, LedgerFold
from portfolio.periods import Period
from portfolio.tests.accounts import MONDAY, buy, deposit, open_account, sell, shown

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def trader(aapl):
    alice = open_account("alice@example.com", deposits="5000", at=MONDAY)
    buy(alice, aapl, "10", "100.00", at=MONDAY + DAY)
    return alice


def read(user, now):
    return history.movements(owner_id=user.pk, until=now, steps=periods.steps(Period.YEAR, now=now))


def test_few_new_postings_are_added_up_by_each_read_and_many_are_stored(trader, monkeypatch):
    read(trader, MONDAY + 2 * DAY)
    assert not LedgerFold.objects.exists()

    monkeypatch.setattr(daily, "MANY", 2)
    read(trader, MONDAY + 2 * DAY)
    assert LedgerFold.objects.get().owner_id == trader.pk

    for model in (LedgerFold, DailyMovement):
        model.objects.all().delete()
    BankFlow.objects.all().delete()
    shown(trader, "holdings", now=MONDAY + 2 * DAY)
    assert LedgerFold.objects.exists()


def test_a_day_is_one_row_an_asset_and_a_flow_is_one_of_its_own(trader, aapl):
    for minute in range(5):
        deposit(trader, "1", at=MONDAY + DAY + timedelta(minutes=minute))
        sell(trader, aapl, "1", f"{100 + minute}.00", at=MONDAY + DAY + timedelta(minutes=minute))
    daily.advance(trader.pk)

    days = DailyMovement.objects.order_by("day", "asset")
    first = (MONDAY - datetime(1970, 1, 1, tzinfo=UTC)).days
    assert [(row.day - first, row.asset) for row in days] == [(0, "USD"), (1, "AAPL"), (1, "USD")]
    assert days[1].units == aapl.asset.units(Decimal(5))
    assert (days[1].price, days[1].spent, days[1].received) == (104, 100_000, 51_000)
    assert BankFlow.objects.count() == 6


def test_a_day_ends_with_the_midnight_that_follows(trader):
    midnight = MONDAY.replace(hour=0) + 5 * DAY
    daily.advance(trader.pk)
    deposit(trader, "1", at=midnight)
    deposit(trader, "2", at=midnight + timedelta(microseconds=1))
    daily.advance(trader.pk)

    newest = DailyMovement.objects.order_by("-day")[:2]
    assert [row.units for row in newest] == [200, 100]
    assert newest[1].last_at == instant(midnight)


def test_what_is_booked_late_goes_to_its_own_day(trader):
    daily.advance(trader.pk)
    before = read(trader, MONDAY + 9 * DAY)
    deposit(trader, "1", at=MONDAY + 3 * DAY)
    daily.advance(trader.pk)
    deposit(trader, "7", at=MONDAY + 2 * DAY)

    for _ in range(2):
        after = read(trader, MONDAY + 9 * DAY)
        assert [flow.cents for flow in after.flows] == [500_000, 700, 100]
        assert after.cash.values.tolist() == [*before.cash.values.tolist(), 700, 100]
        daily.advance(trader.pk)


def test_a_read_of_an_earlier_moment_does_not_see_what_is_stored_of_its_day(trader, aapl):
    at = MONDAY + DAY + timedelta(hours=1)
    sell(trader, aapl, "3", "90.00", at=at)
    daily.advance(trader.pk)

    before = read(trader, at - timedelta(microseconds=1))
    assert before.units["AAPL"].values.tolist() == [aapl.asset.units(Decimal(10))]
    assert read(trader, at).units["AAPL"].values.tolist() == [aapl.asset.units(Decimal(7))]


def test_a_read_goes_on_where_the_sums_cannot_be_stored(trader, monkeypatch):
    def locked(owner_id):
        raise OperationalError("database is locked")

    monkeypatch.setattr(daily, "MANY", 0)
    monkeypatch.setattr(daily, "advance", locked)
    assert read(trader, MONDAY + 2 * DAY).flows


def test_a_check_names_what_is_wrong_and_a_rebuild_mends_it(trader):
    daily.advance(trader.pk)
    assert rebuild("--check") == "1 customers checked: 0 differences.\n"

    DailyMovement.objects.filter(asset="AAPL").update(units=1)
    BankFlow.objects.all().delete()
    with pytest.raises(CommandError, match="3 differences"):
        rebuild("--check")

    assert rebuild() == "1 customers stored anew.\n"
    assert rebuild("--check") == "1 customers checked: 0 differences.\n"
    assert BankFlow.objects.count() == 1


def rebuild(*arguments):
    out = StringIO()
    call_command("rebuild_portfolio", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.mark.parametrize("microsecond", [0, 1, 999, 1000, 999_999])
def test_the_lowest_id_of_an_instant_is_not_above_any_of_it(microsecond):
    at = MONDAY.replace(microsecond=microsecond)
    later = at.replace(microsecond=0) + timedelta(seconds=1)
    for moment, is_there in ((at, True), (later, False)):
        ((lowest,),) = statements.query(f"SELECT {first_id_sql('%s')}", (instant(moment),))
        assert (str(lowest).replace("-", "") <= uuid7(at).hex) is is_there


@pytest.mark.django_db(transaction=True)
def test_sums_stored_while_money_comes_are_complete(monkeypatch):
    stock = make_instrument("AAPL")
    alice = open_account("alice@example.com", deposits="1", at=MONDAY)

    def book(number):
        for hour in range(12):
            at = MONDAY + timedelta(hours=7 * ((hour * 5 + number) % 12))
            deposit(alice, "0.01", at=at)
            give(alice, stock.asset, "0.000001")
        close_old_connections()
        connection.close()

    def store(_):
        for _ in range(15):
            daily.advance(alice.pk)
        connection.close()

    with ThreadPoolExecutor(5) as pool:
        done = [*map(pool.submit, [book] * 3, range(3)), *map(pool.submit, [store] * 2, range(2))]
        for each in done:
            each.result()

    assert daily.check(alice.pk) == []
    daily.advance(alice.pk)
    assert daily.check(alice.pk) == []
    sums = {"USD": 0, "AAPL": 0}
    for row in DailyMovement.objects.all():
        sums[row.asset] += row.units
    assert sums == {row.asset: row.available for row in LedgerAccount.objects.filter(owner=alice)}
    assert sums == {"USD": 136, "AAPL": 36}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_stored", [False, True])
def test_sums_that_are_forgotten_while_they_are_stored_are_not_forgotten_in_part(
    is_stored, monkeypatch
):
    """Both at once: whoever comes second begins with what the first one has left."""
    alice = open_account("alice@example.com", deposits="1", at=MONDAY)
    if is_stored:
        daily.advance(alice.pk)
        deposit(alice, "2", at=MONDAY + DAY)
    folding, looked, stored = Event(), Event(), Event()
    execute = daily._execute

    def paused(sql, values):
        execute(sql, values)
        if sql == daily_rows.ADD_FLOWS:
            folding.set()
            looked.wait(1)  # not for ever: the other one may wait for this transaction

    def store():
        try:
            daily.advance(alice.pk)
        finally:
            stored.set()

    def wait(run, sql, *rest):
        if sql.startswith("DELETE") and "portfolio_dailymovement" in sql:
            looked.set()
            stored.wait(10)
        return run(sql, *rest)

    def forget():
        folding.wait(10)
        with connection.execute_wrapper(wait):
            daily.forget(alice.pk)

    monkeypatch.setattr(daily, "_execute", paused)
    at_once([store, forget])

    assert daily.check(alice.pk) == []
    daily.advance(alice.pk)
    assert daily.check(alice.pk) == []


@pytest.mark.django_db(transaction=True)
def test_sums_can_be_stored_while_others_forget_them():
    alice = open_account("alice@example.com", deposits="1", at=MONDAY)
    daily.advance(alice.pk)
    deposit(alice, "2", at=MONDAY + DAY)
    forgotten, going_on = Event(), Event()

    def wait(run, sql, *rest):
        found = run(sql, *rest)
        if sql.startswith("DELETE") and "portfolio_bankflow" in sql:
            forgotten.set()
            going_on.wait(1)  # not for ever: the other one waits for this transaction
        return found

    def forget():
        with connection.execute_wrapper(wait):
            daily.forget(alice.pk)

    def store():
        forgotten.wait(10)
        daily.advance(alice.pk)
        going_on.set()

    at_once([forget, store])

    assert daily.check(alice.pk) == []
    daily.advance(alice.pk)
    assert DailyMovement.objects.count() == 2
