"""Who trades with whom, at what price: matching by price-time priority.

An order is matched with customers' resting orders and the street's displayed levels, best price
first. At the same price customers come before the street, and older orders before younger ones.
Each match is at the price of what rested. An order never trades with another one of its owner:
matching stops there (`self_trade`), and the rest of the order is canceled rather than traded past a
better price.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal
from typing import Literal
from uuid import UUID

from banking.rules.assets import EXACT, Asset
from exchange.market.rules.levels import Level

SideName = Literal["buy", "sell"]


@dataclass(frozen=True, slots=True)
class Resting:
    """A customer's order in the book."""

    order_id: UUID
    owner_id: UUID
    price: Decimal
    units: int


@dataclass(frozen=True, slots=True)
class Match:
    """`units` at `price`, against a customer's order or (None) against the street."""

    price: Decimal
    units: int
    order_id: UUID | None


@dataclass(frozen=True, slots=True)
class Budget:
    """Dollars that may be spent, and what one whole unit of quantity costs at price 1.

    `cost_factor` is (1 + fee rate) / price divisor; `step` is the quantity increment in units;
    `accrued` is the interest that a bond's buyer pays on top of its price.
    """

    dollars: Decimal
    cost_factor: Decimal
    asset: Asset
    step: int
    accrued: Decimal = Decimal(0)

    def units_at(self, price: Decimal) -> int:
        """The most units, in whole steps, that the budget covers at this price."""
        quantity = EXACT.divide(self.dollars, self._cost(price))
        units = int(quantity.scaleb(self.asset.scale, EXACT).to_integral_value(ROUND_FLOOR, EXACT))
        return units - units % self.step

    def after(self, price: Decimal, units: int) -> "Budget":
        spent = EXACT.multiply(self.asset.amount(units), self._cost(price))
        return replace(self, dollars=EXACT.subtract(self.dollars, spent))

    def _cost(self, price: Decimal) -> Decimal:
        """Dollars for one whole unit of quantity."""
        return EXACT.multiply(EXACT.add(price, self.accrued), self.cost_factor)


@dataclass(frozen=True, slots=True)
class Incoming:
    """The order to be matched. `worst_price` is its limit or collar.

    `units` is what it still wants; with a `budget` it wants as much as that buys (or sells for).
    """

    side: SideName
    owner_id: UUID
    worst_price: Decimal
    units: int | None
    budget: Budget | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The matches of an order. `wanted` units found none (of a budget: units at its last price)."""

    matches: tuple[Match, ...]
    wanted: int = 0
    self_trade: bool = False

    @property
    def units(self) -> int:
        return sum(match.units for match in self.matches)

    @property
    def street_units(self) -> int:
        return sum(match.units for match in self.matches if match.order_id is None)


def crosses(side: SideName, limit: Decimal, price: Decimal) -> bool:
    """Whether an order with this limit may trade at `price`."""
    return price <= limit if side == "buy" else price >= limit


def match(incoming: Incoming, *, resting: Sequence[Resting], levels: Iterable[Level]) -> Outcome:
    """Match one order. `resting` and `levels` are of the other side, best first, older first."""
    matches: list[Match] = []
    demand = _Demand(incoming.units, incoming.budget)
    for offer in _best_first(incoming.side, resting, levels):
        units = min(demand.at(offer.price), offer.units)
        if units <= 0 or not crosses(incoming.side, incoming.worst_price, offer.price):
            break
        if isinstance(offer, Resting) and offer.owner_id == incoming.owner_id:
            return Outcome(tuple(matches), demand.left(matches), self_trade=True)
        order_id = offer.order_id if isinstance(offer, Resting) else None
        matches.append(Match(offer.price, units, order_id))
        demand.take(offer.price, units)
    return Outcome(tuple(matches), demand.left(matches))


class _Demand:
    """What an incoming order still wants: units, or what its budget buys."""

    def __init__(self, units: int | None, budget: Budget | None) -> None:
        if (units is None) == (budget is None):
            raise ValueError("an order is sized either by units or by a budget")
        self._units = units
        self._budget = budget

    def at(self, price: Decimal) -> int:
        if self._budget is not None:
            return self._budget.units_at(price)
        return self._units or 0

    def left(self, matches: Sequence[Match]) -> int:
        """Units still wanted; a budget without a match has no price at which to count units."""
        if self._budget is not None and not matches:
            return 0
        return self.at(matches[-1].price if matches else Decimal(0))

    def take(self, price: Decimal, units: int) -> None:
        if self._budget is not None:
            self._budget = self._budget.after(price, units)
        if self._units is not None:
            self._units -= units


def _best_first(
    side: SideName, resting: Sequence[Resting], levels: Iterable[Level]
) -> Iterator[Resting | Level]:
    """Merge the two by price; the merge is stable, which keeps customers first."""
    if not resting:
        return iter(levels)
    return heapq.merge(resting, levels, key=lambda offer: offer.price, reverse=side == "sell")
