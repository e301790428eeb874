"""Stored lots: what is answered is what follows from all executions, however it was folded."""

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from functools import partial
from io import StringIO
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from banking.tests.parallel import at_once
from be.database import statements
from exchange.models import Execution
from exchange.tests.market import (
    NOW,
    give,
    place,
)
from exchange.trading import orders
from exchange.trading.settlement import execution
from portfolio import kept_lots, lot_rows, lot_settings, rebuilding
from portfolio.models import FoldedLot, FoldedPosition, FoldedSale, LotFold
from portfolio.rules.lots import LotMethod
from portfolio.tests import plain_lots
from portfolio.tests.accounts import buy, reprice, sell, shown, text
from portfolio.tests.random_trader import Account, plain

pytestmark = pytest.mark.django_db


def assert_answers_follow(account, method=None):
    """holdings/, lots/ and realized/ are those of the plain lots, by a method or one's own."""
    user, now = account.user, account.at
    asked = {} if method is None else {"lot_method": method.value}
    books = plain(user, method or lot_settings.matching(user.pk), until=now)
    size = account.random.choice([2, 7, 200])
    rows = pages(user, "lots", now=now, page_size=size, **asked)
    assert [
        (row["symbol"], row["id"], row["quantity"], row["cost_basis"], row["acquired_at"])
        for row in rows
    ] == sorted(
        (
            (symbol, lot.trade_id, amount(lot.quantity), f"{lot.cost_basis}", text(lot.acquired_at))
            for symbol, book in books.items()
            for lot in book.open
        ),
        key=lambda row: row[1],
        reverse=True,
    )
    assert [
        (row["symbol"], row["id"], [tuple(part.values()) for part in row["parts"]])
        for row in pages(user, "realized", now=now, page_size=size, **asked)
    ] == expected_sales(books)
    holdings = shown(user, "holdings", now=now, **asked)
    for row in holdings["results"]:
        book = books[row["symbol"]]
        assert (row["cost_basis"], row["realized_pnl"]) == (
            f"{book.cost_basis:.2f}",
            f"{book.realized_pnl:.2f}",
        )
        of_it = [lot for lot in rows if lot["symbol"] == row["symbol"]]
        # In order of purchase, each running total is that part of the whole, rounded.
        values = {lot["id"]: lot["market_value"] for lot in of_it}
        parts = plain_lots.split_amount(
            Decimal(row["market_value"]), by=[lot.quantity for lot in book.open]
        )
        assert [values[lot.trade_id] for lot in book.open] == [f"{part}" for part in parts]
    assert (
        holdings["totals"]["realized_pnl"] == f"{sum(b.realized_pnl for b in books.values()):.2f}"
    )


def expected_sales(books):
    sales = defaultdict(list)
    for symbol, book in books.items():
        for part in book.realized:
            figures = (part.proceeds, part.cost_basis, part.gain)
            sales[part.sale_id, symbol].append(
                (
                    part.lot_trade_id,
                    amount(part.quantity),
                    *(f"{figure:.2f}" for figure in figures),
                    part.term,
                    text(part.acquired_at),
                )
            )
    return [(symbol, key, sales[key, symbol]) for key, symbol in sorted(sales, reverse=True)]


def amount(quantity):
    return f"{quantity:f}".rstrip("0").rstrip(".") if "." in f"{quantity:f}" else f"{quantity:f}"


def pages(user, path, **query):
    """All rows, page by page."""
    page = shown(user, path, **query)
    rows = page["results"]
    while page["next"]:
        [cursor] = parse_qs(urlsplit(page["next"]).query)["cursor"]
        page = shown(user, path, cursor=cursor, **query)
        rows += page["results"]
    return rows


@pytest.mark.parametrize("seed", range(3))
def test_wherever_it_is_folded_the_answers_follow_from_all_executions(seed, monkeypatch):
    account = Account(seed, chooses=True)
    for number in range(24):
        account.step()
        chance = account.random
        monkeypatch.setattr(kept_lots, "FOLDED_BY_A_READ", chance.choice([0, 3, 10, 200]))
        monkeypatch.setattr(kept_lots, "STORED_AT_ONCE", chance.choice([1, 2, 7, 50]))
        monkeypatch.setattr(lot_rows, "BATCH", chance.choice([1, 2, 50]))
        if chance.random() < 0.05:
            lot_rows.remove(account.user.pk)
        assert_answers_follow(account, [*LotMethod][number % 4])
        assert_answers_follow(account)
    monkeypatch.setattr(kept_lots, "FOLDED_BY_A_READ", 0)
    for asked in (*LotMethod, None):
        assert_answers_follow(account, asked)
    assert rebuilding.differences(account.user.pk) == []
    own = lot_settings.matching(account.user.pk).value
    _, fees_in_cost = lot_settings.chosen(account.user.pk)
    names = {f"{method}{'' if fees_in_cost else '-net'}" for method in (*LotMethod, own)}
    assert sorted(LotFold.objects.values_list("lot_method", flat=True)) == sorted(names)
    lot_settings.change(owner_id=account.user.pk, fees_in_cost=not fees_in_cost, now=account.at)
    for asked in (LotMethod.HIFO, None):
        assert_answers_follow(account, asked)
    assert rebuilding.differences(account.user.pk) == []
    assert FoldedSale.objects.exists()
    assert FoldedPosition.objects.exists()
    assert Execution.objects.filter(order__lots__isnull=False).exists()


@pytest.fixture
def traded(alice, aapl):
    """Three lots, of which one and a half are sold; stored as far as that."""
    for minute in range(3):
        buy(alice, aapl, "2", "100.00", at=minutes(minute))
    sell(alice, aapl, "3", "110.00", at=minutes(3))
    kept_lots.catch_up(owner_id=alice.pk, lot_method=LotMethod.FIFO)
    return alice


def minutes(count):
    return NOW + timedelta(minutes=count)


def open_lots(user, *, now=None):
    rows = shown(user, "lots", now=now or minutes(9))["results"]
    return [(row["quantity"], row["cost_basis"]) for row in rows]


def test_what_is_booked_is_answered_at_once_and_stored_later(traded, aapl):
    [before] = LotFold.objects.all()

    sell(traded, aapl, "2", "120.00", at=minutes(4))

    assert open_lots(traded) == [("1", "100.00")]
    [row] = shown(traded, "holdings", now=minutes(4))["results"]
    assert (row["quantity"], row["cost_basis"], row["realized_pnl"]) == ("1", "100.00", "70.00")
    assert LotFold.objects.get() == before
    assert LotFold.objects.get().through == before.through
    assert FoldedLot.objects.count() == 2


def test_postings_without_trades_are_not_read_again_for_ever(traded, aapl, monkeypatch):
    monkeypatch.setattr(kept_lots, "FOLDED_BY_A_READ", 10)
    before = LotFold.objects.get().through
    for minute in range(4, 10):
        order = place(traded, "buy", "1", limit="1.00", now=minutes(minute))
        orders.cancel(owner_id=traded.pk, order_id=order.pk, now=minutes(minute))

    open_lots(traded)

    assert LotFold.objects.get().through > before


# More than is left by then, or less than that.
@pytest.mark.parametrize(("sold", "left"), [("2", "1"), ("1", "2")])
def test_lots_that_go_on_while_they_are_read_are_read_again(sold, left, traded, aapl, monkeypatch):
    """Another request stores what it has folded between two of this one's statements."""
    in_order = lot_rows.in_order
    begun: list[bool] = []

    def overtaken(*args):
        if not begun:
            begun.append(True)
            kept_lots.catch_up(owner_id=traded.pk, lot_method=LotMethod.FIFO)
        return in_order(*args)

    sell(traded, aapl, sold, "120.00", at=minutes(4))
    monkeypatch.setattr(lot_rows, "in_order", overtaken)

    assert open_lots(traded) == [(left, f"{left}00.00")]
    assert begun


def test_lots_that_are_removed_while_they_are_read_are_read_again(traded, aapl, monkeypatch):
    in_order = lot_rows.in_order

    def removed(*args):
        lot_rows.remove(traded.pk)
        return in_order(*args)

    sell(traded, aapl, "2", "120.00", at=minutes(4))
    monkeypatch.setattr(lot_rows, "in_order", removed)

    assert open_lots(traded) == [("1", "100.00")]


def test_of_two_that_fold_at_once_one_stores_it(traded, aapl, monkeypatch):
    sell(traded, aapl, "2", "120.00", at=minutes(4))
    advance, answers = lot_rows.advance, []

    def advance_twice(*args):
        answers.extend([advance(*args), advance(*args)])
        return answers[0]

    monkeypatch.setattr(lot_rows, "advance", advance_twice)
    kept_lots.catch_up(owner_id=traded.pk, lot_method=LotMethod.FIFO)

    assert answers == [True, False]
    assert rebuilding.differences(traded.pk) == []
    assert FoldedSale.objects.count() == 2


def test_executions_whose_ids_do_not_tell_their_time_are_found_too(traded, aapl, monkeypatch):
    """Nothing in the database says that they do."""
    monkeypatch.setattr(execution, "uuid7", lambda at: uuid4())

    sold = sell(traded, aapl, "1", "120.00", at=minutes(4)).executions.get()

    assert open_lots(traded) == [("2", "200.00")]
    assert str(sold.pk) in [row["id"] for row in shown(traded, "realized")["results"]]


def test_a_history_that_sells_more_than_it_has_bought_has_no_lots(traded, aapl):
    give(traded, aapl.asset, "5")
    sell(traded, aapl, "8", "120.00", at=minutes(4))

    for _ in range(2):
        assert open_lots(traded) == []
        assert shown(traded, "realized")["results"] == []
        totals = shown(traded, "holdings", now=minutes(4))["totals"]
        assert totals["realized_pnl"] == "0.00"
        kept_lots.catch_up(owner_id=traded.pk, lot_method=LotMethod.FIFO)
    assert not FoldedLot.objects.exists()
    assert not FoldedSale.objects.exists()


def test_holdings_read_as_many_rows_for_any_number_of_executions(alice, aapl, monkeypatch):
    def rows_read(count):
        for _ in range(count):
            place(alice, "buy", "1", now=minutes(0))
            place(alice, "sell", "0.5", now=minutes(0))
        kept_lots.catch_up(owner_id=alice.pk, lot_method=LotMethod.FIFO)
        rows.clear()
        # Tomorrow, so that none of it is activity of the day.
        shown(alice, "holdings", now=minutes(24 * 60))
        return sum(rows)

    reprice(aapl, "100.00", at=minutes(0))
    rows: list[int] = []
    query = statements.query

    def count(*args, **options):
        found = query(*args, **options)
        rows.append(len(found))
        return found

    monkeypatch.setattr(statements, "query", count)

    assert rows_read(2) == rows_read(30)
    assert FoldedLot.objects.count() == 16


def run(*arguments):
    out, err = StringIO(), StringIO()
    try:
        call_command("rebuild_portfolio", *arguments, stdout=out, stderr=err)
    except CommandError as error:
        return out.getvalue(), err.getvalue(), str(error)
    return out.getvalue(), err.getvalue(), ""


def test_what_is_stored_can_be_compared_and_stored_anew(traded, bob, aapl):
    buy(bob, aapl, "1", "100.00", at=minutes(5))
    assert run("--check") == ("2 customers checked: 0 differences.\n", "", "")

    FoldedLot.objects.filter(units_left=1_000_000).update(cost_left=1)
    FoldedSale.objects.all().delete()
    out, err, error = run("--check", "--owner", "alice@example.com")
    assert (out, error[:14]) == ("", "2 differences.")
    assert err.splitlines() == [
        f"owner {traded.pk}, fifo: the stored {name} of AAPL are not those of its history"
        for name in ("lots", "sales")
    ]

    assert run("--after", str(min(traded.pk, bob.pk)))[0] == "1 customers stored anew.\n"
    assert run() == ("2 customers stored anew.\n", "", "")
    assert run("--check") == ("2 customers checked: 0 differences.\n", "", "")
    assert LotFold.objects.count() == 2
    assert run("--owner", "nobody@example.com")[2] == "There is no customer nobody@example.com."


@pytest.mark.django_db(transaction=True)
def test_while_some_trade_and_others_read_nothing_is_folded_twice_or_left_out(
    alice, aapl, monkeypatch
):
    monkeypatch.setattr(kept_lots, "FOLDED_BY_A_READ", 8)
    monkeypatch.setattr(kept_lots, "STORED_AT_ONCE", 6)
    reprice(aapl, "100.00", at=NOW)
    trades_left = [TRADERS]

    def trade():
        try:
            for _ in range(12):
                place(alice, "buy", "2", now=NOW)
                place(alice, "sell", "1.5", now=NOW)
        finally:
            trades_left[0] -= 1

    def read(method):
        seen = []
        while trades_left[0] > 0:
            book = kept_lots.read(owner_id=alice.pk, lot_method=method, answer=whole, has_rows=True)
            seen.append(book)
        return seen

    calls = [trade] * TRADERS + [partial(read, method) for method in LotMethod]
    answers = at_once(calls)

    for seen in filter(None, answers):
        for totals, units, realized in seen:
            assert (totals.units, totals.realized) == (units, realized)
    assert rebuilding.differences(alice.pk) == []
    assert run("--check")[2] == ""


TRADERS = 2


def whole(lots):
    """The sums, and what the lots and sales of the same moment sum to."""
    folded = lots.fold_of("AAPL")
    open_now = folded.all_lots()
    sales = [*rebuilding._stored_sales(lots, "AAPL"), *folded.sales]
    gains = [part.proceeds - part.cost for sale in sales for part in sale.parts]
    return folded.totals, sum(lot.units_left for lot in open_now), sum(gains)
