"""Stored lots: what is answered is what follows from all executions, however it was folded."""

import random
from collections import defaultdict
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from functools import partial
from io import StringIO
from itertools import accumulate
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command

from banking.models import JournalEntry, OpeningLot
from banking.rules.assets import USD
from banking.tests.parallel import at_once
from be.database import statements
from be.kernel.refusals import Refusal
from exchange.models import ActionKind, Entitlement, Execution, Instrument, Quote, TimeInForce
from exchange.tests.market import (
    NOW,
    advance,
    give,
    make_bond,
    make_customer,
    make_instrument,
    place,
    tick,
)
from exchange.trading import orders
from exchange.trading.intake.requests import NamedLot
from exchange.trading.settlement import execution
from portfolio import kept_lots, lot_rows, lot_settings, rebuilding
from portfolio.models import FoldedLot, FoldedPosition, FoldedSale, LotFold
from portfolio.rules.lots import LotMethod
from portfolio.tests import plain_lots
from portfolio.tests.accounts import buy, carry_out, reprice, sell, shown, text
from portfolio.tests.random_accounts import bring_some

pytestmark = pytest.mark.django_db


class Account:
    """A customer who trades at random."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.user = make_customer("alice@example.com", dollars="50000000")
        self.stock = make_instrument("AAPL", name="Apple Inc.")
        self.coin = make_instrument("BTC-USD", "crypto")
        self.bond = make_bond()
        self.at = NOW
        if seed % 2:
            prices = {each: self.price() for each in (self.stock, self.coin, self.bond)}
            bring_some(self.random, prices, self.user, self.at)
        for _ in range(3):
            buy(self.user, self.stock, "2.5", self.price(), at=self.at)
        self.name(above=1)

    def step(self):
        self.at += timedelta(minutes=1, microseconds=self.random.randrange(10**6))
        choice = self.random.choice
        # A step may be refused (too small, nothing held, repaid): then nothing moves.
        with suppress(Refusal):
            choice(
                [self.buy] * 4
                + [self.sell] * 2
                + [self.name, partial(self.name, 1), self.meet, self.act, self.choose]
            )()

    def buy(self):
        instrument = self.random.choice([self.stock, self.stock, self.coin, self.bond])
        quantity = self.random.choice(["0.01", "0.020007", "1", "2.5", "3.333333"])
        if instrument == self.bond:
            quantity = f"{self.random.randint(1, 9)}000"
        buy(self.user, instrument, quantity, self.price(), at=self.at)

    def price(self):
        return self.random.choice(["100.17", "101.17", "103.17"])

    def sell(self):
        instrument = self.random.choice([self.stock, self.coin, self.bond])
        held = plain(self.user)[instrument.symbol].quantity
        step = Decimal(1000) if instrument == self.bond else Decimal("0.000001")
        quantity = held * self.random.choice([100, self.random.randint(1, 99)]) / 100
        reprice(instrument, self.price(), at=self.at)
        # An order that has waited for a lock is executed at the time at which it came.
        late = timedelta(seconds=self.random.choice([0, 0, 90]))
        quantity -= quantity % step
        place(self.user, "sell", f"{quantity}", symbol=instrument.symbol, now=self.at - late)

    def name(self, above=0):
        """Some of the lots, in an order that is filled at once, or waits above the market."""
        book = plain(self.user)["AAPL"]
        lots = self.random.sample(book.open, min(len(book.open), 3))
        named = [
            NamedLot(UUID(lot.trade_id), min(lot.quantity, Decimal(self.random.choice(["1", "2"]))))
            for lot in lots
        ]
        quantity = sum((lot.quantity for lot in named), Decimal(0))
        reprice(self.stock, self.price(), at=self.at)
        limit = Quote.objects.get(instrument=self.stock).bid + above
        place(
            self.user,
            "sell",
            f"{quantity}",
            limit=f"{limit}",
            now=self.at,
            time_in_force=TimeInForce.GTC,
            lots=tuple(named),
        )

    def meet(self):
        """The market comes to the orders that wait, with less than they sell."""
        bid = Quote.objects.get(instrument=self.stock).bid + 2
        size = self.random.choice(["0.5", "1.25", "100"])
        advance(tick("AAPL", f"{bid}", f"{bid + 1}", size=size), at=self.at)

    def choose(self):
        """Another lot method of one's own; some days later, or now."""
        self.at += timedelta(days=self.random.choice([0, 0, 1, 2]))
        method = self.random.choice([*LotMethod])
        lot_settings.change(owner_id=self.user.pk, lot_method=method, now=self.at)

    def act(self):
        if self.random.random() < 0.15 and self.bond.tradable:
            carry_out(self.bond, ActionKind.REDEMPTION, at=self.at, amount=Decimal("100.5"))
            self.bond.refresh_from_db()
        else:
            new, old = self.random.choice([(2, 1), (3, 2), (7, 3), (1, 7), (1, 1000)])
            reprice(self.stock, self.price(), at=self.at)
            if Quote.objects.get(instrument=self.stock).high * old / new > 10**6:
                new, old = old, new  # no price, not the highest of the day, may be too high
            carry_out(self.stock, ActionKind.SPLIT, at=self.at, new_shares=new, old_shares=old)


def plain(user, method=LotMethod.FIFO, until=None):
    """The lots by symbol, in plain decimals, from everything that was ever booked."""
    booked: dict[str, list[plain_lots.Event]] = defaultdict(list)
    to_take: dict[UUID, list[list[Any]]] = {}
    for entry in JournalEntry.objects.order_by("pk"):
        for fill in Execution.objects.filter(owner=user, trade_id=entry.reference).order_by("pk"):
            instrument, buys = fill.order.instrument, fill.order.side == "buy"
            lots = to_take.setdefault(fill.order_id, [[*lot] for lot in fill.order.lots or ()])
            booked[instrument.symbol].append(
                plain_lots.Trade(
                    str(fill.pk),
                    "buy" if buys else "sell",
                    instrument.asset.amount(fill.quantity),
                    USD.amount(fill.cents + (fill.fee_cents if buys else -fill.fee_cents)),
                    fill.executed_at,
                    [*taken_from(lots, fill.quantity, instrument.asset)],
                )
            )
        for lot in OpeningLot.objects.filter(delivery=entry.reference).order_by("pk"):
            quantity = Instrument.objects.get(symbol=lot.asset).asset.amount(lot.units)
            cost = USD.amount(lot.cost_cents)
            booked[lot.asset].append(
                plain_lots.Trade(str(lot.pk), "buy", quantity, cost, lot.acquired_at)
            )
        changes = Entitlement.objects.filter(action__kind__in=("split", "redemption"))
        for each in changes.filter(owner=user, pk=entry.reference):
            instrument, key, at = each.action.instrument, str(each.pk), each.carried_out_at
            before, after = map(instrument.asset.amount, (each.units, each.units_after))
            booked[instrument.symbol].append(
                plain_lots.Split(key, before, after, at)
                if each.action.kind == ActionKind.SPLIT
                else plain_lots.Trade(key, "sell", before, USD.amount(each.cents), at)
            )
    found = defaultdict(lambda: plain_lots.match_lots([], method=method))
    for symbol, events in booked.items():
        times = accumulate((each.at for each in events), max)
        in_order = [
            type(each)(**{name: getattr(each, name) for name in each.__slots__} | {"at": at})
            for each, at in zip(events, times, strict=True)
        ]
        found[symbol] = plain_lots.match_lots(in_order, method=method, until=until)
    return found


def taken_from(lots, units, asset):
    """Take what a fill takes from the lots that are still named."""
    while units and lots:
        lot_id, left = lots[0]
        part = min(units, left)
        yield lot_id, asset.amount(part)
        units -= part
        lots[0][1] -= part
        if not lots[0][1]:
            del lots[0]


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
    account = Account(seed)
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
    assert sorted(LotFold.objects.values_list("lot_method", flat=True)) == sorted({*LotMethod, own})
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
