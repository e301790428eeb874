"""Lots at past times: what positions had cost, and what was sold in between.

Stored lots are those of today. What they were at a past time follows from the events until then,
which are folded again, of the instruments that are asked for. An event counts from when it was
booked: it is never earlier than the one before it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from portfolio import trades
from portfolio.instants import instant
from portfolio.rules import lot_methods
from portfolio.rules.lot_methods import Matching
from portfolio.rules.lots import Event, Fold, Sale


@dataclass(frozen=True, slots=True)
class Cost:
    """What units of an instrument have cost, in cents.

    `is_complete` says that all trades are known; otherwise there are no lots to tell the cost.
    `fees` are those of all trades by then that are in neither costs nor gains.
    """

    units: int = 0
    cents: int = 0
    is_complete: bool = True
    fees: int = 0


NO_COST = Cost()


@dataclass(frozen=True, slots=True)
class PastLots:
    """Costs by symbol at the start and at the end of a time, and the sales in it, by symbol."""

    opening: dict[str, Cost] = field(default_factory=dict)
    closing: dict[str, Cost] = field(default_factory=dict)
    sales: dict[str, list[Sale]] = field(default_factory=dict)


def between(
    *,
    owner_id: UUID,
    symbols: Collection[str],
    lot_method: Matching,
    fees_in_cost: bool,
    start: datetime,
    end: datetime,
) -> PastLots:
    """The owner's lots of these instruments from after a time up to and at another."""
    found = PastLots()
    if not symbols:
        return found
    history = trades.whole_history(owner_id=owner_id, symbols=symbols, fees_in_cost=fees_in_cost)
    for symbol, events in history.items():
        fold = lot_methods.begin(lot_method)
        _add(fold, events, after=-1, until=instant(start))
        found.opening[symbol] = _cost(fold)
        earlier = len(fold.sales)
        _add(fold, events, after=instant(start), until=instant(end))
        found.closing[symbol] = _cost(fold)
        found.sales[symbol] = fold.sales[earlier:]
    return found


def _add(fold: Fold, events: Iterable[Event], *, after: int, until: int) -> None:
    """Add the events that count from after a time up to and at another, in order of booking."""
    latest = 0
    for event in events:
        latest = max(latest, event.at)
        if latest > until:
            return
        if latest > after:
            fold.add(event)


def _cost(fold: Fold) -> Cost:
    totals = fold.totals
    return Cost(totals.units, totals.cost, totals.complete, totals.fees)
