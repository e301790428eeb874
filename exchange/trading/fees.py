"""What a trade costs: rates by asset class, in basis points of the traded value."""

from dataclasses import dataclass
from decimal import Decimal

BASIS_POINT = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class FeeRates:
    """`maker` when the order rested and was met, `taker` when it met what rested."""

    maker_bps: int
    taker_bps: int


FREE = FeeRates(maker_bps=0, taker_bps=0)
RATES = {"crypto": FeeRates(maker_bps=15, taker_bps=25)}


def rates_for(asset_class: str) -> FeeRates:
    """The rates that an order placed now keeps for its life."""
    return RATES.get(asset_class, FREE)
