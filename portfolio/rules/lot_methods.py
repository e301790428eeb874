"""By which lot method a sale is matched: by one throughout, or by the one that its day has.

A method may be changed "prospectively": sales before the change keep their lots. After average
basis, "the basis of each share of stock to which the change applies remains the same as the basis
immediately before the change" (26 CFR 1.1012-1(e)(9)(iv)): every lot keeps the average as its cost.
Publication 550 has the elections ("Average Basis"). A day is that of New York, as a trade date.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from portfolio.rules.lots import TAX_ZONE, Event, Fold, LotMethod, Totals

USUAL = LotMethod.FIFO
"""The method of everybody who has not chosen one."""

OWN = "own"
"""What the names of all histories begin with, where lots are stored."""

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class MethodChange(NamedTuple):
    """From this day on, sales are matched by this method."""

    day: date
    method: LotMethod


@dataclass(frozen=True, slots=True)
class MethodHistory:
    """The usual method, and the changes of it, the earliest first.

    `value` names it where lots are stored, as the value of a `LotMethod` does.
    """

    value: str
    changes: Sequence[MethodChange]


Matching = LotMethod | MethodHistory


def method_at(matching: Matching, at: int) -> LotMethod:
    """The method in force at a time, in microseconds since 1970."""
    if isinstance(matching, LotMethod):
        return matching
    return next((each.method for each in reversed(matching.changes) if _start(each) <= at), USUAL)


def is_pooled(matching: Matching, since: int, until: int) -> bool:
    """Whether lots of which the newest event was at a time have the average as their cost.

    They do under average basis, and after it too.
    """
    in_force = {method_at(matching, since), method_at(matching, until)}
    later = {method for start, method in _later(matching, since) if start <= until}
    return LotMethod.AVERAGE in in_force | later


def may_rank(matching: Matching) -> bool:
    """Whether lots may have to be stored in the order of their costs."""
    if isinstance(matching, LotMethod):
        return matching is LotMethod.HIFO
    return any(each.method is LotMethod.HIFO for each in matching.changes)


def begin(matching: Matching, totals: Totals | None = None) -> Fold:
    """A fold that matches each sale by the method of its day, from these totals on."""
    totals = totals or Totals()
    changes = [*_later(matching, totals.last)]
    return Fold(method_at(matching, totals.last), totals, changes=changes)


def fold(history: Iterable[Event], matching: Matching) -> Fold:
    """The lots and sales after a whole history of one instrument, in order of booking."""
    made = begin(matching)
    for event in history:
        made.add(event)
    return made


def changed(
    changes: Sequence[MethodChange], *, method: LotMethod, day: date
) -> Sequence[MethodChange]:
    """The changes with one more on this day; it replaces others of this day or later."""
    kept = [each for each in changes if each.day < day]
    before = kept[-1].method if kept else USUAL
    return kept if method is before else [*kept, MethodChange(day, method)]


def _later(matching: Matching, at: int) -> Iterator[tuple[int, LotMethod]]:
    """The changes after a time: when each begins, and the method."""
    if not isinstance(matching, LotMethod):
        for each in matching.changes:
            if (start := _start(each)) > at:
                yield start, each.method


def _start(change: MethodChange) -> int:
    """When its day begins, in microseconds since 1970."""
    midnight = datetime(change.day.year, change.day.month, change.day.day, tzinfo=TAX_ZONE)
    return (midnight - _EPOCH) // timedelta(microseconds=1)
