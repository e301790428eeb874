"""Whatever a bus does to the updates of one user, they come out in order, and losses are told."""

from hypothesis import given
from hypothesis import strategies as st

from exchange.streaming.rules import order_lines
from exchange.streaming.rules.order_lines import OrderLine
from exchange.streaming.rules.protocol import OrderUpdate


def update(sequence: int) -> OrderUpdate:
    return OrderUpdate(sequence=sequence, event="new", order={}, execution=None)


def numbers(updates: list[OrderUpdate]) -> list[int]:
    return [each.sequence for each in updates]


def begun(sequence: int = 0) -> OrderLine:
    line = OrderLine()
    line.begin(sequence)
    return line


@given(st.lists(st.integers(1, 12), max_size=40), st.integers(0, 5), st.data())
def test_every_number_is_delivered_once_in_order_or_lies_in_an_announced_gap(arriving, start, data):
    line, told = begun(start), []
    for sequence in arriving:
        line.put(update(sequence))
        told += numbers(line.take())
        if data.draw(st.booleans()) and line.is_waiting:
            before, lost = line.delivered, line.give_up()
            assert before is not None
            assert lost is not None
            told += range(before + 1, lost + 1)
            told += numbers(line.take())
    assert told == list(range(start + 1, (line.delivered or 0) + 1))


@given(st.permutations(range(1, 10)))
def test_what_is_only_swapped_is_delivered_whole(arriving):
    line, told = begun(), []
    for sequence in arriving:
        line.put(update(sequence))
        told += numbers(line.take())
    assert told == list(range(1, 10))
    assert not line.is_waiting


def test_nothing_is_delivered_before_it_is_known_where_the_updates_stand():
    line = OrderLine()
    for sequence in (4, 5, 7):
        line.put(update(sequence))
    assert line.take() == []
    assert line.give_up() is None
    line.begin(4)
    assert numbers(line.take()) == [5]
    assert line.is_waiting


def test_a_count_beyond_what_came_is_a_gap_once():
    line = begun(3)
    assert line.give_up(counted=3) is None
    assert line.give_up(counted=5) == 5
    assert line.give_up(counted=5) is None
    line.put(update(5))
    assert line.take() == []


def test_so_much_is_held_and_no_more():
    line = begun()
    for sequence in range(2, order_lines.MAX_HELD + 10):
        line.put(update(sequence))
    assert line.give_up() == 9  # the oldest had to go
    assert len(line.take()) == order_lines.MAX_HELD
