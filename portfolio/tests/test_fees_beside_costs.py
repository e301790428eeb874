"""A setting leaves fees out of costs and proceeds: they are figures of their own, and add up."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from authentication.tests.api_client import signed_in_client
from banking.tests.parallel import at_once
from exchange.models import FeeSchedule
from exchange.tests.market import NOW, make_instrument
from portfolio import (
    holdings,
    kept_lots,
    lot_rows,
    lot_settings,
    plain_ledger,
    rebuilding,
    tax_lots,
)
from portfolio.lot_rows import Page
from portfolio.models import FoldedLot, FoldedPosition, LotFold, PortfolioSettings
from portfolio.rules.lots import LotMethod
from portfolio.tests.accounts import buy, get, sell, shown
from portfolio.tests.random_trader import Account
from portfolio.tests.test_kept_lots import run

pytestmark = pytest.mark.django_db

URL = "/api/portfolio/settings/"
LATER = NOW + timedelta(days=3)


def put(user, body, *, at=LATER):
    with time_machine.travel(at, tick=False):
        answer = signed_in_client(user).put(URL, body)
    assert answer.status_code == 200, answer.content
    return answer.json()


def leave_out(user, *, fees_in_cost=False):
    lot_settings.change(owner_id=user.pk, fees_in_cost=fees_in_cost, now=LATER)


@pytest.fixture
def btc(alice):
    """The example of docs/portfolio.md: a purchase with a fee of 15.00, a sale with one of 7.75."""
    coin = make_instrument("BTC-USD", "crypto")
    buy(alice, coin, "0.1", "60000.00", at=NOW)
    sell(alice, coin, "0.05", "62000.00", at=NOW + timedelta(minutes=1))
    return coin


@pytest.fixture(params=["folded", "stored"])
def read_like(request, monkeypatch):
    """Every read stores what it has read, or none does."""
    if request.param == "stored":
        monkeypatch.setattr(kept_lots, "FOLDED_BY_A_READ", 0)


def figures(user, names=("cost_basis", "unrealized_pnl", "realized_pnl", "fees"), **query):
    totals = shown(user, "holdings", now=LATER, **query)["totals"]
    return [totals[name] for name in names]


WITH = ["3007.50", "92.50", "84.75", "0.00"]
WITHOUT = ["3000.00", "100.00", "100.00", "22.75"]


@pytest.mark.parametrize("method", [{}, {"lot_method": "hifo"}, {"lot_method": "average"}])
def test_fees_stand_beside_costs_and_gains_over_the_whole_history(alice, btc, method, read_like):
    assert figures(alice, **method) == WITH
    before = shown(alice, "allocation", now=LATER)

    assert put(alice, {"fees_in_cost": False}) == {
        "lot_method": "fifo",
        "lot_methods": [],
        "fees_in_cost": False,
    }

    for _ in range(2):
        assert figures(alice, **method) == WITHOUT
        [held] = shown(alice, "holdings", now=LATER, **method)["results"]
        assert (held["average_cost"], held["fees"]) == ("60000.00", "22.75")
        [lot] = shown(alice, "lots", now=LATER, **method)["results"]
        assert (lot["cost_basis"], lot["unrealized_pnl"]) == ("3000.00", "100.00")
        [sale] = shown(alice, "realized", now=LATER, **method)["results"]
        names = ("proceeds", "cost_basis", "gain", "fees")
        assert [sale[name] for name in names] == ["3100.00", "3000.00", "100.00", "7.75"]
        assert [part["gain"] for part in sale["parts"]] == ["100.00"]
        assert shown(alice, "allocation", now=LATER) == before
        assert rebuilding.differences(alice.pk) == []
    put(alice, {"fees_in_cost": True})
    assert figures(alice, **method) == WITH


def test_a_statement_has_fees_as_a_line_of_its_own(alice, btc):
    with_fees = shown(alice, "statements/2026-03", now=LATER)
    leave_out(alice)
    without = shown(alice, "statements/2026-03", now=LATER)

    names = ("realized_gains", "unrealized_gains", "fees", "other")
    assert [with_fees["equity"][name] for name in names] == ["84.75", "92.50", "0.00", "0.00"]
    assert [without["equity"][name] for name in names] == ["100.00", "100.00", "-22.75", "0.00"]
    assert (with_fees["fees_in_cost"], without["fees_in_cost"]) == (True, False)
    assert with_fees["fees"] == without["fees"] == "22.75"
    for same in ("cash", "trades"):
        assert without[same] == with_fees[same]
    [gain], [held] = without["realized"], without["holdings"]
    assert (gain["proceeds"], gain["cost_basis"], gain["gain"]) == ("3100.00", "3000.00", "100.00")
    assert (held["cost_basis"], held["unrealized_pnl"]) == ("3000.00", "100.00")
    file = get(alice, "statements/2026-03", now=LATER, format="csv").content.decode()
    assert "equity,fees,,,,,,,-22.75," in file


@pytest.mark.parametrize("seed", range(4))
def test_realized_and_unrealized_gains_less_fees_are_the_same_either_way(seed):
    account = Account(seed, chooses=True)
    for _ in range(30):
        account.step()
    user, now = account.user, account.at
    for asked in (*({"lot_method": method.value} for method in LotMethod), {}):
        sums = []
        for fees_in_cost in (True, False):
            leave_out(user, fees_in_cost=fees_in_cost)
            found = shown(user, "holdings", now=now, **asked)
            assert (found["totals"]["fees"] == "0.00") is fees_in_cost
            rows = {row["symbol"]: earned(row) for row in found["results"]}
            sums.append((earned(found["totals"]), rows, found["totals"]["equity"]))
        assert sums[0] == sums[1]


def earned(row):
    gains = Decimal(row["realized_pnl"]) + Decimal(row["unrealized_pnl"])
    return gains - Decimal(row["fees"])


def test_taxes_always_count_fees(alice, aapl):
    """A loss of 4 shares at 1 %: 4 x (190 - 170), and 7.60 and 6.80 of fees; 3 are replaced."""
    FeeSchedule.objects.update_or_create(
        asset_class="stock", defaults={"maker_bps": 100, "taker_bps": 100}
    )
    for day, (trade, quantity, price) in enumerate(
        [(buy, "10", "190.00"), (sell, "4", "170.00"), (buy, "3", "171.00")]
    ):
        trade(alice, aapl, quantity, price, at=NOW + timedelta(days=day))
    documents = ("wash-sales", "form-8949")
    before = [shown(alice, name, now=LATER) for name in documents]

    put(alice, {"fees_in_cost": False})

    assert [shown(alice, name, now=LATER) for name in documents] == before
    [line] = [row for row in before[1]["results"] if row["code"] == "W"]
    assert (line["proceeds"], line["cost_basis"]) == ("673.20", "767.60")
    assert before[0]["totals"]["disallowed_loss"] == "70.80"
    ledger = plain_ledger.beancount(owner_id=alice.pk, lot_method=LotMethod.FIFO, now=LATER)
    assert "{191.90 USD, " in "".join(ledger)  # a share with its fee


def test_what_is_left_out_of_a_change_stays(alice, aapl):
    """Also a method that is to count from tomorrow."""
    buy(alice, aapl, "2", "100.00", at=NOW)
    sell(alice, aapl, "1", "100.00", at=LATER)
    tomorrow = [{"lot_method": "lifo", "from_day": "2026-03-06"}]
    put(alice, {"lot_method": "lifo"})

    assert put(alice, {"fees_in_cost": False})["lot_methods"] == tomorrow
    assert put(alice, {"lot_method": "lifo"})["fees_in_cost"] is False
    assert put(alice, {"lot_method": "hifo", "fees_in_cost": True}) == {
        "lot_method": "fifo",
        "lot_methods": [{"lot_method": "hifo", "from_day": "2026-03-06"}],
        "fees_in_cost": True,
    }


def test_the_same_choice_again_leaves_what_is_stored(alice, btc):
    leave_out(alice)
    kept_lots.catch_up(owner_id=alice.pk, lot_method=LotMethod.FIFO)
    before = sorted(FoldedLot.objects.values_list())

    leave_out(alice)

    assert before
    assert sorted(FoldedLot.objects.values_list()) == before


# The moments at which another request changes the setting: before the fold is begun, and before
# what was read is stored.
@pytest.mark.parametrize("moment", ["begin", "advance"])
@pytest.mark.parametrize("first", [True, False])
def test_who_folds_by_an_earlier_setting_leaves_nothing_that_is_read(
    moment, first, alice, btc, monkeypatch
):
    leave_out(alice, fees_in_cost=first)
    do = getattr(lot_rows, moment)
    changed: list[bool] = []

    def overtaken(*args, **options):
        if not changed:
            changed.append(True)
            # Who folds has not seen the change: what is stored is not removed under its hands.
            PortfolioSettings.objects.filter(owner=alice).update(fees_in_cost=not first)
        return do(*args, **options)

    monkeypatch.setattr(lot_rows, moment, overtaken)
    kept_lots.catch_up(owner_id=alice.pk, lot_method=LotMethod.FIFO)

    assert changed
    for fees_in_cost in (not first, first):
        PortfolioSettings.objects.filter(owner=alice).update(fees_in_cost=fees_in_cost)
        assert figures(alice) == (WITH if fees_in_cost else WITHOUT)
        assert rebuilding.differences(alice.pk) == []


def test_what_is_stored_without_fees_can_be_compared_and_stored_anew(alice, btc):
    leave_out(alice)
    kept_lots.catch_up(owner_id=alice.pk, lot_method=LotMethod.FIFO)
    assert run("--check") == ("1 customers checked: 0 differences.\n", "", "")

    FoldedPosition.objects.update(fees=1)
    assert run("--check")[1].splitlines() == [
        f"owner {alice.pk}, fifo: the stored sums of BTC-USD are not those of its history"
    ]

    assert run() == ("1 customers stored anew.\n", "", "")
    assert run("--check") == ("1 customers checked: 0 differences.\n", "", "")
    assert LotFold.objects.get().lot_method == "fifo-net"
    assert figures(alice) == WITHOUT


def test_the_setting_costs_no_statement_but_one_for_the_fees_of_a_page_of_sales(alice, btc):
    def statements():
        found = []
        for method in (None, LotMethod.FIFO):
            asked = {"owner_id": alice.pk, "lot_method": method}
            page = Page(None, 20)
            for read in (
                partial(holdings.holdings, **asked, now=LATER),
                partial(tax_lots.open_lots, **asked, page=page, now=LATER),
                partial(tax_lots.sales, **asked, page=page),
            ):
                with CaptureQueriesContext(connection) as queries:
                    read()
                found.append(len(queries))
        return found

    before = statements()
    leave_out(alice)
    assert statements() == [count + (place % 3 == 2) for place, count in enumerate(before)]
    leave_out(alice, fees_in_cost=True)
    assert statements() == before


@pytest.mark.django_db(transaction=True)
def test_while_it_changes_every_answer_is_of_one_setting(alice, monkeypatch):
    monkeypatch.setattr(kept_lots, "FOLDED_BY_A_READ", 0)
    coin = make_instrument("BTC-USD", "crypto")
    buy(alice, coin, "0.1", "60000.00", at=NOW)
    changes_left = [1]

    def change():
        try:
            for number in range(12):
                leave_out(alice, fees_in_cost=number % 2 == 1)
        finally:
            changes_left[0] -= 1
        return set()

    def read(method):
        seen: set[tuple[Decimal, Decimal]] = set()
        while changes_left[0] > 0:
            found = holdings.holdings(owner_id=alice.pk, lot_method=method, now=LATER)
            seen.add((found.totals.cost_basis, found.totals.fees))
        return seen

    calls = [partial(change), partial(read, LotMethod.FIFO), partial(read, None)]
    seen: list[set[tuple[Decimal, Decimal]]] = at_once(calls)

    with_fees, fee = Decimal("6015.00"), Decimal("15.00")
    either = {(with_fees, Decimal(0)), (with_fees - fee, fee)}
    assert all(seen[1:])
    assert set().union(*seen) <= either
    for fees_in_cost in (True, False):
        leave_out(alice, fees_in_cost=fees_in_cost)
        for method in (None, LotMethod.FIFO):
            holdings.holdings(owner_id=alice.pk, lot_method=method, now=LATER)
        assert rebuilding.differences(alice.pk) == []
