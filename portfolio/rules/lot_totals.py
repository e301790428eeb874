"""What is left of a history of one instrument, what it cost, and what was gained: sums only.

The same as the sums of `lots.match_lots`, in integers and without a record of each part: units and
cents. The gain needs no parts, since the cost of what was sold and of what is left sum to all that
was ever paid.
"""

import heapq
from collections import deque
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple, Protocol

from portfolio.rules.lots import LotMethod

BUY, SELL, SPLIT = 1, -1, 0


class Event(NamedTuple):
    """`first` and `second` are units and cents of a trade; of a split, units before and after."""

    kind: int
    first: int
    second: int


class Totals(NamedTuple):
    """What is held, what it cost, and what all sales so far gained."""

    units: int
    cost_cents: int
    realized_cents: int


NOTHING = Totals(0, 0, 0)


class _Lot:
    __slots__ = ("cost", "cost_left", "number", "units", "units_left")

    def __init__(self, number: int, units: int, cost: int) -> None:
        self.number = number
        self.units = self.units_left = units
        self.cost = self.cost_left = cost


class _Pool(Protocol):
    """The open lots: what they cost, and which of them a sale takes from."""

    def buy(self, units: int, cents: int) -> None: ...

    def sell(self, units: int) -> None: ...

    def split(self, before: int, after: int) -> None: ...

    def cost(self) -> int: ...


def totals(history: Iterable[Event], *, method: LotMethod) -> Totals | None:
    """The totals after this history, in order of booking; None if it sells more than it bought."""
    pool: _Pool = _Average() if method is LotMethod.AVERAGE else _Lots(method)
    held = paid = received = 0
    for kind, first, second in history:
        if kind == BUY:
            pool.buy(first, second)
            held += first
            paid += second
        elif first > held or (kind == SPLIT and first != held):
            return None
        elif kind == SELL or not second:  # a split that leaves nothing is a sale for nothing
            pool.sell(first)
            held -= first
            received += second
        else:
            pool.split(first, second)
            held = second
    cost = pool.cost()
    return Totals(held, cost, received - (paid - cost))


class _Average:
    """Every unit costs the same."""

    def __init__(self) -> None:
        self._units = self._cost = 0

    def buy(self, units: int, cents: int) -> None:
        self._units += units
        self._cost += cents

    def sell(self, units: int) -> None:
        self._cost = _share(self._cost, self._units - units, self._units)
        self._units -= units

    def split(self, before: int, after: int) -> None:
        self._units = after

    def cost(self) -> int:
        return self._cost


class _Lots:
    """Lots of their own cost, of which the first in the method's order is sold."""

    def __init__(self, method: LotMethod) -> None:
        self._method = method
        self._bought = 0
        # In order of purchase; with HIFO a heap of (rank, number, lot).
        self._open: deque[_Lot] = deque()
        self._heap: list[tuple[Fraction, int, _Lot]] = []

    def buy(self, units: int, cents: int) -> None:
        self._bought += 1
        self._add(_Lot(self._bought, units, cents))

    def _add(self, lot: _Lot) -> None:
        if self._method is LotMethod.HIFO:
            heapq.heappush(self._heap, (-Fraction(lot.cost, lot.units), lot.number, lot))
        else:
            self._open.append(lot)

    def sell(self, units: int) -> None:
        while units:
            lot = self._first()
            if lot.units_left > units:
                lot.units_left -= units
                # Rounded from the whole lot each time, so that many small sales do not drift.
                lot.cost_left = _share(lot.cost, lot.units_left, lot.units)
                return
            units -= lot.units_left
            self._remove_first()

    def _first(self) -> _Lot:
        if self._method is LotMethod.HIFO:
            return self._heap[0][2]
        return self._open[-1 if self._method is LotMethod.LIFO else 0]

    def _remove_first(self) -> None:
        if self._method is LotMethod.HIFO:
            heapq.heappop(self._heap)
        elif self._method is LotMethod.LIFO:
            self._open.pop()
        else:
            self._open.popleft()

    def split(self, before: int, after: int) -> None:
        """As `lots`: rounded cumulatively; a lot without a unit gives its cost to the nearest."""
        lots = self._all()
        reached = made = 0
        for lot in lots:
            reached += lot.units_left
            lot.units = lot.units_left = reached * after // before - made
            lot.cost = lot.cost_left
            made += lot.units
        kept = [lot for lot in lots if lot.units]
        for lot in lots:
            if not lot.units:
                number = lot.number
                heir = min(kept, key=lambda other: abs(other.number - number))
                heir.cost = heir.cost_left = heir.cost_left + lot.cost_left
        self._open.clear()
        self._heap.clear()
        for lot in kept:
            self._add(lot)

    def _all(self) -> list[_Lot]:
        """The open lots, oldest first."""
        if self._method is LotMethod.HIFO:
            return sorted((lot for _, _, lot in self._heap), key=lambda lot: lot.number)
        return list(self._open)

    def cost(self) -> int:
        return sum(lot.cost_left for lot in self._all())


def _share(cents: int, part: int, of: int) -> int:
    """The share of an amount that a part has, to the nearest cent, half to even."""
    whole, rest = divmod(cents * part, of)
    return whole + (2 * rest > of or (2 * rest == of and whole % 2 == 1))
