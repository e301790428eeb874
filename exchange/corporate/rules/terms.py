"""What a corporate action gives for a number of units.

What a customer receives is rounded down, to whole cents and whole units.
"""

from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction

from banking.rules.assets import EXACT, USD, Asset
from exchange.market.rules import calendar
from exchange.market.rules.ticks import increment_at


def paid_cents(asset: Asset, units: int, amount: Decimal, divisor: Decimal) -> int:
    """Cents for `units` at `amount` dollars for each share, or each `divisor` of face value.

    The divisor is 1 for shares and 100 for bonds.
    """
    dollars = EXACT.divide(EXACT.multiply(asset.amount(units), amount), divisor)
    return USD.units_down(dollars)


def units_after_split(units: int, ratio: Fraction) -> int:
    """New units for old ones; a fraction of the smallest unit is dropped."""
    return units * ratio.numerator // ratio.denominator


def price_after_split(price: Decimal, ratio: Fraction) -> Decimal:
    """The price of a new share, to the eight decimals in which prices are stored."""
    exact = EXACT.divide(EXACT.multiply(price, Decimal(ratio.denominator)), ratio.numerator)
    return exact.quantize(Decimal("1e-8"), context=EXACT)


def order_price_after_split(
    price: Decimal, ratio: Fraction, increment: Decimal, asset_class: str, *, buys: bool
) -> Decimal:
    """An order's price for new shares, on the price grid: a buy's rounded down, a sell's up.

    So the hold of a buy still covers it. `increment` is the instrument's usual one; the grid is
    that at the new price. The result can be zero if the old price was very low.
    """
    exact = EXACT.divide(EXACT.multiply(price, Decimal(ratio.denominator)), ratio.numerator)
    increment = increment_at(exact, increment, asset_class)
    rounding = ROUND_FLOOR if buys else ROUND_CEILING
    increments = EXACT.divide(exact, increment).to_integral_value(rounding, EXACT)
    return EXACT.multiply(increments, increment)


def coupon_ex_date(coupon_date: date) -> date:
    """The first day whose trades settle on the coupon date or later.

    A buyer whose trade settles on the coupon date pays no accrued interest, so the coupon is the
    seller's. A buyer whose trade settles before it has paid for it.
    """
    return calendar.settles_from(coupon_date)
