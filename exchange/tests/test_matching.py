"""Matching by price-time priority."""

from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banking.rules.assets import Asset
from exchange.market.rules.levels import Level, without
from exchange.trading.rules.matching import Budget, Incoming, Match, Resting, match

ALICE, BOB, CHARLIE = uuid4(), uuid4(), uuid4()
AAPL = Asset("AAPL", 6)


def level(price: str, units: int) -> Level:
    return Level(Decimal(price), units)


def resting(owner: UUID, price: str, units: int) -> Resting:
    return Resting(uuid4(), owner, Decimal(price), units)


def buy(worst: str, units: int) -> Incoming:
    return Incoming("buy", ALICE, Decimal(worst), units)


def sell(worst: str, units: int) -> Incoming:
    return Incoming("sell", ALICE, Decimal(worst), units)


def test_an_order_walks_the_levels_and_pays_for_depth():
    asks = [level("10.00", 5), level("10.01", 5), level("10.02", 5)]
    outcome = match(buy("10.01", 12), resting=[], levels=asks)
    assert outcome.matches == (
        Match(Decimal("10.00"), 5, None),
        Match(Decimal("10.01"), 5, None),
    )
    assert outcome.units == 10


def test_customers_come_before_the_street_at_the_same_price_and_older_before_younger():
    older, younger = resting(BOB, "10.00", 3), resting(CHARLIE, "10.00", 3)
    outcome = match(buy("11", 8), resting=[older, younger], levels=[level("10.00", 9)])
    assert [each.order_id for each in outcome.matches] == [older.order_id, younger.order_id, None]
    assert [each.units for each in outcome.matches] == [3, 3, 2]


def test_the_street_comes_first_when_its_price_is_better():
    bobs = resting(BOB, "10.05", 3)
    outcome = match(buy("11", 4), resting=[bobs], levels=[level("10.00", 3)])
    assert outcome.matches == (
        Match(Decimal("10.00"), 3, None),
        Match(Decimal("10.05"), 1, bobs.order_id),
    )


def test_a_sell_meets_the_highest_bid_first():
    outcome = match(
        sell("9.00", 4),
        resting=[resting(BOB, "9.99", 2)],
        levels=[level("9.98", 1), level("9.97", 5)],
    )
    assert [each.price for each in outcome.matches] == [
        Decimal("9.99"),
        Decimal("9.98"),
        Decimal("9.97"),
    ]


def test_an_order_stops_at_its_owners_own_order():
    outcome = match(buy("11", 8), resting=[resting(ALICE, "10.01", 3)], levels=[level("10.00", 2)])
    assert outcome.units == 2
    assert outcome.self_trade


def test_an_own_order_that_is_out_of_reach_is_no_self_trade():
    outcome = match(
        buy("10.00", 2), resting=[resting(ALICE, "10.01", 3)], levels=[level("10.00", 2)]
    )
    assert outcome.units == 2
    assert not outcome.self_trade


def test_a_budget_buys_whole_steps_and_never_more_than_it_has():
    budget = Budget(Decimal(100), Decimal(1), AAPL, step=1)
    incoming = Incoming("buy", ALICE, Decimal(200), None, budget)
    outcome = match(incoming, resting=[], levels=[level("30", 2_000_000), level("60", 9_000_000)])
    # 2 at 30 leaves 40 dollars, which buy 0.666666 at 60.
    assert [each.units for each in outcome.matches] == [2_000_000, 666_666]


def test_a_budget_pays_the_interest_on_top_of_the_price():
    budget = Budget(Decimal(100), Decimal(1), AAPL, step=1_000_000, accrued=Decimal(10))
    incoming = Incoming("buy", ALICE, Decimal(200), None, budget)
    outcome = match(incoming, resting=[], levels=[level("10", 1_000_000), level("30", 2_000_000)])
    # One at 10 + 10 leaves 80 dollars, which buy two at 30 + 10.
    assert [each.units for each in outcome.matches] == [1_000_000, 2_000_000]


def test_an_order_must_be_sized_one_way():
    budget = Budget(Decimal(100), Decimal(1), AAPL, step=1)
    with pytest.raises(ValueError, match="either"):
        match(Incoming("buy", ALICE, Decimal(1), 5, budget), resting=[], levels=[])


offers = st.lists(
    st.tuples(st.decimals("1", "20", places=2), st.integers(1, 50), st.sampled_from("abs")),
    max_size=12,
)


@given(
    offers, st.sampled_from(["buy", "sell"]), st.decimals("1", "20", places=2), st.integers(1, 200)
)
def test_no_match_is_worse_than_the_limit_nor_more_than_wanted_or_offered(
    raw: list[tuple[Decimal, int, str]], side: str, worst: Decimal, units: int
):
    best_first = sorted(raw, key=lambda each: each[0], reverse=side == "sell")
    owners = {"a": BOB, "b": CHARLIE}
    customers = [
        Resting(uuid4(), owners[who], price, size) for price, size, who in best_first if who != "s"
    ]
    street = [Level(price, size) for price, size, who in best_first if who == "s"]
    outcome = match(
        Incoming("buy" if side == "buy" else "sell", ALICE, worst, units),
        resting=customers,
        levels=street,
    )
    reachable = sum(
        size for price, size, _ in raw if (price <= worst if side == "buy" else price >= worst)
    )
    assert outcome.units == min(units, reachable)
    prices = [each.price for each in outcome.matches]
    assert prices == sorted(prices, reverse=side == "sell")
    assert all(price <= worst if side == "buy" else price >= worst for price in prices)
    for customer in customers:
        taken = sum(each.units for each in outcome.matches if each.order_id == customer.order_id)
        assert taken <= customer.units


@given(st.lists(st.integers(1, 9), max_size=6), st.integers(0, 60))
def test_what_was_taken_is_not_there_again(sizes: list[int], taken: int):
    levels = [Level(Decimal(index + 1), size) for index, size in enumerate(sizes)]
    left = without(levels, taken)
    assert sum(each.units for each in left) == max(sum(sizes) - taken, 0)
    assert all(each.units > 0 for each in left)
