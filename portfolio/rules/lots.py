"""Tax lots: from which purchase each sold share came, its cost, and its gain.

A *lot* is what is left of one purchase. A sale takes from the open lots, in the order of the lot
method, and realizes a gain on each part it takes. Units, cents and times (microseconds since 1970)
are integers. What is split over several parts is rounded cumulatively, so that the parts always sum
to the whole.

The rules are those of IRS Publication 550, "Investment Income and Expenses", chapter 4: "Basis of
Investment Property" for the identification of shares and for average basis, and "Holding Period".
After a stock split the basis of the old shares is spread over the new ones, which were acquired
when the old ones were ("Stocks and Bonds": "Stock Splits"). Wash sales: `wash_sales.py`.

A sale that names its lots ("Specific share identification": who "can adequately identify the
shares [...] sold" uses their basis) is taken from those first. What is not in them any more comes
from the others, in the order of the method. With average basis nothing is identified.
"""

import heapq
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import accumulate, pairwise
from operator import attrgetter
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

Term = Literal["short", "long"]

TAX_ZONE = ZoneInfo("America/New_York")
"""Where a moment becomes a trade date: holding periods are counted in dates, not in hours."""

BUY, SELL, SPLIT = 1, -1, 0

# Costs a unit are ordered by this many decimals. It is exact: two fractions with denominators below
# 2**63 that differ at all do so by more than 2**-126, which is more than 10**-38.
_DECIMALS = 10**38
RANK_DIGITS = 38 + 19


class LotMethod(StrEnum):
    """Which of the open lots a sale takes from first.

    `FIFO` the oldest, `LIFO` the newest, `HIFO` the one with the highest cost a share (among equals
    the oldest). `AVERAGE` gives every share held the same cost; for the holding period it takes the
    oldest first, as Publication 550 requires.
    """

    FIFO = "fifo"
    LIFO = "lifo"
    HIFO = "hifo"
    AVERAGE = "average"


class MissingLots(LookupError):
    """There are fewer lots than units held: they were not all read at the same time."""


class Event(NamedTuple):
    """A purchase, a sale or a split of one instrument, with the id of its execution.

    `first` and `second` are units and cents of a trade; of a split, all units before and after it.
    The cents are what was paid or received, fees included, but for the `fees`, which are left out
    of them. `named` are the lots that a sale is to be taken from, by the id of their purchase, and
    units of each. `acquired` is when a lot was acquired that was bought elsewhere, and booked here
    `at` a later time.
    """

    kind: int
    id: str
    first: int
    second: int
    at: int
    named: Sequence[tuple[str, int]] = ()
    acquired: int | None = None
    fees: int = 0


class Part(NamedTuple):
    """The part of a sale that came out of one lot; `lot_id` and `acquired` are its purchase's.

    The proceeds are net of the fees of the sale, the cost is with those of the purchase, unless
    events leave them out. With average basis the cost is that of the pool, and the lot only gives
    the holding period.
    """

    lot_id: str
    units: int
    proceeds: int
    cost: int
    acquired: int


class Sale(NamedTuple):
    """One sale, and the parts that it was taken from, in their order."""

    id: str
    sold: int
    parts: Sequence[Part]


@dataclass(slots=True)
class OpenLot:
    """The purchase of this number, as bought or as restated by the last split; what is left of it.

    `read_units` are what was left when the lot was read, or 0 if it is new since. Two lots are the
    same if the same is left of them.
    """

    number: int
    id: str
    acquired: int
    units: int
    cost: int
    units_left: int
    cost_left: int
    read_units: int = field(default=0, compare=False)
    key: int | None = field(default=None, compare=False)
    is_restated: bool = field(default=False, compare=False)

    @property
    def is_changed(self) -> bool:
        """Whether the lot is another than when it was read."""
        return self.is_restated or self.units_left != self.read_units

    def take(self, units: int) -> int:
        """Take units out of the lot, and return their cost."""
        self.units_left -= units
        # Rounded from the whole lot each time, so that many small sales do not drift.
        cost_left = share(self.cost, self.units_left, self.units)
        cost, self.cost_left = self.cost_left - cost_left, cost_left
        return cost

    def restate(self, units: int) -> None:
        """Restate what is left in new units; its cost stays."""
        self.units = self.units_left = units
        self.cost = self.cost_left
        self.is_restated = True

    def inherit(self, cost: int) -> None:
        """Take over the cost of a lot of which a split has left nothing."""
        self.cost = self.cost_left = self.cost_left + cost


@dataclass(slots=True)
class Totals:
    """The sums of one instrument: held units, their cost, all gains so far.

    `purchases` numbers the lots. `last` is the time of the newest event. A history that sells more
    than it has bought is not `complete`: a trade is missing, and it has no lots and no gains.
    `fees` are those that are in neither costs nor gains, of all trades so far.
    """

    units: int = 0
    cost: int = 0
    realized: int = 0
    purchases: int = 0
    last: int = 0
    complete: bool = True
    fees: int = 0


def _none_stored(lot_id: str) -> None:
    """No lot was stored."""


@dataclass(slots=True)
class Fold:
    """The lots of one instrument while events are added to them.

    It begins with the totals and `stored` lots of an earlier fold, or with nothing. The lots are
    read in the order in which they are sold, and only as many as are sold from; `stored_lot` reads
    one by its id. `changes` are later times from which another method is in force. `sales` are the
    new ones, `sold_out` those of the stored lots of which nothing is left.
    """

    method: LotMethod
    totals: Totals = field(default_factory=Totals)
    stored: Iterator[OpenLot] = field(default_factory=lambda: iter(()))
    stored_lot: Callable[[str], OpenLot | None] = _none_stored
    changes: Sequence[tuple[int, LotMethod]] = ()
    sales: list[Sale] = field(default_factory=list)
    sold_out: list[OpenLot] = field(default_factory=list)
    # The next lot to sell from is on top. Numbers differ, so lots themselves are never compared.
    # One that was sold out by its name stays until it is on top.
    _queue: list[tuple[int, int, OpenLot]] = field(default_factory=list)
    # The lots by id, from the first that was named on; and the stored ones that were read by it.
    _by_id: dict[str, OpenLot] | None = None
    _read_by_id: set[int] = field(default_factory=set)
    _is_read: bool = False
    _following: OpenLot | None = None

    def add(self, event: Event) -> None:
        """Add the next event, in order of booking.

        No event counts as earlier than the one before it: a request that waited for a lock has the
        time at which it arrived, and a sale could otherwise precede the purchase that it sells.
        """
        totals = self.totals
        if not totals.complete:
            return
        totals.last = at = max(totals.last, event.at)
        totals.fees += event.fees
        while self.changes and self.changes[0][0] <= at:
            self._change_to(self.changes[0][1])
            self.changes = self.changes[1:]
        if event.kind == BUY:
            self._buy(event, at)
        elif event.first > totals.units or (event.kind == SPLIT and event.first != totals.units):
            self.totals = Totals(complete=False)
            self.sales, self.sold_out, self._queue = [], [], []
        elif event.kind == SELL:
            self._sell(event, event.second, at)
        elif not event.second:  # a split that leaves nothing is a sale for nothing
            self._sell(event, 0, at)
        else:
            self._split(event.first, event.second)

    def read_lots(self) -> list[OpenLot]:
        """The open lots that were read or are new, oldest first."""
        left = (lot for _, _, lot in self._queue if lot.units_left)
        return sorted(left, key=attrgetter("number"))

    def lot(self, lot_id: str) -> OpenLot | None:
        """The lot of this id, of which nothing may be left; None if there was none."""
        if self._by_id is None:
            known = (*(lot for _, _, lot in self._queue), *self.sold_out)
            self._by_id = {lot.id: lot for lot in known}
        if (following := self._following_lot()) is not None and following.id == lot_id:
            self._read_following()
        found = self._by_id.get(lot_id)
        if found is None and (found := self.stored_lot(lot_id)) is not None:
            self._read_by_id.add(found.number)
            self._push(found)
        return found

    def all_lots(self) -> list[OpenLot]:
        """All open lots, oldest first."""
        while self._following_lot() is not None:
            self._read_following()
        return self.read_lots()

    def _buy(self, event: Event, at: int) -> None:
        totals, units, cents = self.totals, event.first, event.second
        totals.purchases += 1
        acquired = at if event.acquired is None else event.acquired
        self._push(OpenLot(totals.purchases, event.id, acquired, units, cents, units, cents))
        totals.units += units
        totals.cost += cents

    def _push(self, lot: OpenLot) -> None:
        heapq.heappush(self._queue, (*order(lot, self.method), lot))
        if self._by_id is not None:
            self._by_id[lot.id] = lot

    def _sell(self, sale: Event, received: int, at: int) -> None:
        """Take a sale out of the lots that come first, and realize the gain on each part."""
        totals, units = self.totals, sale.first
        identifies = sale.named and self.method is not LotMethod.AVERAGE
        taken = self._take_named(units, sale.named) if identifies else self._take(units)
        quantities = [part for _, part, _ in taken]
        costs = [cost for _, _, cost in taken]
        if self.method is LotMethod.AVERAGE:  # a share of the pool, not the lots' own cost
            pool = totals.cost - share(totals.cost, totals.units - units, totals.units)
            costs = spread(pool, by=quantities)
        parts = [
            Part(lot.id, part, proceeds, cost, lot.acquired)
            for (lot, part, _), proceeds, cost in zip(
                taken, spread(received, by=quantities), costs, strict=True
            )
        ]
        self.sales.append(Sale(sale.id, at, parts))
        cost = sum(costs)
        totals.units -= units
        totals.cost -= cost
        totals.realized += received - cost

    def _take_named(
        self, units: int, named: Sequence[tuple[str, int]]
    ) -> list[tuple[OpenLot, int, int]]:
        """Take units out of what is left of the lots that a sale names, the rest by the method."""
        taken = []
        for lot_id, wanted in named:
            lot = self.lot(lot_id)
            part = 0 if lot is None else min(wanted, units, lot.units_left)
            if lot is not None and part:
                taken.append((lot, part, self._take_from(lot, part)))
                units -= part
        return _of_one_lot([*taken, *self._take(units)]) if units else taken

    def _take(self, units: int) -> list[tuple[OpenLot, int, int]]:
        """Take units out of the lots: (lot, units, own cost) for each lot used."""
        taken = []
        while units:
            lot = self._first()
            part = min(units, lot.units_left)
            taken.append((lot, part, self._take_from(lot, part)))
            units -= part
        return taken

    def _take_from(self, lot: OpenLot, units: int) -> int:
        cost = lot.take(units)
        if not lot.units_left and lot.read_units:
            self.sold_out.append(lot)
        return cost

    def _first(self) -> OpenLot:
        """The lot that is sold from next; reads the stored ones that come before all others."""
        while self._queue and not self._queue[0][2].units_left:
            heapq.heappop(self._queue)
        while (lot := self._following_lot()) is not None and (
            not self._queue or order(lot, self.method) < self._queue[0][:2]
        ):
            self._read_following()
        if not self._queue:
            raise MissingLots(f"no lots, of {self.totals.units} units")
        return self._queue[0][2]

    def _following_lot(self) -> OpenLot | None:
        """The next one of the stored lots, in the order in which they are sold."""
        if not self._is_read:
            self._is_read, self._following = True, self._next_stored()
        return self._following

    def _read_following(self) -> None:
        if self._following is not None:
            self._push(self._following)
        self._following = self._next_stored()

    def _next_stored(self) -> OpenLot | None:
        unread = (lot for lot in self.stored if lot.number not in self._read_by_id)
        return next(unread, None)

    def _split(self, before: int, after: int) -> None:
        """Spread the new units over the lots, oldest first, so that they sum to all there are.

        A lot that is too small for one new unit gives its cost to the one nearest to it, among
        equals to the one before it.
        """
        lots = self.all_lots()
        reached = list(accumulate((lot.units_left for lot in lots), initial=0))
        if reached[-1] != before:
            raise MissingLots(f"lots of {reached[-1]} units, of {before}")
        made = [total * after // before for total in reached]
        for lot, (start, end) in zip(lots, pairwise(made), strict=True):
            lot.restate(end - start)
        kept = [lot for lot in lots if lot.units]
        numbers = [lot.number for lot in kept]
        for lot in lots:
            if not lot.units:
                _nearest(kept, numbers, lot.number).inherit(lot.cost_left)
                if lot.read_units:
                    self.sold_out.append(lot)
        self._queue_anew(kept)
        self.totals.units = after

    def _change_to(self, method: LotMethod) -> None:
        """Match by another method from here on; after average basis all lots keep the average."""
        lots, before = self.all_lots(), self.method
        self.method = method
        if before is LotMethod.AVERAGE:
            units = [lot.units_left for lot in lots]
            for lot, cost in zip(lots, spread(self.totals.cost, by=units), strict=True):
                lot.cost_left = cost
                lot.restate(lot.units_left)
        if LotMethod.HIFO in (before, method):
            for lot in lots:  # they are stored in another order
                lot.is_restated = True
        self._queue_anew(lots)

    def _queue_anew(self, lots: Iterable[OpenLot]) -> None:
        self._queue = []
        for lot in lots:
            lot.key = None
            self._queue.append((*order(lot, self.method), lot))
        heapq.heapify(self._queue)


def order(lot: OpenLot, method: LotMethod) -> tuple[int, int]:
    """What lots are sorted by, first to be sold first."""
    if method is LotMethod.LIFO:
        return 0, -lot.number
    if method is not LotMethod.HIFO:
        return 0, lot.number
    if lot.key is None:
        lot.key = rank(lot)
    return -lot.key, lot.number


def rank(lot: OpenLot) -> int:
    """The cost of one unit, as an integer that sorts as exactly as the fraction does."""
    return lot.cost * _DECIMALS // lot.units


def fold(history: Iterable[Event], method: LotMethod) -> Fold:
    """The lots and sales after a whole history of one instrument, in order of booking."""
    made = Fold(method)
    for event in history:
        made.add(event)
    return made


def _of_one_lot(taken: Iterable[tuple[OpenLot, int, int]]) -> list[tuple[OpenLot, int, int]]:
    """One part for each lot: one that was named may be what the rest is taken from, too."""
    found: dict[int, tuple[OpenLot, int, int]] = {}
    for lot, units, cost in taken:
        _, more, costs = found.get(lot.number, (lot, 0, 0))
        found[lot.number] = (lot, more + units, costs + cost)
    return [*found.values()]


def _nearest(kept: Sequence[OpenLot], numbers: Sequence[int], number: int) -> OpenLot:
    at = bisect(numbers, number)
    return min(kept[max(at - 1, 0) : at + 1], key=lambda lot: abs(lot.number - number))


def share(amount: int, part: int, of: int) -> int:
    """The share of an amount that a part of a quantity has, to the nearest unit, half to even."""
    whole, rest = divmod(amount * part, of)
    return whole + (2 * rest > of or (2 * rest == of and whole % 2 == 1))


def spread(amount: int, *, by: Sequence[int]) -> list[int]:
    """Spread an amount in proportion, in whole units that sum to it.

    Each running total is rounded (half to even), not each part: no part is off by a unit or more,
    and the last takes what is left. `by` are weights above zero; the result has one part for each.
    """
    reached = list(accumulate(by, initial=0))
    totals = [share(amount, total, reached[-1]) for total in reached] if by else [0]
    return [after - before for before, after in pairwise(totals)]


def part_of(amount: int, before: int, part: int, of: int) -> int:
    """One part of what `spread` makes: of a weight `part`, after others that sum to `before`."""
    return share(amount, before + part, of) - share(amount, before, of)


def holding_term(*, acquired_at: datetime, sold_at: datetime) -> Term:
    """Whether what was acquired and sold at these times was held for a short or a long term.

    "If you hold investment property more than 1 year, any capital gain or loss is a long-term
    capital gain or loss. [...] To determine how long you held the investment property, begin
    counting on the date after the day you acquired the property" (Publication 550, "Holding
    Period"). Dates are those of New York.
    """
    return term_between(
        acquired=acquired_at.astimezone(TAX_ZONE).date(), sold=sold_at.astimezone(TAX_ZONE).date()
    )


def term_between(*, acquired: date, sold: date) -> Term:
    """The term of what was acquired and sold on these trade dates."""
    first_day = acquired + timedelta(days=1)
    return "long" if sold >= _same_day_next_year(first_day) else "short"


def _same_day_next_year(day: date) -> date:
    try:
        return day.replace(year=day.year + 1)
    except ValueError:  # 29 February: the year that began with it ends on 28 February
        return date(day.year + 1, 3, 1)
