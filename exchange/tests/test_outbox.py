"""What a slow client is still to be sent, and when it is too much."""

from exchange.streaming.rules import outbox
from exchange.streaming.rules.frames import Frame

SMALL = Frame(b"x")


def test_frames_come_out_in_the_order_in_which_they_went_in():
    box = outbox.Outbox()
    first, second = Frame(b"1"), Frame(b"2")
    box.put(first)
    box.put(second)
    assert [box.take(), box.take(), box.take()] == [first, second, None]
    assert not box


def test_the_outbox_takes_so_many_frames_and_no_more():
    box = outbox.Outbox()
    assert all(box.put(SMALL) for _ in range(outbox.MAX_QUEUED_FRAMES))
    assert not box.put(SMALL)
    box.take()
    assert box.put(SMALL)


def test_the_outbox_takes_so_many_bytes_and_no_more_but_always_one_frame():
    box = outbox.Outbox()
    large = Frame(b"x" * (outbox.MAX_QUEUED_BYTES + 1))
    assert box.put(large)
    assert not box.put(SMALL)
    box.take()
    assert box.put(SMALL)
    assert not box.put(large)
