"""What a trade costs: rates by asset class, in basis points of the traded value.

The table `FeeSchedule`, which an administrator can edit, has the last word; these are the rates of
a class that is not in it.
"""

from dataclasses import dataclass
from decimal import Decimal

from be.kernel.refusals import Refusal

BASIS_POINT = Decimal("0.0001")
# Ten per cent: what is more can only be a slip. The database refuses it too.
HIGHEST_BPS = 1000


class FeeTooHigh(Refusal):
    """A rate that no broker asks for."""

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
    """`maker` when the order rested and was met, `taker` when it met what rested."""

    maker_bps: int
    taker_bps: int


FREE = FeeRates(maker_bps=0, taker_bps=0)
DEFAULTS = {"crypto": FeeRates(maker_bps=15, taker_bps=25)}


def default_rates(asset_class: str) -> FeeRates:
    """The rates of a class for which no schedule has been entered."""
    return DEFAULTS.get(asset_class, FREE)
