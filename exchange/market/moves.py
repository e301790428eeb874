"""Large moves: a day's extreme that passes another step away from the last day's close. Pure.

A day's high only rises and its low only falls, so each step is passed once a day in each direction,
however often the price comes back to it.
"""

from dataclasses import dataclass
from decimal import Decimal

STEP_PERCENT = 5
SEVERITIES = ("low", "medium", "high", "critical")


@dataclass(frozen=True, slots=True)
class Move:
    """A symbol has moved `percent` (a multiple of the step, signed) since the last day's close."""

    symbol: str
    percent: int
    price: Decimal

    @property
    def severity(self) -> str:
        """From low for one step to critical for four or more."""
        return SEVERITIES[min(abs(self.percent) // STEP_PERCENT, len(SEVERITIES)) - 1]


def passed(symbol: str, *, close: Decimal, before: Decimal, extreme: Decimal) -> Move | None:
    """The move, if the day's extreme is a step further from the close than it was before."""
    steps = _steps(extreme, close)
    if abs(steps) <= abs(_steps(before, close)):
        return None
    return Move(symbol, steps * STEP_PERCENT, extreme)


def _steps(extreme: Decimal, close: Decimal) -> int:
    """Whole steps from the close, signed; none from a close that is not a price."""
    return int((extreme - close) * 100 / (close * STEP_PERCENT)) if close > 0 else 0
