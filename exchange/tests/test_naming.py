"""Named lots: fills take them one after the other, and a split leaves alone what was taken."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from exchange.trading.rules import naming

LOTS = st.lists(st.integers(1, 50), min_size=1, max_size=6).map(
    lambda units: [(f"lot {number}", each) for number, each in enumerate(units)]
)


def flat(lots: list[naming.NamedLot]) -> list[str]:
    """The lot of each unit."""
    return [lot_id for lot_id, units in lots for _ in range(units)]


def total(lots: list[naming.NamedLot]) -> int:
    return sum(units for _, units in lots)


@given(LOTS, st.data())
def test_fills_together_take_each_unit_once_and_in_order(lots, data):
    cuts = sorted(data.draw(st.sets(st.integers(1, total(lots)))) | {0, total(lots)})

    fills = [naming.taken(lots, before=start, units=end - start) for start, end in pairwise(cuts)]

    assert [unit for fill in fills for unit in flat(fill)] == flat(lots)
    assert all(units > 0 for fill in fills for _, units in fill)
    assert [flat(naming.left(lots, filled=cut)) for cut in cuts] == [flat(lots)[c:] for c in cuts]


@given(LOTS, st.data(), st.integers(0, 400))
def test_a_split_restates_what_is_left_and_leaves_what_was_taken(lots, data, after):
    filled = data.draw(st.integers(0, total(lots) - 1))

    restated = naming.after_split(lots, filled=filled, units=after)

    assert total(restated) == filled + after
    assert flat(restated)[:filled] == flat(lots)[:filled]
    rest, before = dict(naming.left(restated, filled=filled)), naming.left(lots, filled=filled)
    for lot_id, units in before:
        assert abs(rest.get(lot_id, 0) - units * after / total(before)) < 1


def test_of_ten_and_five_with_four_sold_a_split_makes_twelve_and_ten():
    lots = [("first", 10), ("second", 5)]

    assert naming.after_split(lots, filled=4, units=22) == [("first", 16), ("second", 10)]


def test_a_lot_of_which_a_split_leaves_nothing_is_named_no_more():
    assert naming.after_split([("first", 1), ("second", 9)], filled=0, units=5) == [("second", 5)]
