"""The lots that a sell order names: which part of them a fill takes, and what is left of them.

Named lots are pairs of a purchase's execution and units, taken one after the other: the first units
of an order come from the first lot. So what a fill takes follows from how much of the order was
filled before it, and nothing needs to be written with it. Units are integers.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

# The id of an execution, and units. Stored with the order as a list of two.
NamedLot = tuple[str, int]


def units_of(lots: Iterable[Sequence[str | int]]) -> list[NamedLot]:
    """The named lots of an order as they were stored."""
    return [(str(lot_id), int(units)) for lot_id, units in lots]


def taken(lots: Iterable[NamedLot], *, before: int, units: int) -> list[NamedLot]:
    """What a fill of so many units takes, of an order of which `before` had been filled."""
    found, start = [], 0
    for lot_id, named in lots:
        part = min(start + named, before + units) - max(start, before)
        if part > 0:
            found.append((lot_id, part))
        start += named
    return found


def left(lots: Sequence[NamedLot], *, filled: int) -> list[NamedLot]:
    """What is still to be taken from the lots of an order of which so much has been filled."""
    return taken(lots, before=filled, units=sum(units for _, units in lots))


def after_split(lots: Sequence[NamedLot], *, filled: int, units: int) -> list[NamedLot]:
    """The lots of an order of which `units` are to be filled after a split.

    What has been filled stays in units of its time, so that earlier fills take what they took. The
    rest is spread over the lots in proportion; each running total is rounded down.
    """
    done = dict(taken(lots, before=0, units=filled))
    rest = dict(left(lots, filled=filled))
    reached = list(accumulate((rest.get(lot_id, 0) for lot_id, _ in lots), initial=0))
    made = [total * units // (reached[-1] or 1) for total in reached]
    restated = [
        (lot_id, done.get(lot_id, 0) + end - start)
        for (lot_id, _), (start, end) in zip(lots, pairwise(made), strict=True)
    ]
    return [lot for lot in restated if lot[1]]
