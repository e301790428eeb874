"""What a trade costs: rates by asset class, in basis points of the traded value.

The rates are in the table `FeeSchedule`, which an administrator can edit. The ones below are for a
class that is not in the table.
"""

from dataclasses import dataclass
from decimal import Decimal

from be.kernel.refusals import Refusal

BASIS_POINT = Decimal("0.0001")
# Ten per cent: more can only be a typing error. A database constraint refuses it too.
HIGHEST_BPS = 1000


class FeeTooHigh(Refusal):
    """A rate above HIGHEST_BPS."""

    code = "fee_too_high"
    title = "The fee is too high"


def check_rate(bps: int, *, field: str) -> None:
    """Refuse a rate above HIGHEST_BPS. Raises FeeTooHigh."""
    if bps > HIGHEST_BPS:
        raise FeeTooHigh(
            f"{bps} basis points are {percent(bps)} of the traded value; at most {HIGHEST_BPS}, "
            f"which are {percent(HIGHEST_BPS)}.",
            field=field,
        )


def percent(bps: int) -> str:
    """25 is "0.25 %"."""
    return f"{Decimal(bps) / 100:f} %"


@dataclass(frozen=True, slots=True)
class FeeRates:
    """Basis points: `maker_bps` for an order that rested, `taker_bps` for one that took."""

    maker_bps: int
    taker_bps: int


FREE = FeeRates(maker_bps=0, taker_bps=0)
DEFAULTS = {"crypto": FeeRates(maker_bps=15, taker_bps=25)}


def default_rates(asset_class: str) -> FeeRates:
    """The rates of a class for which no schedule has been entered."""
    return DEFAULTS.get(asset_class, FREE)
