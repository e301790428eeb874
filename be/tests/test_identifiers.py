"""Time-ordered ids."""

from datetime import UTC, datetime, timedelta

from be.kernel import identifiers
from be.kernel.identifiers import uuid7

AT = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)


def test_it_begins_with_the_milliseconds_of_the_rfcs_example():
    # RFC 9562 appendix A.6: 017F22E2-79B0-7CC3-98C4-DC0C0C07398F is of 2022-02-22 14:22:22 -05:00.
    made = uuid7(AT)
    assert str(made).startswith("017f22e2-79b0-7")
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"


def test_ids_sort_by_time_to_the_microsecond():
    ids = [uuid7(AT + timedelta(microseconds=number)) for number in range(3000)]
    assert ids == sorted(ids)


def test_ids_of_one_moment_ascend_and_differ():
    ids = [uuid7(AT) for _ in range(3000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 3000


def test_ids_of_one_moment_ascend_among_those_of_many_others():
    ids, others = [], []
    for number in range(3000):
        ids.append(uuid7(AT + timedelta(hours=1)))
        others.append(uuid7(AT + timedelta(microseconds=number % 100)))
    assert ids == sorted(ids)
    assert len({*ids, *others}) == 6000


def test_moments_of_long_ago_are_forgotten():
    for number in range(3000):
        uuid7(AT + timedelta(seconds=number))
    assert len(identifiers._counters) <= 1024
