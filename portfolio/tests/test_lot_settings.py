"""The lot method of one's own: from which day it counts, and that no sale is matched anew.

Fees beside the costs: `test_fees_beside_costs.py`.
"""

from datetime import date, timedelta
from functools import partial

import pytest
import time_machine

from authentication.tests.api_client import signed_in_client
from authentication.tests.problems import assert_problem
from banking.tests.parallel import at_once
from exchange.models import ActionKind
from exchange.tests.market import NOW
from portfolio import kept_lots, lot_rows, lot_settings, rebuilding
from portfolio.models import FoldedLot, FoldedPosition, FoldedSale, LotFold, PortfolioSettings
from portfolio.rules.lot_methods import MethodChange, MethodHistory
from portfolio.rules.lots import LotMethod
from portfolio.tests.accounts import buy, carry_out, sell, shown
from portfolio.tests.test_kept_lots import run

pytestmark = pytest.mark.django_db

URL = "/api/portfolio/settings/"
TODAY = date(2026, 3, 2)
WITH_FEES = {"fees_in_cost": True}


def days(count, *, hours=0):
    return NOW + timedelta(days=count, hours=hours)


def choose(user, method, *, at):
    with time_machine.travel(at, tick=False):
        answer = signed_in_client(user).put(URL, {"lot_method": method})
    assert answer.status_code == 200, answer.content
    return answer.json()


def settings_of(user, *, at):
    with time_machine.travel(at, tick=False):
        return signed_in_client(user).get(URL).json()


def change(method, day):
    return {"lot_method": method, "from_day": day.isoformat()}


def lots_of(user, *, at, **query):
    """What is left of each lot and its cost, the oldest first."""
    rows = shown(user, "lots", now=at, **query)["results"]
    return [(row["quantity"], row["cost_basis"]) for row in reversed(rows)]


def costs(user, *, at, **query):
    """What each sale had cost, the oldest first."""
    rows = shown(user, "realized", now=at, **query)["results"]
    return [row["cost_basis"] for row in reversed(rows)]


@pytest.fixture
def traded(alice, aapl):
    """Ten bought at 100, at 120 and at 110, on three days; five sold on the fourth."""
    for day, price in enumerate(("100.00", "120.00", "110.00")):
        buy(alice, aapl, "10", price, at=days(day))
    sell(alice, aapl, "5", "130.00", at=days(3))
    return alice


@pytest.fixture(params=["folded", "stored"])
def store(request, alice):
    """Stores what is the owner's own, or leaves it to each read."""

    def stored():
        if request.param == "stored":
            own = lot_settings.matching(alice.pk)
            kept_lots.catch_up(owner_id=alice.pk, lot_method=own)

    return stored


def test_nobody_has_to_choose(traded):
    assert settings_of(traded, at=days(4)) == {"lot_method": "fifo", "lot_methods": [], **WITH_FEES}
    assert costs(traded, at=days(4)) == ["500.00"]
    assert not PortfolioSettings.objects.exists()
    assert lot_settings.matching(traded.pk) is LotMethod.FIFO


def test_a_method_counts_from_its_day_and_leaves_earlier_sales_alone(traded, aapl, store):
    store()
    assert choose(traded, "hifo", at=days(4)) == {
        "lot_method": "hifo",
        "lot_methods": [change("hifo", TODAY + timedelta(days=4))],
        **WITH_FEES,
    }
    store()
    sell(traded, aapl, "12", "130.00", at=days(4, hours=1))

    # Of the dearest ten, and two of the next.
    assert costs(traded, at=days(5)) == ["500.00", "1420.00"]
    assert lots_of(traded, at=days(5)) == [("5", "500.00"), ("8", "880.00")]
    [held] = shown(traded, "holdings", now=days(5))["results"]
    assert (held["cost_basis"], held["realized_pnl"]) == ("1380.00", "290.00")
    # Asked for by name, a method has matched everything from the start.
    assert costs(traded, at=days(5), lot_method="hifo") == ["600.00", "1370.00"]
    assert costs(traded, at=days(5), lot_method="fifo") == ["500.00", "1340.00"]
    store()
    assert rebuilding.differences(traded.pk) == []


def test_after_a_sale_today_it_counts_from_tomorrow(traded, aapl):
    late = days(3, hours=1)
    assert choose(traded, "lifo", at=late) == {
        "lot_method": "fifo",
        "lot_methods": [change("lifo", TODAY + timedelta(days=4))],
        **WITH_FEES,
    }
    sell(traded, aapl, "5", "130.00", at=days(3, hours=2))
    sell(traded, aapl, "5", "130.00", at=days(4))

    assert costs(traded, at=days(5)) == ["500.00", "500.00", "550.00"]
    assert settings_of(traded, at=days(4))["lot_method"] == "lifo"


def test_after_a_corporate_action_today_too(traded, aapl):
    carry_out(aapl, ActionKind.SPLIT, at=days(4), new_shares=2, old_shares=1)

    [only] = choose(traded, "lifo", at=days(4, hours=1))["lot_methods"]
    assert only == change("lifo", TODAY + timedelta(days=5))


def test_a_day_is_one_of_new_york(traded):
    """Nine in the evening there is two in the morning of the next day in UTC."""
    [only] = choose(traded, "lifo", at=days(5, hours=11))["lot_methods"]

    assert only == change("lifo", TODAY + timedelta(days=5))


def test_the_last_word_of_a_day_counts_and_a_way_back_leaves_nothing(traded):
    choose(traded, "lifo", at=days(4))
    choose(traded, "average", at=days(4))
    assert choose(traded, "average", at=days(5)) == {
        "lot_method": "average",
        "lot_methods": [change("average", TODAY + timedelta(days=4))],
        **WITH_FEES,
    }
    version = PortfolioSettings.objects.get().version
    assert version == 2
    choose(traded, "fifo", at=days(6))
    assert choose(traded, "average", at=days(6))["lot_methods"] == [
        change("average", TODAY + timedelta(days=4))
    ]


def test_after_average_basis_each_share_keeps_the_average(traded, aapl, store):
    """26 CFR 1.1012-1(e)(9)(iv). Five of thirty were sold: 25 are left at 110 each."""
    choose(traded, "average", at=NOW - timedelta(days=9))
    store()
    average = [("5", "550.00"), ("10", "1100.00"), ("10", "1100.00")]
    assert lots_of(traded, at=days(4)) == average
    choose(traded, "hifo", at=days(5))
    store()
    assert lots_of(traded, at=days(5)) == average
    buy(traded, aapl, "1", "90.00", at=days(5))
    store()
    assert lots_of(traded, at=days(5)) == [*average, ("1", "90.00")]
    sell(traded, aapl, "6", "130.00", at=days(6))

    # All that cost the same: the oldest first.
    assert costs(traded, at=days(6)) == ["550.00", "660.00"]
    assert rebuilding.differences(traded.pk) == []


def test_average_basis_for_days_without_a_trade_counts_too(traded, aapl):
    choose(traded, "average", at=days(4))
    choose(traded, "fifo", at=days(6))
    # 500 + 1200 + 1100 over 25 shares is 112 each.
    average = [("5", "560.00"), ("10", "1120.00"), ("10", "1120.00")]
    assert lots_of(traded, at=days(5)) == average
    assert lots_of(traded, at=days(7)) == average

    sell(traded, aapl, "5", "130.00", at=days(7))
    assert costs(traded, at=days(7)) == ["500.00", "560.00"]


def test_lots_that_an_order_names_have_to_be_there_by_the_own_method(traded, aapl):
    first, second, _ = [row["id"] for row in shown(traded, "lots", now=days(3))["results"]][::-1]
    choose(traded, "hifo", at=days(4))
    sell(traded, aapl, "10", "130.00", at=days(4, hours=1))
    body = {"symbol": "AAPL", "side": "sell", "order_type": "market", "quantity": "5"}
    with time_machine.travel(days(4, hours=1), tick=False):
        client = signed_in_client(traded)
        url = "/api/exchange/api/v1/orders/"
        gone = client.post(url, {**body, "lots": [{"id": second, "quantity": "5"}]})
        there = client.post(url, {**body, "lots": [{"id": first, "quantity": "5"}]})

    assert_problem(gone, status=422, code="lots_not_there", field="lots")
    assert there.status_code == 201
    assert costs(traded, at=days(5)) == ["500.00", "1200.00", "500.00"]


def test_a_statement_of_a_time_that_is_over_stays(traded, aapl):
    with time_machine.travel(days(40), tick=False):
        before = signed_in_client(traded).get("/api/portfolio/statements/2026-03/").json()
    choose(traded, "lifo", at=days(40))
    with time_machine.travel(days(40), tick=False):
        after = signed_in_client(traded).get("/api/portfolio/statements/2026-03/").json()

    assert after == before
    assert after["lot_method"] == "fifo"


def test_a_choice_is_one_s_own(traded, bob, aapl):
    choose(traded, "lifo", at=days(4))

    assert settings_of(bob, at=days(4)) == {"lot_method": "fifo", "lot_methods": [], **WITH_FEES}
    assert lot_settings.matching(bob.pk) is LotMethod.FIFO


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"lot_method": "dearest"}, "lot_method"),
        ({"lot_method": None}, "lot_method"),
        ({}, "lot_method"),
        ({"fees_in_cost": None}, "fees_in_cost"),
        ({"fees_in_cost": "perhaps"}, "fees_in_cost"),
        ({"fees_in_cost": "no"}, "fees_in_cost"),
        ({"fees_in_cost": 0}, "fees_in_cost"),
        ({"lot_method": "dearest", "fees_in_cost": False}, "lot_method"),
        ({"lot_method": "lifo", "from_day": "2026-03-02"}, "from_day"),
    ],
)
def test_what_is_no_choice_is_a_400_and_changes_nothing(traded, body, field):
    answer = signed_in_client(traded).put(URL, body)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not PortfolioSettings.objects.exists()


def test_who_folds_by_an_earlier_choice_leaves_nothing_that_is_read(traded, aapl):
    choose(traded, "lifo", at=days(4))
    earlier = lot_settings.matching(traded.pk)
    choose(traded, "hifo", at=days(4))
    kept_lots.catch_up(owner_id=traded.pk, lot_method=earlier)
    sell(traded, aapl, "5", "130.00", at=days(4))

    assert costs(traded, at=days(4)) == ["500.00", "600.00"]
    assert rebuilding.differences(traded.pk) == []
    rebuilding.rebuild(traded.pk)
    assert not LotFold.objects.filter(lot_method=earlier.value).exists()


def test_a_check_stores_nothing(traded, aapl, monkeypatch):
    kept_lots.catch_up(owner_id=traded.pk, lot_method=LotMethod.FIFO)
    sell(traded, aapl, "5", "130.00", at=days(4))
    monkeypatch.setattr(kept_lots, "FOLDED_BY_A_READ", 0)

    def stored():
        tables = (LotFold, FoldedPosition, FoldedLot, FoldedSale)
        return [sorted(table.objects.values_list()) for table in tables]

    before = stored()
    assert run("--check") == ("1 customers checked: 0 differences.\n", "", "")
    assert stored() == before


def test_many_lots_of_one_cost_are_read_in_order(alice, aapl, monkeypatch):
    monkeypatch.setattr(lot_rows, "BATCH", 2)
    for minute, price in enumerate(["100.00"] * 5 + ["90.00"] + ["100.00"] * 4 + ["110.00"]):
        buy(alice, aapl, "1", price, at=NOW + timedelta(minutes=minute))
    kept_lots.catch_up(owner_id=alice.pk, lot_method=LotMethod.HIFO)
    stored = lot_rows.stored(alice.pk, LotMethod.HIFO)

    read = lot_rows.in_order(stored, "AAPL", LotMethod.HIFO)
    assert [lot.number for lot in read] == [11, 1, 2, 3, 4, 5, 7, 8, 9, 10, 6]


@pytest.mark.django_db(transaction=True)
def test_of_choices_at_once_each_is_a_version(alice, aapl):
    calls = [
        partial(lot_settings.change, owner_id=alice.pk, lot_method=method, now=NOW)
        for method in (LotMethod.LIFO, LotMethod.HIFO, LotMethod.AVERAGE)
    ]

    at_once(calls)

    found = PortfolioSettings.objects.get()
    assert found.version == 3
    [(day, method)] = found.lot_methods
    assert (day, method in {"lifo", "hifo", "average"}) == ("2026-03-02", True)
    matching = lot_settings.matching(alice.pk)
    assert matching == MethodHistory("own3", [MethodChange(TODAY, LotMethod(method))])
