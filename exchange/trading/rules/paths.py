"""Where a price that went from one tick to the next met the orders on its way. Pure rules.

Inside a bar the price went through everything between two ticks, so that an order which waited
there met it there, and not where it stood in the end. `start` is where its way began; it is None
after a jump (a gap, or ticks that nothing is known between), when there is only the end.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from exchange.market.rules.levels import Level


def limit_price(side: str, limit: Decimal, start: Decimal | None, end: Decimal) -> Decimal:
    """The best price that a limit order gets on a way whose `end` it may trade at.

    That is its limit; or, where all of the way is better, the worse end of it.
    """
    if start is None:
        return end
    if side == "buy":
        return min(limit, max(start, end))
    return max(limit, min(start, end))


def stop_price(side: str, stop: Decimal, start: Decimal | None, end: Decimal) -> Decimal:
    """The price at which a stop is triggered whose price lies on the way: the first that counts."""
    if start is None:
        return end
    return max(stop, start) if side == "buy" else min(stop, start)


def no_better_than(price: Decimal, levels: Iterable[Level], side: str) -> Iterator[Level]:
    """The levels that an order of `side` meets, each at `price` where it would be better."""
    worse = max if side == "buy" else min
    return (Level(worse(level.price, price), level.units) for level in levels)
