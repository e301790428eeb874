"""Wash sales: losses that can't be deducted, because the same security was bought within 30 days.

The rules are those of 26 U.S.C. 1091 and 1223(3), 26 CFR 1.1091-1 and 1.1091-2, and IRS Publication
550, chapter 4, "Wash Sales". A loss is disallowed as far as shares of the same instrument were
bought in the 61 days around the sale. They are matched in the order in which they were bought, the
earliest loss first, each share once. The disallowed loss is added to the cost of the shares that
replace those sold, and the time for which those were held to the time of these.

Where the law leaves a choice:

* A purchase before the sale replaces as far as it is still held after the sale. What is left of the
  very purchase that was sold from does not (Revenue Ruling 56-602: a sale of some shares of one lot
  reduces what is held). Fills of one order on one day are one purchase.
* Of a lot, the shares that replaced others are sold before the rest.
* Losses of one sale are taken in the order in which the shares were bought (1.1091-1(b)).
* With average cost, the disallowed loss stays with the shares that replaced, and is not averaged.

Units, cents and times (microseconds since 1970) are integers. Days are trade dates in New York.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from math import prod
from typing import NamedTuple

from portfolio.rules import lots
from portfolio.rules.lots import TAX_ZONE, Event, Fold, Part, Sale, part_of, share, spread

DAYS = 30
"""How long before and after the day of a sale a purchase replaces what was sold."""

COVERED_CLASSES = frozenset({"stock", "etf", "bond"})
"""The law is about "stock or securities"; a share of a fund is stock, a bond a security.

A coin is neither: it is property (IRS Notice 2014-21, confirmed for later coins by Revenue Ruling
2019-24), and no law has added digital assets to section 1091.
"""

_ONE = Fraction(1)
_HOUR = 3_600_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Of all splits of an instrument: when, and how many new shares for one old share.
Splits = Sequence[tuple[int, Fraction]]


class Replacement(NamedTuple):
    """Shares that replaced some sold at a loss; `lot_id` and `bought` are their purchase's.

    `cost` is what they were bought for, `disallowed` the loss that is added to it. They are taken
    to have been bought on `held_since`. `units` are counted as of the purchase, or of the sale if
    that is later; `sold_units` as of the sale.
    """

    lot_id: str
    bought: int
    units: int
    sold_units: int
    cost: int
    disallowed: int
    held_since: date

    @property
    def adjusted_cost(self) -> int:
        """The basis of the shares: what they cost, and the loss."""
        return self.cost + self.disallowed


@dataclass(slots=True)
class SoldPart:
    """Units of a sale out of one lot, which have the same adjustments.

    `cost` is as the lots have it. `carried` are the losses of earlier wash sales that were added to
    it; `held_since` is the day of the purchase, or earlier if these shares replaced others.
    `replacements` grow for 30 days after the sale.
    """

    lot_id: str
    units: int
    proceeds: int
    cost: int
    carried: int
    bought: int
    held_since: date
    washed: int = 0
    replacements: list[Replacement] = field(default_factory=list)

    @property
    def loss(self) -> int:
        """What was lost, before any of it is disallowed; zero for a gain."""
        return max(self.cost + self.carried - self.proceeds, 0)

    @property
    def disallowed(self) -> int:
        """The part of the loss that can't be deducted."""
        return sum(each.disallowed for each in self.replacements)


class AdjustedSale(NamedTuple):
    """A sale, its day, and the parts that it was taken from."""

    id: str
    sold: int
    day: date
    parts: Sequence[SoldPart]


def trade_day(at: int) -> date:
    """The trade date, in New York, of a time in microseconds since 1970."""
    return _day_of_hour(at // _HOUR)


@lru_cache(maxsize=4096)
def _day_of_hour(hour: int) -> date:
    """A day begins with an hour, there as in UTC."""
    return (_EPOCH + timedelta(hours=hour)).astimezone(TAX_ZONE).date()


@dataclass(slots=True)
class AdjustedLots:
    """The lots of one instrument while events are added to them, and its wash sales."""

    fold: Fold
    wash_sales: "WashSales"

    def add(self, event: Event, *, order: str) -> AdjustedSale | None:
        """Add the next event, in order of booking; `order` is that of a purchase.

        Returns the sale, if it is one.
        """
        fold = self.fold
        before = _units_of(fold) if event.kind == lots.SPLIT else []
        fold.add(event)
        if fold.sales:
            [sale] = fold.sales
            fold.sales.clear()
            return self.wash_sales.sell(sale)
        if fold.totals.complete and event.kind == lots.BUY:
            self.wash_sales.buy(event, order=order, at=fold.totals.last)
        elif fold.totals.complete and event.kind == lots.SPLIT:
            self.wash_sales.restate(before, {key: units for _, key, units in _units_of(fold)})
        return None


def _units_of(fold: Fold) -> list[tuple[int, str, int]]:
    """Number, id and units of each open lot, oldest first."""
    return [(lot.number, lot.id, lot.units_left) for lot in fold.all_lots()]


@dataclass(slots=True)
class _Piece:
    """Units of a lot with the loss that they carry, and when they count as bought."""

    units: int
    carried: int
    held_since: date

    def take(self, units: int) -> "_Piece":
        left = share(self.carried, self.units - units, self.units)
        taken = _Piece(units, self.carried - left, self.held_since)
        self.units, self.carried = self.units - units, left
        return taken


@dataclass(slots=True)
class _Lot:
    """A lot that may replace what is sold, or has done so: with `pieces`, sold first.

    `free` are its other units. They and the cost are right for 30 days, in which they matter.
    """

    id: str
    order: tuple[str, date]
    bought: int
    units: int
    cost: int
    free: int
    pieces: deque[_Piece] = field(default_factory=deque)

    @property
    def day(self) -> date:
        return self.order[1]

    def take(self, units: int) -> Iterator[_Piece]:
        """Take units out of the lot."""
        while units and self.pieces:
            taken = self.pieces[0].take(min(units, self.pieces[0].units))
            if not self.pieces[0].units:
                self.pieces.popleft()
            units -= taken.units
            yield taken
        if units:
            self.free = max(self.free - units, 0)
            yield _Piece(units, 0, self.day)

    def restate(self, before: int, after: int) -> None:
        """Restate all that is left, `before` units, as `after` units, which are not zero."""
        reached = made = 0
        carried, kept = 0, deque[_Piece]()
        for piece in self.pieces:
            reached += piece.units
            units = reached * after // before - made
            made += units
            carried += piece.carried
            if units:
                kept.append(_Piece(units, carried, piece.held_since))
                carried = 0
        self.units, self.cost = after, share(self.cost, before, self.units)
        self.pieces, self.free = kept, after - made
        self.inherit(carried)

    def inherit(self, carried: int) -> None:
        """Take over the loss that units carried of which a split has left nothing."""
        if carried and not self.pieces:
            self.pieces.append(_Piece(1, 0, self.day))
            self.free = max(self.free - 1, 0)
        if carried:
            self.pieces[-1].carried += carried


class _Loss(NamedTuple):
    """A part that was sold at a loss, of which not all has been replaced."""

    part: SoldPart
    sold: int
    day: date
    order: tuple[str, date] | None


@dataclass(slots=True)
class WashSales:
    """The wash sales of one instrument, found while purchases, sales and splits are added in order.

    It remembers lots that carry a loss, and purchases and losses of the last 30 days. With
    `is_covered` false no sale of the instrument is a wash sale.
    """

    splits: Splits = ()
    is_covered: bool = True
    _lots: dict[str, _Lot] = field(default_factory=dict)
    # Purchases that may still replace, and losses that may still be replaced; the earliest first.
    _free: OrderedDict[str, _Lot] = field(default_factory=OrderedDict)
    _losses: deque[_Loss] = field(default_factory=deque)

    def buy(self, event: Event, *, order: str, at: int) -> None:
        """Add a purchase: it replaces what was sold in the 30 days before.

        One that was made elsewhere, and is booked `at` a later time, counts from its own day. It is
        booked before the first sale, so from longer ago than 30 days it replaces nothing.
        """
        self._forget(trade_day(at))
        bought = at if event.acquired is None else event.acquired
        day = trade_day(bought)
        if not self.is_covered or not _is_within(day, trade_day(at)):
            return
        lot = _Lot(event.id, (order, day), bought, event.first, event.second, event.first)
        self._lots[lot.id] = self._free[lot.id] = lot
        if event.acquired is not None:
            self._free = OrderedDict(sorted(self._free.items(), key=lambda each: each[1].bought))
        while self._losses:
            loss = self._losses[0]
            ratio = _ratio(self.splits, after=loss.sold, until=at)
            _replace(loss, lot, ratio)
            if loss.part.washed < loss.part.units:
                break
            self._losses.popleft()
        self._settle(lot)

    def sell(self, sale: Sale) -> AdjustedSale:
        """Add a sale: its losses are replaced by what was bought in the 30 days before."""
        day = trade_day(sale.sold)
        self._forget(day)
        orders = {part.lot_id: lot.order for part in sale.parts if (lot := self._lot(part))}
        # All shares of the sale are gone before its losses are looked at.
        parts = [each for part in sale.parts for each in self._taken(part)]
        losses = [
            _Loss(part, sale.sold, day, orders.get(part.lot_id)) for part in parts if part.loss
        ]
        if self.is_covered:
            for loss in sorted(losses, key=lambda each: each.part.bought):
                self._replace_by_earlier(loss)
        return AdjustedSale(sale.id, sale.sold, day, parts)

    def restate(self, before: Sequence[tuple[int, str, int]], after: Mapping[str, int]) -> None:
        """Restate all lots after a split.

        `before` has number, id and units of each lot, oldest first, `after` the units by id. What a
        lot carried of which nothing is left goes to the one that has got its cost.
        """
        kept = [(number, key) for number, key, _ in before if after.get(key)]
        units = {key: each for _, key, each in before}
        for _, key in kept:
            if key in self._lots:
                self._lots[key].restate(units[key], after[key])
        for number, key, _ in before:
            if key in self._lots and not after.get(key):
                gone = self._lots.pop(key)
                self._free.pop(key, None)
                _, heir = min(kept, key=lambda other: abs(other[0] - number))
                if carried := sum(piece.carried for piece in gone.pieces):
                    self._inherit(heir, gone, after[heir], carried)
        for lot in [*self._free.values()]:
            self._settle(lot)

    def _lot(self, part: Part) -> _Lot | None:
        return self._lots.get(part.lot_id)

    def _taken(self, part: Part) -> Iterator[SoldPart]:
        lot = self._lot(part)
        if not lot:
            yield SoldPart(*part[:4], 0, part.acquired, trade_day(part.acquired))
            return
        pieces = [*lot.take(part.units)]
        units = [piece.units for piece in pieces]
        figures = zip(
            pieces, spread(part.proceeds, by=units), spread(part.cost, by=units), strict=True
        )
        for piece, proceeds, cost in figures:
            yield SoldPart(
                *(part.lot_id, piece.units, proceeds, cost, piece.carried),
                *(part.acquired, piece.held_since),
            )
        self._settle(lot)

    def _replace_by_earlier(self, loss: _Loss) -> None:
        for lot in [*self._candidates(loss)]:
            _replace(loss, lot, _ONE)
            self._settle(lot)
        if loss.part.washed < loss.part.units:
            self._losses.append(loss)

    def _candidates(self, loss: _Loss) -> Iterator[_Lot]:
        """As many purchases before the sale as it takes, the earliest first."""
        wanted = loss.part.units
        for lot in self._free.values():
            if wanted <= 0:
                return
            if lot.order != loss.order:
                wanted -= lot.free
                yield lot

    def _settle(self, lot: _Lot) -> None:
        """Forget what can neither replace nor carries a loss."""
        if not lot.free:
            self._free.pop(lot.id, None)
        if not lot.pieces and lot.id not in self._free:
            self._lots.pop(lot.id, None)

    def _forget(self, day: date) -> None:
        """Forget purchases and losses from which a day is more than 30 days away."""
        while self._free:
            lot = next(iter(self._free.values()))
            if _is_within(lot.day, day):
                break
            del self._free[lot.id]
            self._settle(lot)
        while self._losses and not _is_within(self._losses[0].day, day):
            self._losses.popleft()

    def _inherit(self, heir: str, gone: _Lot, units: int, carried: int) -> None:
        if heir not in self._lots:
            self._lots[heir] = _Lot(heir, gone.order, gone.bought, units, 0, units)
        self._lots[heir].inherit(carried)


def _replace(loss: _Loss, lot: _Lot, ratio: Fraction) -> None:
    """Replace what is left of a loss by the free units of a lot; `ratio` of them for one sold."""
    part = loss.part
    new, old = ratio.numerator, ratio.denominator
    sold = min(part.units - part.washed, lot.free * old // new)
    if not sold:
        return
    units = -(-sold * new // old)  # rounded up: no unit replaces twice
    disallowed = part_of(part.loss, part.washed, sold, part.units)
    held_since = lot.day - (loss.day - part.held_since)
    part.washed += sold
    part.replacements.append(
        Replacement(
            *(lot.id, lot.bought, units, sold),
            *(share(lot.cost, units, lot.units), disallowed, held_since),
        )
    )
    lot.free -= units
    lot.pieces.append(_Piece(units, disallowed, held_since))


def _ratio(splits: Splits, *, after: int, until: int) -> Fraction:
    """How many shares one share of the first time has become by the second."""
    return prod((each for at, each in splits if after < at <= until), start=_ONE)


def _is_within(earlier: date, later: date) -> bool:
    return (later - earlier).days <= DAYS
