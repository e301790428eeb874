"""At which price waiting orders trade when the price has moved from one tick to the next.

Inside a bar the price passes every price between two ticks. An order that waits on this path trades
where the path reaches it, not at its end. `start` is the price at which the path began. It is None
after a jump (a gap, or two ticks between which nothing is known): then there is only the end.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from exchange.market.rules.levels import Level


def limit_price(side: str, limit: Decimal, start: Decimal | None, end: Decimal) -> Decimal:
    """The best price that a limit order gets on a path whose `end` it may trade at.

    That is its limit; or, if the whole path is better than the limit, the path's worse end.
    """
    if start is None:
        return end
    if side == "buy":
        return min(limit, max(start, end))
    return max(limit, min(start, end))


def stop_price(side: str, stop: Decimal, start: Decimal | None, end: Decimal) -> Decimal:
    """The price at which a stop on the path is triggered: the first one that reaches it."""
    if start is None:
        return end
    return max(stop, start) if side == "buy" else min(stop, start)


def no_better_than(price: Decimal, levels: Iterable[Level], side: str) -> Iterator[Level]:
    """The levels for an order of `side`, at `price` where a level's own price is better for it."""
    worse = max if side == "buy" else min
    return (Level(worse(level.price, price), level.units) for level in levels)
