"""Lots in plain decimals and fractions, from a whole history at once: what the rules must give.

`match_lots` also computes each history by `portfolio.rules.lots`, and sees that both agree.
"""

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Literal

from portfolio.instants import instant
from portfolio.rules import lot_methods, lots
from portfolio.rules.lot_methods import Matching
from portfolio.rules.lots import TAX_ZONE, LotMethod, Term, holding_term

Side = Literal["buy", "sell"]

_CENT = Decimal("0.01")
_NOTHING = Decimal(0)


class OversoldPosition(ValueError):
    """The history sells more than it has bought: a trade is missing or out of order.

    Not a refusal, since no request is wrong: the records are incomplete.
    """

    def __init__(self, *, sale_id: str, quantity: Decimal, held: Decimal) -> None:
        super().__init__(f"Sale {sale_id} is of {quantity}, but only {held} are held by then.")
        self.sale_id = sale_id
        self.quantity = quantity
        self.held = held


@dataclass(frozen=True, slots=True)
class Trade:
    """One purchase or sale of one instrument.

    `quantity` in shares (coins, face value), above zero. `amount` in dollars and whole cents: the
    cash that moved, fees included (a purchase: paid; a sale: received), never negative. `at` is
    timezone-aware. `named` are the purchases that a sale names, and quantities of each. Raises
    `ValueError` for anything else.
    """

    id: str
    side: Side
    quantity: Decimal
    amount: Decimal
    at: datetime
    named: Sequence[tuple[str, Decimal]] = ()

    def __post_init__(self) -> None:
        if not (self.quantity.is_finite() and self.quantity > 0):
            raise ValueError(f"Trade {self.id}: a quantity is above zero, not {self.quantity}.")
        if not (self.amount.is_finite() and self.amount >= 0):
            raise ValueError(f"Trade {self.id}: an amount is not negative, as {self.amount} is.")
        if self.amount != self.amount.quantize(_CENT):
            raise ValueError(f"Trade {self.id}: {self.amount} is not in whole cents.")
        if self.at.tzinfo is None:
            raise ValueError(f"Trade {self.id}: its time needs a timezone.")


@dataclass(frozen=True, slots=True)
class Split:
    """All `before` shares of one instrument became `after` shares; both are totals held.

    If nothing is left, it counts as a sale for nothing, with this `id`. Raises `ValueError` for
    what is not finite, nothing before, or less than nothing after.
    """

    id: str
    before: Decimal
    after: Decimal
    at: datetime

    def __post_init__(self) -> None:
        if not (self.before.is_finite() and self.after.is_finite()):
            raise ValueError("a split is of finite quantities")
        if self.before <= 0 or self.after < 0:
            raise ValueError(f"a split can't make {self.after} of {self.before}")


Event = Trade | Split


@dataclass(frozen=True, slots=True)
class Lot:
    """What is still held of one purchase, and what that part cost (dollars, fees included)."""

    trade_id: str
    quantity: Decimal
    cost_basis: Decimal
    acquired_at: datetime


@dataclass(frozen=True, slots=True)
class RealizedGain:
    """The part of a sale that came out of one lot.

    `proceeds` and `cost_basis` in dollars, net of the fees of the sale and with those of the
    purchase. With average basis the cost is that of the pool, and the lot only gives the holding
    period.
    """

    sale_id: str
    lot_trade_id: str
    quantity: Decimal
    proceeds: Decimal
    cost_basis: Decimal
    acquired_at: datetime
    sold_at: datetime

    @property
    def gain(self) -> Decimal:
        """Dollars gained; below zero, lost."""
        return self.proceeds - self.cost_basis

    @property
    def term(self) -> Term:
        """Whether the gain is short-term or long-term."""
        return holding_term(acquired_at=self.acquired_at, sold_at=self.sold_at)


@dataclass(frozen=True, slots=True)
class LotBook:
    """The outcome of a history: open lots, oldest first, and realized gains, in order of sale."""

    open: tuple[Lot, ...]
    realized: tuple[RealizedGain, ...]

    @property
    def quantity(self) -> Decimal:
        """What is still held."""
        return sum((lot.quantity for lot in self.open), _NOTHING)

    @property
    def cost_basis(self) -> Decimal:
        """What the quantity still held cost, in dollars."""
        return sum((lot.cost_basis for lot in self.open), _NOTHING)

    @property
    def realized_pnl(self) -> Decimal:
        """The sum of all realized gains and losses, in dollars."""
        return sum((part.gain for part in self.realized), _NOTHING)


def match_lots(
    history: Iterable[Event], *, method: Matching, until: datetime | None = None
) -> LotBook:
    """The open lots and the realized gains after this history of one instrument.

    Events are taken in order of time; those of the same instant in the order given. For every
    method, `cost_basis` plus the cost of everything sold is all that was ever paid, exactly.
    Changes of the method count as far as the last event, or as `until`.

    Raises `OversoldPosition` when a sale is of more than is held by then.
    """
    in_order = sorted(history, key=lambda event: event.at)
    scale = max((_decimals(event) for event in in_order), default=0)
    folded = lot_methods.fold((as_integers(event, scale) for event in in_order), method)
    try:
        book = _book(in_order, method)
    except OversoldPosition:
        assert not folded.totals.complete
        raise
    assert _same_lots(book, folded, scale)
    return book if until is None else _book(in_order, method, until)


def _book(history: Sequence[Event], matching: Matching, until: datetime | None = None) -> LotBook:
    fixed = matching if isinstance(matching, LotMethod) else None
    position = _Position(fixed or LotMethod.FIFO)
    ahead = [] if isinstance(matching, LotMethod) else [*matching.changes]
    for event in history:
        while ahead and ahead[0].day <= event.at.astimezone(TAX_ZONE).date():
            position.change_to(ahead.pop(0).method)
        if isinstance(event, Split):
            position.split(event)
        elif event.side == "buy":
            position.buy(event)
        else:
            position.sell(event)
    while until and ahead and ahead[0].day <= until.astimezone(TAX_ZONE).date():
        position.change_to(ahead.pop(0).method)
    return position.book()


def _decimals(event: Event) -> int:
    quantity = event.after if isinstance(event, Split) else event.quantity
    return max(-int(quantity.as_tuple().exponent), 0)


def as_integers(event: Event, scale: int) -> lots.Event:
    """The event as `portfolio.rules.lots` counts it, with so many decimals of a unit."""
    at = instant(event.at)
    if isinstance(event, Split):
        before, after = int(event.before.scaleb(scale)), int(event.after.scaleb(scale))
        return lots.Event(lots.SPLIT, event.id, before, after, at)
    kind = lots.BUY if event.side == "buy" else lots.SELL
    units, cents = int(event.quantity.scaleb(scale)), int(event.amount.scaleb(2))
    named = [(lot_id, int(quantity.scaleb(scale))) for lot_id, quantity in event.named]
    return lots.Event(kind, event.id, units, cents, at, named)


def _same_lots(book: LotBook, fold: lots.Fold, scale: int) -> bool:
    """Whether both have the same lots and gains, in the same order."""
    totals, left = fold.totals, fold.all_lots()
    costs = [lot.cost_left for lot in left]
    if fold.method is LotMethod.AVERAGE:
        costs = lots.spread(totals.cost, by=[lot.units_left for lot in left])
    parts = [(sale.id, sale.sold, *part) for sale in fold.sales for part in sale.parts]
    return (
        [
            (lot.id, lot.acquired, lot.units_left, cost)
            for lot, cost in zip(left, costs, strict=True)
        ]
        == [
            (
                lot.trade_id,
                instant(lot.acquired_at),
                lot.quantity.scaleb(scale),
                lot.cost_basis * 100,
            )
            for lot in book.open
        ]
        and parts
        == [
            (
                part.sale_id,
                instant(part.sold_at),
                part.lot_trade_id,
                part.quantity.scaleb(scale),
                part.proceeds * 100,
                part.cost_basis * 100,
                instant(part.acquired_at),
            )
            for part in book.realized
        ]
        and totals.units == book.quantity.scaleb(scale)
        and totals.cost == book.cost_basis * 100
        and totals.realized == book.realized_pnl * 100
    )


def split_amount(amount: Decimal, *, by: Sequence[Decimal]) -> list[Decimal]:
    """Split an amount of dollars in proportion, in cents that sum to the whole.

    Each running total is rounded (half to even), not each part: no part is off by a cent or more,
    and the last takes what is left. `by` are weights above zero; the result has one part for each.
    """
    reached = list(accumulate(by, initial=_NOTHING))
    totals = [_share(amount, part=total, of=reached[-1]) for total in reached]
    return [after - before for before, after in pairwise(totals)]


class _OpenLot:
    """A purchase, as bought or as restated by the last split, and what is left of it."""

    __slots__ = ("cost", "cost_left", "quantity", "quantity_left", "trade")

    def __init__(self, trade: Trade) -> None:
        self.trade = trade
        self.quantity = self.quantity_left = trade.quantity
        self.cost = self.cost_left = trade.amount

    def take(self, quantity: Decimal) -> Decimal:
        """Take shares out of the lot, and return their cost."""
        self.quantity_left -= quantity
        # Rounded from the whole lot each time, so that many small sales do not drift.
        cost_left = _share(self.cost, part=self.quantity_left, of=self.quantity)
        cost = self.cost_left - cost_left
        self.cost_left = cost_left
        return cost

    def restate(self, quantity: Decimal) -> None:
        """Restate what is left in new shares; its cost stays."""
        self.quantity = self.quantity_left = quantity
        self.cost = self.cost_left


class _Position:
    """The open lots of one instrument, while its history is processed."""

    def __init__(self, method: LotMethod) -> None:
        self._method = method
        # The next lot to sell from is on top. The number of the purchase settles every tie, so
        # that lots themselves are never compared.
        self._queue: list[tuple[Fraction, int, _OpenLot]] = []
        self._purchases = 0
        self._quantity = _NOTHING
        self._cost = _NOTHING
        self._realized: list[RealizedGain] = []

    def buy(self, trade: Trade) -> None:
        """Open a lot."""
        self._purchases += 1
        number = -self._purchases if self._method is LotMethod.LIFO else self._purchases
        lot = _OpenLot(trade)
        heapq.heappush(self._queue, (self._rank(lot), number, lot))
        self._quantity += trade.quantity
        self._cost += trade.amount

    def sell(self, sale: Trade) -> None:
        """Take a sale out of the lots that come first, and realize the gain on each part."""
        if sale.quantity > self._quantity:
            raise OversoldPosition(sale_id=sale.id, quantity=sale.quantity, held=self._quantity)
        parts = self._take_named(sale)
        for trade, more, cost in self._take(sale.quantity - sum(q for _, q, _ in parts)):
            lots = [each for each, _, _ in parts]
            if trade in lots:  # it was named for less than there is
                _, quantity, before = parts[lots.index(trade)]
                parts[lots.index(trade)] = (trade, quantity + more, before + cost)
            else:
                parts.append((trade, more, cost))
        quantities = [quantity for _, quantity, _ in parts]
        proceeds = split_amount(sale.amount, by=quantities)
        costs = self._costs(parts)
        for (lot, quantity, _), received, cost in zip(parts, proceeds, costs, strict=True):
            self._realized.append(
                RealizedGain(
                    sale_id=sale.id,
                    lot_trade_id=lot.id,
                    quantity=quantity,
                    proceeds=received,
                    cost_basis=cost,
                    acquired_at=lot.at,
                    sold_at=sale.at,
                )
            )
        self._quantity -= sale.quantity
        self._cost -= sum(costs, _NOTHING)

    def split(self, split: Split) -> None:
        """Spread the new shares over the lots, oldest first, so that they sum to all there are.

        A lot that is too small for the smallest part of a new share gives its cost to the one
        before it (or after it); if no share is left at all, the cost of everything was lost.
        """
        if split.before != self._quantity:
            raise OversoldPosition(sale_id=split.id, quantity=split.before, held=self._quantity)
        if not split.after:
            self.sell(Trade(split.id, "sell", split.before, _NOTHING, split.at))
            return
        entries = sorted(self._queue, key=lambda entry: abs(entry[1]))
        reached = list(accumulate((lot.quantity_left for _, _, lot in entries), initial=_NOTHING))
        totals = [_part_of(split, total) for total in reached]
        for (_, _, lot), (start, end) in zip(entries, pairwise(totals), strict=True):
            lot.restate(end - start)
        kept = [entry for entry in entries if entry[2].quantity]
        for _, number, lot in entries:
            if not lot.quantity:
                heir = min(kept, key=lambda entry: abs(abs(entry[1]) - abs(number)))[2]
                heir.cost = heir.cost_left = heir.cost_left + lot.cost_left
        self._queue = [(self._rank(lot), number, lot) for _, number, lot in kept]
        heapq.heapify(self._queue)
        self._quantity = split.after

    def change_to(self, method: LotMethod) -> None:
        """Match by another method from now on; after average basis its cost is that of all lots."""
        entries = sorted(self._queue, key=lambda entry: abs(entry[1]))
        lots = [lot for _, _, lot in entries]
        if self._method is LotMethod.AVERAGE:
            averages = split_amount(self._cost, by=[lot.quantity_left for lot in lots])
            for lot, cost in zip(lots, averages, strict=True):
                lot.quantity, lot.cost, lot.cost_left = lot.quantity_left, cost, cost
        self._method = method
        sign = -1 if method is LotMethod.LIFO else 1
        self._queue = [(self._rank(lot), sign * abs(n), lot) for _, n, lot in entries]
        heapq.heapify(self._queue)

    def book(self) -> LotBook:
        """The lots and gains as they are now."""
        lots = [lot for _, _, lot in sorted(self._queue, key=lambda entry: abs(entry[1]))]
        costs = [lot.cost_left for lot in lots]
        if self._method is LotMethod.AVERAGE:
            costs = split_amount(self._cost, by=[lot.quantity_left for lot in lots])
        return LotBook(
            open=tuple(
                Lot(lot.trade.id, lot.quantity_left, cost, lot.trade.at)
                for lot, cost in zip(lots, costs, strict=True)
            ),
            realized=tuple(self._realized),
        )

    def _rank(self, lot: _OpenLot) -> Fraction:
        """The first sort key, before age: the cost per share for HIFO, otherwise none."""
        if self._method is LotMethod.HIFO:
            return -Fraction(lot.cost) / Fraction(lot.quantity)
        return Fraction(0)

    def _take_named(self, sale: Trade) -> list[tuple[Trade, Decimal, Decimal]]:
        """Take what is left of the lots that a sale names; none with average basis."""
        parts = []
        wanted = sale.quantity
        for lot_id, named in () if self._method is LotMethod.AVERAGE else sale.named:
            for entry in [entry for entry in self._queue if entry[2].trade.id == lot_id]:
                lot = entry[2]
                taken = min(wanted, named, lot.quantity_left)
                if taken:
                    parts.append((lot.trade, taken, lot.take(taken)))
                    wanted -= taken
                if not lot.quantity_left:
                    self._queue.remove(entry)
                    heapq.heapify(self._queue)
        return parts

    def _take(self, quantity: Decimal) -> list[tuple[Trade, Decimal, Decimal]]:
        """Take a quantity out of the lots: (purchase, quantity, own cost) for each lot used."""
        parts = []
        wanted = quantity
        while wanted > 0:
            lot = self._queue[0][2]
            taken = min(wanted, lot.quantity_left)
            parts.append((lot.trade, taken, lot.take(taken)))
            if not lot.quantity_left:
                heapq.heappop(self._queue)
            wanted -= taken
        return parts

    def _costs(self, parts: Sequence[tuple[Trade, Decimal, Decimal]]) -> list[Decimal]:
        """The cost of each part: its lot's own, or its share of the pool under average basis."""
        if self._method is not LotMethod.AVERAGE:
            return [cost for _, _, cost in parts]
        quantities = [quantity for _, quantity, _ in parts]
        sold = sum(quantities, _NOTHING)
        cost = self._cost - _share(self._cost, part=self._quantity - sold, of=self._quantity)
        return split_amount(cost, by=quantities)


def _share(amount: Decimal, *, part: Decimal, of: Decimal) -> Decimal:
    """The share of an amount that a part of a quantity has, to the nearest cent, half to even.

    In fractions, because a product of two Decimals is cut at 28 digits before it is divided.
    """
    if part == of:
        return amount
    cents = round(Fraction(amount) * 100 * Fraction(part) / Fraction(of))
    return cents * _CENT


def _part_of(split: Split, quantity: Decimal) -> Decimal:
    """What `quantity` of the old shares became, rounded down to the decimals of the new total."""
    unit = Decimal(1).scaleb(int(split.after.as_tuple().exponent))
    exact = Fraction(quantity) * Fraction(split.after) / Fraction(split.before)
    return math.floor(exact / Fraction(unit)) * unit
