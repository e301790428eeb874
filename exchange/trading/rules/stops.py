"""Stop prices: how a trailing one moves, and when one is reached.

A stop is triggered by the last price, which each round sets: a buy when the price has risen to the
stop price, a sell when it has fallen to it. From then on it is an order like any other, at the
prices of that moment: after a gap, at the gap's price. (Inside a replayed bar, see `paths`.)
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from banking.rules.assets import EXACT

PERCENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Trail:
    """The distance of a trailing stop: either dollars, or percent of the peak."""

    amount: Decimal | None
    percent: Decimal | None

    def distance(self, peak: Decimal) -> Decimal:
        """Dollars between the peak and the stop price, not rounded."""
        if self.amount is not None:
            return self.amount
        return EXACT.multiply(peak, EXACT.multiply(self.percent or Decimal(0), PERCENT))


def is_reached(side: str, stop_price: Decimal, price: Decimal) -> bool:
    """Whether a trade at `price` triggers a stop of this side."""
    return price >= stop_price if side == "buy" else price <= stop_price


def better_peak(side: str, peak: Decimal, price: Decimal) -> Decimal:
    """The best price so far: the lowest for a trailing buy, the highest for a trailing sell."""
    return min(peak, price) if side == "buy" else max(peak, price)


def trailing_price(side: str, peak: Decimal, trail: Trail, increment: Decimal) -> Decimal:
    """The price of a trailing stop: above the peak for a buy, below it for a sell.

    Rounded to the price grid away from the market, so that it is never nearer than requested.
    """
    distance = trail.distance(peak)
    exact = EXACT.add(peak, distance) if side == "buy" else EXACT.subtract(peak, distance)
    increments = EXACT.divide(exact, increment).to_integral_value(
        ROUND_CEILING if side == "buy" else ROUND_FLOOR, EXACT
    )
    return EXACT.multiply(increments, increment)
