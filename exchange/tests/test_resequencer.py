"""The updates of one user come out in order, and losses are announced, whatever the order."""

from hypothesis import given
from hypothesis import strategies as st

from exchange.streaming.rules.protocol import OrderUpdate
from exchange.streaming.rules.resequencer import MAX_HELD, Resequencer


def update(sequence: int) -> OrderUpdate:
    return OrderUpdate(sequence=sequence, event="new", order={}, execution=None)


def numbers(updates: list[OrderUpdate]) -> list[int]:
    return [each.sequence for each in updates]


def started(sequence: int = 0) -> Resequencer:
    resequencer = Resequencer()
    resequencer.start_after(sequence)
    return resequencer


@given(st.lists(st.integers(1, 12), max_size=40), st.integers(0, 5), st.data())
def test_every_number_is_delivered_once_in_order_or_lies_in_an_announced_gap(arriving, start, data):
    resequencer, told = started(start), []
    for sequence in arriving:
        resequencer.put(update(sequence))
        told += numbers(resequencer.take())
        if data.draw(st.booleans()) and resequencer.is_waiting:
            before, lost = resequencer.delivered, resequencer.skip_missing()
            assert before is not None
            assert lost is not None
            told += range(before + 1, lost + 1)
            told += numbers(resequencer.take())
    assert told == list(range(start + 1, (resequencer.delivered or 0) + 1))


@given(st.permutations(range(1, 10)))
def test_what_is_only_swapped_is_delivered_whole(arriving):
    resequencer, told = started(), []
    for sequence in arriving:
        resequencer.put(update(sequence))
        told += numbers(resequencer.take())
    assert told == list(range(1, 10))
    assert not resequencer.is_waiting


def test_nothing_is_delivered_before_it_is_known_where_the_updates_stand():
    resequencer = Resequencer()
    for sequence in (4, 5, 7):
        resequencer.put(update(sequence))
    assert resequencer.take() == []
    assert resequencer.skip_missing() is None
    resequencer.start_after(4)
    assert numbers(resequencer.take()) == [5]
    assert resequencer.is_waiting


def test_a_count_beyond_what_came_is_a_gap_once():
    resequencer = started(3)
    assert resequencer.skip_missing(up_to=3) is None
    assert resequencer.skip_missing(up_to=5) == 5
    assert resequencer.skip_missing(up_to=5) is None
    resequencer.put(update(5))
    assert resequencer.take() == []


def test_so_much_is_held_and_no_more():
    resequencer = started()
    for sequence in range(2, MAX_HELD + 10):
        resequencer.put(update(sequence))
    assert resequencer.skip_missing() == 9  # the oldest had to go
    assert len(resequencer.take()) == MAX_HELD
