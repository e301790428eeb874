"""What coupons, redemptions and splits are in holdings, lots and performance."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authentication.tests.api_client import signed_in_client
from exchange.corporate import processing
from exchange.models import ActionKind, Entitlement, Instrument
from exchange.tests.market import NOW, advance, make_bond, make_instrument, place, set_quote, tick
from portfolio import splits
from portfolio.rules.lots import LotMethod
from portfolio.tests import plain_lots
from portfolio.tests.accounts import (
    START,
    buy,
    carry_out,
    closes,
    deposit,
    open_account,
    reprice,
    sell,
    shown,
)
from portfolio.tests.plain_lots import Split, Trade

D = Decimal
HOUR = timedelta(hours=1)


def get(user: Any, path: str) -> Any:
    answer = signed_in_client(user).get(f"/api/portfolio/{path}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def split(instrument: Instrument, new: int, old: int, at: Any) -> None:
    carry_out(instrument, ActionKind.SPLIT, at=at, new_shares=new, old_shares=old)


@pytest.mark.django_db
def test_a_split_changes_neither_cost_nor_value_nor_gain():
    aapl = make_instrument()
    alice = open_account("alice@example.com", deposits="10000", at=START)
    buy(alice, aapl, "3", "100.00", at=START + HOUR)
    buy(alice, aapl, "2", "110.00", at=START + 2 * HOUR)
    reprice(aapl, "120.00", at=START + 3 * HOUR)
    before = get(alice, "holdings/")

    split(aapl, 4, 1, NOW)

    after = get(alice, "holdings/")
    (row,) = after["results"]
    assert (row["quantity"], row["price"], row["average_cost"]) == ("20", "30.00", "26.00")
    for name in ("cost_basis", "market_value", "unrealized_pnl"):
        assert row[name] == before["results"][0][name]
    # The previous close is on the price grid, so the day's change may be off by a fraction of it.
    for totals in (before["totals"], after["totals"]):
        totals.pop("day_change")
    assert after["totals"] == before["totals"]
    first, second = get(alice, "lots/")["results"][::-1]
    assert (first["quantity"], first["cost_basis"]) == ("12", "300.00")
    assert (second["quantity"], second["cost_basis"]) == ("8", "220.00")
    assert first["acquired_at"] < second["acquired_at"]


@pytest.mark.django_db
def test_a_sale_after_a_split_realizes_the_old_cost_of_new_shares():
    aapl = make_instrument()
    alice = open_account("alice@example.com", deposits="10000", at=START)
    buy(alice, aapl, "3", "100.00", at=START + HOUR)
    split(aapl, 2, 1, NOW)

    sell(alice, aapl, "4", "60.00", at=NOW + HOUR)

    (sale,) = get(alice, "realized/")["results"]
    assert (sale["proceeds"], sale["cost_basis"], sale["gain"]) == ("240.00", "200.00", "40.00")
    (row,) = get(alice, "holdings/")["results"]
    assert (row["quantity"], row["cost_basis"]) == ("2", "100.00")


@pytest.mark.django_db
def test_performance_sees_no_gain_and_no_loss_in_a_split():
    aapl = make_instrument()
    opened = NOW - timedelta(days=5)
    alice = open_account("alice@example.com", deposits="10000", at=opened)
    buy(alice, aapl, "50", "100.00", at=opened + HOUR)
    midnight = opened.replace(hour=0) + timedelta(days=1)
    closes(aapl, ["101.00", "102.00", "103.00"], first=midnight)
    reprice(aapl, "104.00", at=NOW)

    split(aapl, 2, 1, NOW + HOUR)

    found = get(alice, "performance/?period=all")
    assert found["end_equity"] == "10200.00"
    series = [D(point["equity"]) for point in found["series"]]
    assert series[0] == 10000
    assert min(series) >= D("9999.00")
    assert D("10050.00") in series


@pytest.mark.django_db
@pytest.mark.parametrize("ratios", [[(3, 1)], [(7, 3), (20, 1)], [(1, 30), (30, 1)]])
def test_a_split_changes_nothing_of_what_was_told_of_the_past(ratios: list[tuple[int, int]]):
    aapl, spy = make_instrument(), make_instrument("SPY", "etf")
    for hour, price in enumerate(["61.01", "62.03", "60.99", "63.07"]):
        reprice(spy, price, at=START + (5 + 10 * hour) * HOUR)
    alice = open_account("alice@example.com", deposits="100000", at=START + 6 * HOUR)
    buy(alice, aapl, "500", "100.01", at=START + 6 * HOUR)
    for hour, price in enumerate(["99.97", "103.11", "101.03", "104.00"]):
        reprice(aapl, price, at=START + (7 + 10 * hour) * HOUR)
    deposit(alice, "5000", at=START + 50 * HOUR)
    asked: list[dict[str, Any]] = [
        {"period": period, "now": NOW - HOUR, "benchmark": benchmark}
        for period in ("1d", "1w", "1m", "all")
        for benchmark in ("SPY", "AAPL")
    ]
    before = [shown(alice, "performance", **each) for each in asked]

    for instrument in (aapl, spy):
        for minute, (new, old) in enumerate(ratios):
            split(instrument, new, old, NOW + timedelta(days=minute))

    after = [shown(alice, "performance", **each) for each in asked]
    for old, new in zip(before, after, strict=True):
        # At its end stands the quote of today.
        assert new["series"][:-1] == old["series"][:-1]
        assert len(old["series"]) > 2


@pytest.mark.django_db
def test_a_redemption_is_a_sale_at_par_and_a_coupon_is_a_gain():
    bond = make_bond(maturity_date=date(2026, 5, 15))
    bought = NOW - timedelta(days=3)
    alice = open_account("alice@example.com", deposits="5000", at=bought)
    set_quote(bond, "99.000", "99.500", size="1000000", at=bought)
    place(alice, "buy", "2000", symbol=bond.symbol, now=bought)
    advance(tick(bond.symbol, "99.9", "100.0", size="1000000"), at=NOW)

    processing.run(now=NOW + timedelta(days=80))

    holdings = get(alice, "holdings/")
    assert holdings["results"] == []
    (sale,) = get(alice, "realized/")["results"]
    assert sale["proceeds"] == "2000.00"
    paid = D(sale["cost_basis"])
    assert D(holdings["totals"]["cash"]) == 5000 - paid + 2000 + 60
    assert D(holdings["totals"]["equity"]) == D(holdings["totals"]["cash"])


@pytest.mark.django_db
def test_a_holding_of_which_a_split_leaves_nothing_is_one_sale_in_the_list():
    aapl = make_instrument()
    alice = open_account("alice@example.com", deposits="10000", at=START)
    buy(alice, aapl, "0.000001", "100.00", at=START + HOUR)
    buy(alice, aapl, "0.000001", "100.00", at=START + 2 * HOUR)
    split(aapl, 1, 10, NOW)

    (sale,) = get(alice, "realized/")["results"]

    assert sale["id"] == str(Entitlement.objects.get().pk)
    assert (sale["quantity"], sale["proceeds"], sale["gain"]) == ("0.000002", "0.00", "-0.02")
    assert get(alice, "lots/")["results"] == get(alice, "holdings/")["results"] == []


def trade(number: int, side: Any, quantity: str, amount: str) -> Trade:
    return Trade(str(number), side, D(quantity), D(amount), NOW + timedelta(minutes=number))


def a_split(number: int, before: str, after: str) -> Split:
    return Split(str(number), D(before), D(after), NOW + timedelta(minutes=number))


@pytest.mark.parametrize("method", LotMethod)
def test_a_split_spreads_the_basis_of_the_old_shares_over_the_new(method):
    """IRS Publication 550, chapter 4, "Stock Splits": 100 shares for 1,000 become 200, 5 each."""
    book = plain_lots.match_lots(
        [trade(1, "buy", "100", "1000.00"), a_split(2, "100", "200")], method=method
    )

    (lot,) = book.open
    assert (lot.quantity, lot.cost_basis, lot.acquired_at) == (
        200,
        1000,
        trade(1, "buy", "1", "1").at,
    )


def test_after_a_split_the_highest_cost_a_share_still_goes_first():
    history: list[plain_lots.Event] = [
        trade(1, "buy", "10", "100.00"),
        a_split(2, "10", "100"),
        trade(3, "buy", "10", "50.00"),
        trade(4, "sell", "10", "60.00"),
    ]

    book = plain_lots.match_lots(history, method=LotMethod.HIFO)

    assert [part.lot_trade_id for part in book.realized] == ["3"]


def test_a_lot_too_small_for_a_new_share_leaves_its_cost_to_its_neighbour():
    history: list[plain_lots.Event] = [
        trade(1, "buy", "0.000003", "0.30"),
        trade(2, "buy", "0.000004", "0.40"),
        a_split(3, "0.000007", "0.000001"),
    ]

    book = plain_lots.match_lots(history, method=LotMethod.FIFO)

    (lot,) = book.open
    assert (lot.quantity, lot.cost_basis) == (D("0.000001"), D("0.70"))


@pytest.mark.parametrize("method", LotMethod)
def test_shares_of_which_nothing_is_left_are_sold_for_nothing(method):
    history: list[plain_lots.Event] = [
        trade(1, "buy", "0.000001", "0.10"),
        trade(2, "buy", "0.000001", "0.30"),
        trade(3, "buy", "0.000001", "0.50"),
        trade(4, "sell", "0.000001", "0.70"),
        a_split(5, "0.000002", "0.000000"),
    ]

    book = plain_lots.match_lots(history, method=method)

    assert book.open == ()
    assert [part.sale_id for part in book.realized] == ["4", "5", "5"]
    assert book.realized[-1].sold_at == NOW + timedelta(minutes=5)
    # All that was ever paid is the cost of something that was sold.
    assert sum(part.cost_basis for part in book.realized) == D("0.90")
    assert book.realized_pnl == D("-0.20")


def test_a_split_of_other_shares_than_are_held_is_an_incomplete_history():
    with pytest.raises(plain_lots.OversoldPosition):
        plain_lots.match_lots(
            [trade(1, "buy", "3", "1.00"), a_split(2, "4", "8")], method=LotMethod.FIFO
        )


@pytest.mark.parametrize(("before", "after"), [("0", "1"), ("1", "-1"), ("NaN", "1")])
def test_a_split_is_of_something_into_something(before, after):
    with pytest.raises(ValueError, match="split"):
        Split("1", D(before), D(after), NOW)


@given(
    quantities=st.lists(st.integers(1, 10**6), min_size=1, max_size=6),
    ratios=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=3),
    method=st.sampled_from(LotMethod),
)
def test_no_split_makes_or_loses_cost_or_shares(quantities, ratios, method):
    history: list[Any] = [
        trade(number, "buy", f"{units / 10**6:.6f}", f"{units % 997}.07")
        for number, units in enumerate(quantities)
    ]
    units = sum(quantities)
    for number, (new, old) in enumerate(ratios, start=100):
        after = units * new // old
        if not after:
            break
        history.append(a_split(number, f"{units / 10**6:.6f}", f"{after / 10**6:.6f}"))
        units = after

    book = plain_lots.match_lots(history, method=method)

    assert book.quantity == D(units).scaleb(-6)
    assert book.cost_basis == sum(each.amount for each in history if isinstance(each, Trade))
    assert all(lot.quantity > 0 for lot in book.open)


def test_past_units_and_prices_are_counted_in_todays_shares():
    first, second = NOW, NOW + HOUR
    past = [(first, Fraction(2)), (second, Fraction(3, 2))]
    times = [first - HOUR, first, second]

    assert splits.units_today(times, [10, 20, 30], past) == [30, 30, 30]
    assert splits.units_today(times, [10, 20, 30], ()) == [10, 20, 30]
    assert splits.price_today(D(300), first - HOUR, past) == 100
    assert splits.price_today(D(300), second, past) == 300
