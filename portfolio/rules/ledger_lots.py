"""How lots move in a plain ledger: each event as units into and out of lots that have labels.

A lot has one cost a unit there, while the lots of `lots.py` are rounded to cents as a whole. What
lies between the two is the difference of `cost` and `weight`. With average cost there is one lot,
which each purchase and each split makes anew.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Context, Decimal
from typing import NamedTuple

from portfolio.rules import lots
from portfolio.rules.lots import Event, Fold, LotMethod, Sale
from portfolio.rules.wash_sales import trade_day

# Wide enough for any product of units and a cost.
_EXACT = Context(prec=80)
_LEAST_DECIMALS = 8


class Change(NamedTuple):
    """Units into a lot, at a cost in dollars for a whole unit, or out of it if below zero."""

    units: int
    label: str
    unit_cost: Decimal
    day: date


class Moved(NamedTuple):
    """What an event has moved: by how many cents the cost of all lots has grown, and the gain.

    `weight` is by how many dollars the lots of the plain ledger have grown.
    """

    changes: list[Change]
    cost: int
    gain: int
    weight: Decimal


def netted(changes: Iterable[Change]) -> list[Change]:
    """The changes of one transaction, each lot as one: beancount can't take from what it brings.

    A split takes a lot out and puts it in again at another cost, which stays as two.
    """
    found: list[Change] = []
    newest: dict[str, int] = {}
    for change in changes:
        if change.units < 0 and change.label in newest:
            place = newest[change.label]
            found[place] = found[place]._replace(units=found[place].units + change.units)
        else:
            newest[change.label] = len(found)
            found.append(change)
    return [change for change in found if change.units]


@dataclass(slots=True)
class _Lot:
    units: int
    unit_cost: Decimal
    day: date


@dataclass(slots=True)
class LedgerLots:
    """The lots of one instrument, whose units have `scale` decimals."""

    fold: Fold
    scale: int
    _lots: dict[str, _Lot] = field(default_factory=dict)

    def add(self, event: Event) -> Moved | None:
        """Add the next event; None from when on more was sold than had been bought."""
        fold, was_average = self.fold, self._is_average()
        cost_before, realized_before = fold.totals.cost, fold.totals.realized
        fold.add(event)
        sales, fold.sales = fold.sales, []
        if not fold.totals.complete:
            return None
        if was_average != self._is_average() or (self._is_average() and not sales):
            changes = [*self._take_all(), *self._put_all(event)]
        elif sales:
            changes = [*self._sold(sales[0])]
        elif event.kind == lots.BUY:
            changes = [self._bought(event)]
        else:
            changes = [*self._take_all(), *self._put_all(event)]
        return Moved(
            changes,
            fold.totals.cost - cost_before,
            fold.totals.realized - realized_before,
            sum((self._weight(each) for each in changes), Decimal(0)),
        )

    def _is_average(self) -> bool:
        return self.fold.method is LotMethod.AVERAGE

    def _bought(self, event: Event) -> Change:
        at = self.fold.totals.last if event.acquired is None else event.acquired
        return self._put(event.id, event.first, event.second, trade_day(at))

    def _sold(self, sale: Sale) -> Iterator[Change]:
        for part in sale.parts:
            label = next(iter(self._lots)) if self._is_average() else part.lot_id
            yield self._take(label, part.units)

    def _put_all(self, event: Event) -> Iterator[Change]:
        """Put in all lots as they are after an event; with average cost, they are one."""
        totals = self.fold.totals
        if not self._is_average():
            for lot in self.fold.all_lots():
                yield self._put(lot.id, lot.units_left, lot.cost_left, trade_day(lot.acquired))
        elif totals.units:
            yield self._put(event.id, totals.units, totals.cost, trade_day(totals.last))

    def _put(self, label: str, units: int, cents: int, day: date) -> Change:
        quantity = Decimal(units).scaleb(-self.scale)
        # So exact that all units together are off by far less than a cent.
        decimals = max(_LEAST_DECIMALS, quantity.adjusted() + 5)
        exact = _EXACT.divide(Decimal(cents).scaleb(-2), quantity)
        unit_cost = exact.quantize(Decimal(1).scaleb(-decimals), context=_EXACT)
        self._lots[label] = _Lot(units, unit_cost, day)
        return Change(units, label, unit_cost, day)

    def _take_all(self) -> Iterator[Change]:
        for label, lot in [*self._lots.items()]:
            yield self._take(label, lot.units)

    def _take(self, label: str, units: int) -> Change:
        lot = self._lots[label]
        lot.units -= units
        if not lot.units:
            del self._lots[label]
        return Change(-units, label, lot.unit_cost, lot.day)

    def _weight(self, change: Change) -> Decimal:
        quantity = Decimal(change.units).scaleb(-self.scale)
        return _EXACT.multiply(quantity, change.unit_cost)
