"""What a trade costs: rates by asset class, in basis points of the traded value.

The table `FeeSchedule`, which an administrator can edit, has the last word; these are the rates of
a class that is not in it.
"""

from dataclasses import dataclass
from decimal import Decimal

BASIS_POINT = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class FeeRates:
    """`maker` when the order rested and was met, `taker` when it met what rested."""

    maker_bps: int
    taker_bps: int


FREE = FeeRates(maker_bps=0, taker_bps=0)
DEFAULTS = {"crypto": FeeRates(maker_bps=15, taker_bps=25)}


def default_rates(asset_class: str) -> FeeRates:
    """The rates of a class for which no schedule has been entered."""
    return DEFAULTS.get(asset_class, FREE)
